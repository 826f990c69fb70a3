"""`diagnose`: reads files or standard input, says what they tell of. Nothing is connected to."""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gpu_wizard.cli.exits import Exit
from gpu_wizard.faces.diagnose import Part, as_json, as_text
from gpu_wizard.knowledge.diagnose import Diagnoser
from gpu_wizard.model.errors import InputError, Where

_BLOCK = 1 << 20
STDIN = "-"
_WIDE = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def diagnose(arguments: argparse.Namespace) -> Exit:
    """Diagnose what was given. Raises: InputError: an input can't be read; then nothing is printed."""
    diagnoser, parts = Diagnoser(), []
    for name in arguments.files or [STDIN]:
        parts.append(Part(name, diagnoser.lines + 1))
        for block in _blocks(name):
            diagnoser.feed(block)
        diagnoser.end_of_part()
    render = as_json if arguments.json else as_text
    print(render(diagnoser.end(), parts, arguments.lang))
    return Exit.DONE


def _blocks(name: str) -> Iterator[bytes]:
    if name == STDIN:
        yield from _read(sys.stdin.buffer, "standard input")
        return
    try:
        with Path(name).open("rb") as file:
            yield from _read(file, name)
    except OSError as error:
        raise _unreadable(name, error) from error


def _read(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Blocks as UTF-8; what Windows's shells write as UTF-16 is turned into it."""
    try:
        first = file.read(_BLOCK)
        wide = next((encoding for mark, encoding in _WIDE if first.startswith(mark)), None)
        decoder = codecs.getincrementaldecoder(wide)("replace") if wide else None
        while first:
            yield decoder.decode(first).encode(errors="replace") if decoder else first
            first = file.read(_BLOCK)
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(
        "log-unreadable",
        f"Can't read it: {error.strerror or error}.",
        Where(file=name),
        "Name a file that you may read, or pipe the text in.",
    )
