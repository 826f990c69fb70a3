"""`xargs`: command lines out of what is read."""

from __future__ import annotations

import getopt
import shlex
from collections.abc import Iterator

from gpu_wizard.lab.kernel import Run

_SOME_FAILED, _SAID_STOP = 123, 124
"""What xargs ends with when a command ended with 1 to 125, and with 255."""


def _lines(content: str, given: dict[str, str]) -> list[str]:
    if "-0" in given or "--null" in given:
        return [item for item in content.split("\0") if item]
    if "-d" in given:
        return [
            item for item in content.rstrip("\n").split(given["-d"].replace("\\n", "\n")) if item
        ]
    if "-I" in given or "-L" in given:
        return [line.strip() for line in content.splitlines() if line.strip()]
    lexer = shlex.shlex(content, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    return list(lexer)


def _command_lines(
    words: list[str], items: list[str], given: dict[str, str]
) -> Iterator[tuple[str, ...]]:
    if "-I" in given:
        for item in items:
            yield tuple(word.replace(given["-I"], item) for word in words)
        return
    count = int(given.get("-n", given.get("-L", len(items) or 1)))
    for start in range(0, len(items), count):
        yield (*words, *items[start : start + count])
    if not items and not given.keys() & {"-r", "--no-run-if-empty"}:
        yield tuple(words)


async def xargs(run: Run) -> int:
    """`xargs [-0rtx] [-d DELIMITER] [-I TEXT] [-L N] [-n N] [-P N] [-a FILE] PROGRAM...`."""
    try:
        options, words = getopt.getopt(
            list(run.argv[1:]), "0rtxpd:I:L:n:P:s:E:a:", ["null", "no-run-if-empty"]
        )
        given = dict(options)
        content = run.view.read(run.path(given["-a"])) if "-a" in given else await run.read()
        items = _lines(content.decode("utf-8", "surrogateescape"), given)
        calls = list(_command_lines(words or ["echo"], items, given))
    except (getopt.GetoptError, ValueError, OSError) as problem:
        return await run.fail(str(problem))
    failed = False
    for argv in calls:
        status = await run.start(argv, streams=run.streams.reading(b""))
        if status in (126, 127):
            return status
        if status == 255:
            return _SAID_STOP
        failed = failed or status != 0
    return _SOME_FAILED if failed else 0
