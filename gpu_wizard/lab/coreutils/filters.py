"""The filters that a survey runs for every file it reads: base64, cat, head. Also true and false.

Each answers the plain forms itself; what it does not know, bashkit's own utility of that name does.
"""

from __future__ import annotations

import base64 as coding
import re
from collections.abc import AsyncIterator, Sequence

from gpu_wizard.lab.kernel import STDIN, Run

_LINE = 76
"""Columns of encoded text. Source: GNU coreutils, base64 invocation, `-w`."""
_GROUPS = re.compile(rb"(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)*")
_PADDED = re.compile(rb"[^=]+=*")
"""Texts encoded one by one may follow each other, each with its own padding."""


async def true(_run: Run) -> int:
    """`true`."""
    return 0


async def false(_run: Run) -> int:
    """`false`."""
    return 1


async def base64(run: Run) -> int:
    """`base64 [-d] [-w COLUMNS] [FILE]`."""
    words = list(run.argv[1:])
    decodes = words[:1] in (["-d"], ["--decode"])
    if decodes:
        words.pop(0)
    columns = _LINE
    if not decodes and len(words) > 1 and words[0] == "-w" and words[1].isdigit():
        columns = int(words[1])
        del words[:2]
    files = _files(run, words)
    if len(words) > 1 or files is None:
        return await run.kernel.perform_other(run)
    content = b"".join([piece async for piece in _pieces(run, files)])
    if decodes:
        return await _decoded(run, content)
    await run.out(_encoded(content, columns))
    return 0


def _encoded(content: bytes, columns: int) -> bytes:
    text = coding.b64encode(content)
    if not columns:
        return text
    return b"".join(text[at : at + columns] + b"\n" for at in range(0, len(text), columns))


async def _decoded(run: Run, content: bytes) -> int:
    """What stands before the first that is no base64 is written all the same."""
    text = content.replace(b"\n", b"")
    right = _GROUPS.match(text)
    whole = right[0] if right else b""
    await run.out(b"".join(coding.b64decode(part) for part in _PADDED.findall(whole)))
    return 0 if whole == text else await run.fail("invalid input")


async def cat(run: Run) -> int:
    """`cat [FILE]...`: each piece goes on as it comes."""
    files = _files(run, run.argv[1:])
    if files is None:
        return await run.kernel.perform_other(run)
    async for piece in _pieces(run, files):
        await run.out(piece)
    return 0


async def head(run: Run) -> int:
    """`head [-c BYTES | -n LINES] [FILE]`."""
    words, unit, count = list(run.argv[1:]), "-n", "10"
    if len(words) > 1 and words[0] in ("-c", "-n"):
        unit, count = words[:2]
        del words[:2]
    if len(words) > 1 or not (count.isdigit() and int(count)):
        return await run.kernel.perform_other(run)
    files, left = _files(run, words), int(count)
    if files is None:
        return await run.kernel.perform_other(run)
    async for piece in _pieces(run, files):
        taken = _first(piece, left, unit)
        left -= len(taken) if unit == "-c" else taken.count(b"\n")
        await run.out(taken)
        if left <= 0:
            break
    return 0


def _first(piece: bytes, left: int, unit: str) -> bytes:
    if unit == "-c":
        return piece[:left]
    lines = piece.split(b"\n", left)
    return piece if len(lines) <= left else b"\n".join((*lines[:left], b""))


def _files(run: Run, words: Sequence[str]) -> list[bytes] | None:
    """What these files hold; None where one can't be read, is standard input, or a word is an option."""
    try:
        return [_file(run, word) for word in words]
    except OSError:
        return None


def _file(run: Run, word: str) -> bytes:
    if word.startswith("-") or run.path(word) in STDIN:
        raise OSError(word)
    return run.view.read(run.path(word))


async def _pieces(run: Run, files: list[bytes]) -> AsyncIterator[bytes]:
    """The files one after the other; without any, standard input as it comes."""
    for content in files:
        yield content
    while not files and (piece := await run.streams.input.some()):
        yield piece
