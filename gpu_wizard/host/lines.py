"""Remote bytes become safe text here, a chunk at a time, and nowhere else.

Kept: text, LF, CR, tab and colour sequences (SGR). Everything else that a terminal would obey is dropped:
other escape sequences and controls, also C1; bidirectional controls and Unicode line separators, which
make text read otherwise than it is. Known secrets become `***`. Where chunks are cut changes nothing.
"""

from __future__ import annotations

import codecs
import re

from gpu_wizard.model.line import Chunk, Stream
from gpu_wizard.model.secret import Secret

HIDDEN = "***"
SHORTEST_SECRET = 4
"""Below this many characters a replacement would spoil ordinary text and tell the secret by its gaps."""

_KEPT = b"\n\r\t"
_DROPPED = bytes(code for code in (*range(0x20), 0x7F) if code not in (*_KEPT, 0x1B))
_STRING_BODY = r"[^\x07\x18\x1a\x1b\n\r\x9c]*"
_STRING_END = r"(?:\x07|\x9c|\x1b\\)"
_STRING_REST = re.compile(_STRING_BODY + rf"({_STRING_END})?")
_LONGEST_SEQUENCE = 80
_ODD = re.compile(
    r"(\x1b\[[0-9;:]{0,64}m)"
    r"|(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,4}[@-~]?"
    rf"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f]){_STRING_BODY}{_STRING_END}?"
    r"|\x1b(?![\[\]PX^_])[ -/]{0,4}[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f"
    r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_OPEN_SEQUENCE = re.compile(r"(?:(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,4}|\x1b[ -/]{0,4})\Z")
_OPEN_STRING = re.compile(rf"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f]){_STRING_BODY}(\x1b?)\Z")


class Secrets:
    """The secret values known so far, shared by all cleaners of one host."""

    def __init__(self) -> None:
        self._values: tuple[str, ...] = ()
        self._pattern = re.compile(r"(?!)")

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} hidden)"

    def add(self, secret: Secret) -> None:
        """Hide this value from now on, and each line of it where it has several."""
        text = secret.reveal().decode(errors="replace")
        lines = {line.strip() for line in text.splitlines()}
        found = {line for line in lines if len(line) >= SHORTEST_SECRET}
        if found <= set(self._values):
            return
        self._values = tuple(sorted({*self._values, *found}, key=len, reverse=True))
        self._pattern = re.compile("|".join(re.escape(value) for value in self._values))

    def hide(self, text: str) -> str:
        """A whole text with every secret replaced."""
        return self._pattern.sub(HIDDEN, text) if self._occurs(text) else text

    def hide_start(self, text: str) -> tuple[str, str]:
        """The text with secrets replaced as far as that is certain, and the rest that may begin a secret."""
        if not self._values:
            return text, ""
        pieces: list[str] = []
        at, held = 0, self._held_from(text, 0)
        found = self._pattern.search(text) if self._occurs(text) else None
        while found is not None and found.start() < held:
            pieces += (text[at : found.start()], HIDDEN)
            at = found.end()
            held = self._held_from(text, at)
            found = self._pattern.search(text, at)
        return "".join((*pieces, text[at:held])), text[held:]

    def _occurs(self, text: str) -> bool:
        return any(value in text for value in self._values)

    def _held_from(self, text: str, at: int) -> int:
        """Where the earliest piece at the end begins that could still become a secret."""
        longest = 0
        for value in self._values:
            room = min(len(value) - 1, len(text) - at)
            fits = (size for size in range(room, longest, -1) if text.endswith(value[:size]))
            longest = max(longest, next(fits, 0))
        return len(text) - longest


class Cleaner:
    """Cleans one stream of one program. `feed` gives a chunk, or None where nothing can be shown yet."""

    def __init__(self, stream: Stream, secrets: Secrets) -> None:
        self._stream = stream
        self._secrets = secrets
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._open = ""
        self._in_string = False
        self._held = ""

    def feed(self, data: bytes) -> Chunk | None:
        """Clean the next bytes."""
        return self._chunk(*self._secrets.hide_start(self._held + self._cleaned(data)))

    def end(self) -> Chunk | None:
        """What was held back, at the end of the stream."""
        rest = _without_odd(self._open + self._decoder.decode(b"", final=True))
        rest = "" if self._in_string else rest
        self._open, self._in_string = "", False
        return self._chunk(self._secrets.hide(self._held + rest), "")

    def _chunk(self, text: str, held: str) -> Chunk | None:
        self._held = held
        return Chunk(self._stream, text) if text else None

    def _cleaned(self, data: bytes) -> str:
        plain = not self._open and not self._in_string and b"\x1b" not in data and data.isascii()
        if plain and not self._decoder.getstate()[0]:
            return data.translate(None, _DROPPED).decode("ascii")
        text = self._open + self._decoder.decode(data)
        self._open = ""
        if self._in_string:
            text = self._after_string(text)
        return self._closed(text)

    def _after_string(self, text: str) -> str:
        """What follows a control string that began in an earlier chunk."""
        rest = _STRING_REST.match(text)
        at = rest.end() if rest else 0
        if rest and rest[1] is None and text[at:] in ("", "\x1b"):
            self._open = text[at:]
            return ""
        self._in_string = False
        return text[at:]

    def _closed(self, text: str) -> str:
        """Clean a text whose last sequence may go on in the next chunk; that is kept back."""
        if not text:
            return ""
        sequence = _OPEN_SEQUENCE.search(text, max(0, len(text) - _LONGEST_SEQUENCE))
        string = self._open_string(text)
        if string is not None:
            self._in_string = True
            self._open = string[1]
            return _without_odd(text[: string.start()])
        if sequence is not None:
            self._open = sequence[0]
            return _without_odd(text[: sequence.start()])
        return _without_odd(text)

    def _open_string(self, text: str) -> re.Match[str] | None:
        """A control string that is not over at the end of the text."""
        line = max(text.rfind("\n"), text.rfind("\r"), text.rfind("\x07")) + 1
        for found in _ODD.finditer(text, line):
            opened = _OPEN_STRING.match(text, found.start())
            if opened is not None:
                return opened
        return None


def _without_odd(text: str) -> str:
    return _ODD.sub(r"\1", text)


def clean_lines(data: bytes, secrets: Secrets, last: int = 20) -> tuple[str, ...]:
    """The last lines of finished output, safe to show: for errors."""
    text = secrets.hide(_without_odd(data.decode(errors="replace")))
    lines = [line.rstrip() for line in text.replace("\r", "\n").split("\n")]
    return tuple(line for line in lines if line)[-last:]
