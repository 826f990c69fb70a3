"""File modes as `chmod` writes and `ls` shows them."""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)")
_CLASSES = {"u": 0o4700, "g": 0o2070, "o": 0o1007}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


def changed_mode(spec: str, mode: int, *, directory: bool, umask: int) -> int:
    """The mode that `chmod SPEC` makes of `mode`. Raises: ValueError for no such mode."""
    if re.fullmatch(r"[0-7]{1,5}", spec):
        wanted = int(spec, 8)
        kept = mode & 0o6000 if directory and len(spec) < 5 else 0
        return wanted | kept
    clauses = [_CLAUSE.fullmatch(clause) for clause in spec.split(",")]
    for found in clauses:
        if found is None:
            raise ValueError(spec)
        for operator, letters in _ACTION.findall(found[2]):
            mode = _applied(found[1], operator, letters, mode, directory, umask)
    return mode


def _applied(
    classes: str, operator: str, letters: str, mode: int, directory: bool, umask: int
) -> int:
    mask = 0
    for name in "ugo" if not classes or "a" in classes else classes:
        mask |= _CLASSES[name]
    bits = _bits(letters, mode, directory) & mask
    if not classes:
        bits &= ~umask
    if operator == "+":
        return mode | bits
    if operator == "-":
        return mode & ~bits
    kept = 0o6000 & mode if directory else 0
    return (mode & ~mask) | bits | (kept & mask)


def _bits(letters: str, mode: int, directory: bool) -> int:
    if letters in ("u", "g", "o") and letters:
        one = mode >> {"u": 6, "g": 3, "o": 0}[letters] & 7
        return one * 0o111
    bits = 0
    for letter in letters:
        if letter == "X":
            bits |= 0o111 if directory or mode & 0o111 else 0
        else:
            bits |= _BITS[letter]
    return bits


def spelled(kind: str, mode: int) -> str:
    """A mode as `ls -l` shows it, behind the letter of the type."""
    letters = ["r", "w", "x"] * 3
    shown = [letter if mode & 1 << (8 - at) else "-" for at, letter in enumerate(letters)]
    for at, bit, mark in ((2, 0o4000, "s"), (5, 0o2000, "s"), (8, 0o1000, "t")):
        if mode & bit:
            shown[at] = mark if shown[at] == "x" else mark.upper()
    return kind + "".join(shown)
