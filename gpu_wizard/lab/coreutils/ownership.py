"""Who may do what with a file: chmod, chown, chgrp, touch."""

from __future__ import annotations

import datetime
import getopt
import time
from collections.abc import Callable, Iterator

from gpu_wizard.lab.coreutils.names import owner_ids
from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.modes import changed_mode
from gpu_wizard.lab.view import FileView


def _tree(view: FileView, path: str, recursive: bool) -> Iterator[str]:
    yield path
    if recursive and (children := view.look(path, follow=False).children) is not None:
        for name in sorted(children):
            yield from _tree(view, f"{path.rstrip('/')}/{name}", recursive)


async def _each(
    run: Run, operands: list[str], recursive: bool, doing: str, change: Callable[[str], None]
) -> int:
    """Apply a change to each path: 1 if one failed, after the others are done."""
    status = 0
    for name in operands:
        path = run.path(name)
        try:
            for each in list(_tree(run.view, path, recursive)):
                change(each)
        except FileNotFoundError as problem:
            status = await run.fail(f"cannot access '{name}': {problem.strerror}")
        except OSError as problem:
            status = await run.fail(f"{doing} '{name}': {problem.strerror}")
    return status


async def chmod(run: Run) -> int:
    """`chmod [-R] MODE FILE...`; a mode may start with a minus sign."""
    words = [word for word in run.argv[1:] if word not in ("-R", "-v", "-c", "-f", "--")]
    if len(words) < 2:
        return await run.fail("missing operand")
    spec, *operands = words

    def change(path: str) -> None:
        node = run.view.look(path)
        is_directory = node.children is not None
        mode = changed_mode(spec, node.mode, directory=is_directory, umask=run.view.umask)
        run.view.chmod(path, mode)

    try:
        changed_mode(spec, 0, directory=False, umask=0)
    except ValueError:
        return await run.fail(f"invalid mode: ‘{spec}’")
    recursive = "-R" in run.argv[1:]
    return await _each(run, operands, recursive, "changing permissions of", change)


async def chown(run: Run) -> int:
    """`chown [-hR] OWNER[:GROUP] FILE...`."""
    return await _give(run, "", "changing ownership of")


async def chgrp(run: Run) -> int:
    """`chgrp [-hR] GROUP FILE...`."""
    return await _give(run, ":", "changing group of")


async def _give(run: Run, prefix: str, doing: str) -> int:
    try:
        options, words = getopt.gnu_getopt(
            list(run.argv[1:]), "hRvcfLPH", ["no-dereference", "recursive"]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    if len(words) < 2:
        return await run.fail("missing operand")
    try:
        uid, gid = owner_ids(run, prefix + words[0])
    except ValueError:
        kind = "group" if prefix else "user"
        return await run.fail(f"invalid {kind}: ‘{words[0]}’")
    given = {name for name, _ in options}
    follow = not given & {"-h", "--no-dereference"}
    recursive = bool(given & {"-R", "--recursive"})
    return await _each(
        run, words[1:], recursive, doing, lambda path: run.view.chown(path, uid, gid, follow)
    )


def _moment(text: str) -> float:
    """A time as `date -d` and `touch -d` take it: `@SECONDS` or ISO 8601, UTC if not said."""
    if text.startswith("@"):
        return float(text[1:])
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _stamp(text: str) -> float:
    """`[[CC]YY]MMDDhhmm[.ss]`, as `touch -t` takes it."""
    digits, _, seconds = text.partition(".")
    full = digits if len(digits) == 12 else f"20{digits:>10}"
    moment = datetime.datetime.strptime(f"{full}{seconds or '00'} +0000", "%Y%m%d%H%M%S %z")
    return moment.timestamp()


async def touch(run: Run) -> int:
    """`touch [-acm] [-d TIME | -t STAMP | -r FILE] FILE...`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "acmhd:t:r:", ["date=", "reference=", "no-create"]
        )
        given = dict(options)
        when = time.time()
        if at := given.get("-d", given.get("--date")):
            when = _moment(at)
        elif "-t" in given:
            when = _stamp(given["-t"])
        elif model := given.get("-r", given.get("--reference")):
            when = run.view.look(run.path(model)).modified
    except (getopt.GetoptError, ValueError, OSError) as problem:
        return await run.fail(str(problem))
    status = 0
    for name in operands:
        path = run.path(name)
        try:
            if not run.view.exists(path):
                if given.keys() & {"-c", "--no-create"}:
                    continue
                run.view.write(path, b"")
            run.view.touch(path, when)
        except OSError as problem:
            status = await run.fail(f"cannot touch '{name}': {problem.strerror}")
    return status
