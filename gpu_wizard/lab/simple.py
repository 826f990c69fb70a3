"""Shell text that is one command of plain words: nothing in it is for the interpreter to expand."""

from __future__ import annotations

import re

_PART = r"""(?:[\w@%+=:,./-]|'[^']*'|"'")"""
"""What `shlex.quote` writes."""
_COMMAND = re.compile(rf"[ \t]*{_PART}+(?:[ \t]+{_PART}+)*[ \t\n]*")
_WORD = re.compile(rf"{_PART}+")
_QUOTED = re.compile(r"""'([^']*)'|"(')\"""")


def words(script: str) -> tuple[str, ...]:
    """The words of a script that is one such command; none where it is more, or may be."""
    if not _COMMAND.fullmatch(script):
        return ()
    found = tuple(_unquoted(part) for part in _WORD.findall(script))
    first = _WORD.search(script)
    return () if first is None or first[0] != found[0] or "=" in found[0] else found


def _unquoted(part: str) -> str:
    return _QUOTED.sub(lambda quoted: quoted[1] if quoted[1] is not None else "'", part)
