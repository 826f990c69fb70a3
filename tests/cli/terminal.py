"""A pseudo-terminal in which the program runs, and the screen that it paints."""

from __future__ import annotations

import contextlib
import os
import sys

import pexpect
import pyte

WAIT_SECONDS = 60


class Terminal:
    """The program in a pseudo-terminal, and the screen that it paints."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "gpu_wizard", *arguments],
            env={**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
            dimensions=(24, 80),
            timeout=WAIT_SECONDS,
        )
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.painted = b""

    def until(self, text: str) -> str:
        """The screen once it holds this."""
        for _ in range(WAIT_SECONDS * 10):
            with contextlib.suppress(pexpect.TIMEOUT):
                got = self.child.read_nonblocking(65536, timeout=0.1)
                self.painted += got
                self._stream.feed(got)
            shown = "\n".join(self.screen.display)
            if text in shown:
                return shown
        raise AssertionError(f"waited in vain for {text}:\n{shown}")

    def end(self) -> int:
        """Quit; the exit status."""
        self.child.send("q")
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)
