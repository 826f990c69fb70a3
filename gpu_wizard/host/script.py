"""Questions as one POSIX script, and the answers in what it prints.

The script runs each question with its own time limit and prints a mark behind it on both streams:
`TOKEN NUMBER STATUS`. So standard output and error stay apart, raw and of any bytes, without a temporary
file. The token is random for each script and stands in it only in two pieces, so that no listing of
processes can hold a mark. An answer without both marks was not given.
"""

from __future__ import annotations

import math
import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gpu_wizard.host.files import FILES_SCRIPT, files_arguments
from gpu_wizard.host.process import STREAMS, Process
from gpu_wizard.model.line import Stream
from gpu_wizard.model.question import Command, Files, HostAsk

SETTINGS = (
    "LC_ALL=C; export LC_ALL; "
    "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; "
)
"""Messages in English, and the programs of the administrator, which a plain login may not find."""

START = 0
"""The number of the mark that a script prints first, behind whatever the login shell had to say."""

_LONGEST_MARK = 80
_NUMBERS = re.compile(rb" (\d+) (\d+)\n")
"""What follows the token in a mark; compiled once, where the token is another one in each script."""

_FUNCTIONS = """\
mark() { printf '%s %s %s\\n' "$T" "$1" "$2"; printf '%s %s %s\\n' "$T" "$1" "$2" >&2; }
if timeout -k 2 5 true >/dev/null 2>&1; then
limited() { timeout -k 2 "$@"; }
else
limited() { shift; "$@"; }
fi
ask() { n=$1; shift; limited "$@" </dev/null; mark "$n" "$?"; }
"""


@dataclass(frozen=True)
class Token:
    """The random word of one script; no output can hold it by chance."""

    word: str = field(default_factory=lambda: f"gw-{secrets.token_hex(16)}", repr=False)

    @property
    def quoted(self) -> str:
        """The word as shell text that does not contain it."""
        return f"'{self.word[:9]}''{self.word[9:]}'"

    def mark(self, number: int, status: int = 0) -> bytes:
        """The mark that a script prints."""
        return f"{self.word} {number} {status}\n".encode()


def setting(token: Token) -> str:
    """What stands before `questions`: all of a script that is its own."""
    return f"{SETTINGS}T={token.quoted}\n"


def questions(asks: Mapping[int, HostAsk]) -> str:
    """The script that answers these questions, by number, in this order; `setting` stands before it."""
    has_files = any(isinstance(asked, Files) for asked in asks.values())
    files = f"FILES={shlex.quote(FILES_SCRIPT)}\n" if has_files else ""
    lines = (f"ask {number} {_question(asked)}\n" for number, asked in asks.items())
    return "".join((files, _FUNCTIONS, f"mark {START} 0\n", *lines))


def _question(asked: HostAsk) -> str:
    """The shell words."""
    seconds = str(max(1, math.ceil(asked.timeout_seconds)))
    if isinstance(asked, Command):
        return shlex.join((seconds, *asked.argv))
    return f'{seconds} sh -c "$FILES" sh {shlex.join(files_arguments(asked))}'


class Given(NamedTuple):
    """A raw answer."""

    status: int
    stdout: bytes
    stderr: bytes


class Marks:
    """Finds the answers in the two streams of a script as they come."""

    def __init__(self, token: Token) -> None:
        self._word = token.word.encode()
        self._searched: dict[Stream, int] = {"out": 0, "err": 0}
        self._found: dict[Stream, dict[int, tuple[int, bytes]]] = {"out": {}, "err": {}}

    def read(self, process: Process) -> None:
        """Take all that lies before the last mark of each stream."""
        for stream in STREAMS:
            held, found = process.held[stream], self._found[stream]
            if end := self._end(held, self._searched[stream]):
                answer, *pieces = process.take(stream, end).split(self._word)
                for piece in pieces:
                    mark = _NUMBERS.match(piece)
                    if mark is None:
                        answer += self._word + piece
                        continue
                    found[int(mark[1])] = int(mark[2]), answer
                    answer = piece[mark.end() :]
            self._searched[stream] = max(0, len(held) - _LONGEST_MARK)

    def _end(self, held: bytearray, start: int) -> int:
        """Where the last whole mark ends; 0: there is none from `start` on."""
        at = len(held)
        while (at := held.rfind(self._word, start, at)) >= 0:
            if mark := _NUMBERS.match(held, at + len(self._word)):
                return mark.end()
        return 0

    def answer(self, number: int) -> Given | None:
        """The answer to a question, once both of its marks have come."""
        out, err = self._found["out"].get(number), self._found["err"].get(number)
        return Given(out[0], out[1], err[1]) if out and err else None
