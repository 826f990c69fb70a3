"""Log text as signatures read it: one form for terminals, journald, JSON and Windows, line numbers kept.

Nothing here interprets what it reads; every step is one pass in C over a block of bytes.
"""

from __future__ import annotations

import re

_CONTROL = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\n\x1b")
_TO_BLANK = bytes(0x20 if code in _CONTROL else code for code in range(256))
_SEQUENCE = re.compile(
    rb"\x1b\[[0-?]{0,64}[ -/]{0,4}[@-~]?|\x1b\][^\x07\x1b\n]{0,512}(?:\x07|\x1b\\)?|\x1b.?"
)
_ESCAPED = (b'\\"', b"\\'")
_DEEP = 4
"""So often is text quoted in quoted text; each level is taken off by a plain replacement, which costs least."""
_ESCAPED_QUOTE = re.compile(rb"\\\\*+([\"'])?")
_ESCAPED_BLANK = re.compile(rb"\\\\*+(n|[rt](?![a-z]))?")
_CODE_POINT = re.compile(rb"\\\\*+(?:[uU]00(3[cCeE]|2[672]))?")
"""These three take a whole run of backslashes, whatever follows: else a long one is read again from each of them."""
_POINTS = {b"3c": b"<", b"3e": b">", b"26": b"&", b"27": b"'", b"22": b'"'}
_QUOTES = (
    (b"\xe2\x80\x9c", b'"'),
    (b"\xe2\x80\x9d", b'"'),
    (b"\xe2\x80\x98", b"'"),
    (b"\xe2\x80\x99", b"'"),
    (b"\xc2\xa0", b" "),
)
_FRAMES = ((b"\xe2\x94\x82", b" "), (b"\xe2\x94\x83", b" "), (b"\xe2\x95\x91", b" "))
_ENTITIES = (
    (b"&quot;", b'"'),
    (b"&#39;", b"'"),
    (b"&lt;", b"<"),
    (b"&gt;", b">"),
    (b"&amp;", b"&"),
)
_CITED = re.compile(rb"^[ \t]{0,3}>[> \t]*", re.MULTILINE)
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_BLANKS = re.compile(r"\s+")
LONGEST_SHOWN = 240
_FIELD = re.compile(r"\"\s+\w+=|\"\s*}|\",\s*\"\w+\":")
"""Where a message ends in a record of fields."""
_OWN = ('msg="', 'err="', 'error="')
_IDLE = (
    *(": unknown", ": OCI permission denied", ": OCI runtime error", ": OCI not found", "stdout:"),
    *(", stderr", "current transaction is aborted", "with arguments"),
)
"""What programs add to a message and that says nothing."""
_INNER, _LONGEST_INNER = 3, 150


def plain(block: bytes) -> bytes:
    """A block without terminal sequences, escapes of quoting and control characters; as many lines as before."""
    text = block.replace(b"\r\n", b"\n")
    if b"\x1b" in text:
        text = _SEQUENCE.sub(b"", text)
    text = text.translate(_TO_BLANK)
    if b"\\" in text:
        text = _unescaped(text)
    if b"\n>" in text or b"\n >" in text or text.startswith(b">"):
        text = _CITED.sub(b"", text)
    if b"&" in text and b";" in text:
        text = _replaced(text, _ENTITIES)
    if not text.isascii():
        text = _replaced(text, _QUOTES)
        if b"\xe2\x94" in text or b"\xe2\x95" in text:
            text = _replaced(text, _FRAMES)
    return text


def _replaced(text: bytes, pairs: tuple[tuple[bytes, bytes], ...]) -> bytes:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def _unescaped(text: bytes) -> bytes:
    if b"\\u00" in text or b"\\U00" in text:
        text = _CODE_POINT.sub(
            lambda found: _POINTS[found[1].lower()] if found[1] else found[0], text
        )
    for _ in range(_DEEP):
        for each in _ESCAPED:
            text = text.replace(each, each[1:])
    if any(each in text for each in _ESCAPED):
        text = _ESCAPED_QUOTE.sub(lambda found: found[1] or found[0], text)
    if b"\\" in text:
        text = _ESCAPED_BLANK.sub(lambda found: b" " if found[1] else found[0], text)
    return text


def collapsed(line: bytes) -> str:
    """A line as text with each run of blanks as one."""
    return b" ".join(line.split()).decode(errors="replace")


def shown(text: str) -> str:
    """A line as it may be printed: nothing invisible, nothing that a terminal obeys, of bounded length."""
    line = _BLANKS.sub(" ", _INVISIBLE.sub(" ", text)).strip()
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"


def innermost(message: str) -> str:
    """The last words of a message that wraps errors in errors: what the innermost program said."""
    begin = max((message.rfind(each) + len(each) for each in _OWN if each in message), default=0)
    message = _FIELD.split(message[begin:], maxsplit=1)[0]
    while True:
        cut = message.rstrip(" .,;:\"'}])")
        cut = next((cut.removesuffix(each) for each in _IDLE if cut.endswith(each)), cut)
        if cut == message:
            break
        message = cut
    parts = message.split(": ")[-_INNER:]
    while len(parts) > 1 and sum(map(len, parts)) > _LONGEST_INNER:
        parts = parts[1:]
    return ": ".join(parts)[-_LONGEST_INNER:].strip()


def line_as_shown(line: str) -> str:
    """A line as a finding quotes it."""
    return shown(collapsed(plain(line.encode(errors="replace"))))
