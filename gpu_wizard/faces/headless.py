"""What runs without a person: nobody answers but the file, and Ctrl-C asks to stop."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TextIO

from gpu_wizard.faces.jsonlines import JsonLines
from gpu_wizard.model.events import Event
from gpu_wizard.model.stage import Question


class Outlet:
    """A text stream that never raises: once it takes nothing more, the rest is let go of and `failed` says why.

    An error out of a face would end an action half-way.
    """

    def __init__(self, stream: TextIO, failing: Callable[[], None]) -> None:
        """`failing`: called once, when the stream fails."""
        self._stream, self._failing = stream, failing
        self.failed: OSError | None = None

    def write(self, text: str) -> None:
        """Write, and hand on at once."""
        if self.failed is not None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            self.failed = error
            self._failing()

    def isatty(self) -> bool:
        """Whether a terminal draws it."""
        return self._stream.isatty()


class Headless:
    """What both forms share: nobody answers but the file; Ctrl-C, and output that nobody takes, ask to stop."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Nobody asked to stop yet. `stream` None: nothing is written."""
        self._stop = False
        self.outlet = Outlet(stream or io.StringIO(), self.request_stop)

    async def choose(self, question: Question) -> str | None:
        """Plans are approved, as the command line asked; nothing else is decided for a person."""
        return {"approve": "approve", "failed": "stop"}.get(question.id)

    def stop_requested(self) -> bool:
        """Whether to stop after the step in hand."""
        return self._stop

    def request_stop(self) -> None:
        """Stop after the step in hand."""
        self._stop = True


class JsonFace(Headless):
    """One JSON object a line on standard output."""

    def __init__(self, stream: TextIO, version: str) -> None:
        """`version`: of the program."""
        super().__init__(stream)
        self._lines = JsonLines(self.outlet, version)

    async def show(self, event: Event) -> None:
        """Write one event."""
        self._lines.write(event)
