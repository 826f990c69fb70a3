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
            self.take(0.1)
            shown = "\n".join(self.screen.display)
            if text in shown:
                return shown
        raise AssertionError(f"waited in vain for {text}:\n{shown}")

    def take(self, seconds: float) -> None:
        """What comes in at most so many seconds."""
        with contextlib.suppress(pexpect.TIMEOUT):
            got = self.child.read_nonblocking(65536, timeout=seconds)
            self.painted += got
            self._stream.feed(got)

    def rest(self) -> bytes:
        """What is painted until the program has ended by itself."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return bytes(self.child.before)

    def hang_up(self) -> None:
        """Close the terminal under the program."""
        self.child.ptyproc.fileobj.close()
        self.child.ptyproc.closed = self.child.closed = True
        self.child.ptyproc.fd = self.child.child_fd = -1

    def end(self) -> int:
        """Quit; the exit status."""
        self.child.send("q")
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)
