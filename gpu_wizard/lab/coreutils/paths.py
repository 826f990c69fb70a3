"""Names and directories: mkdir, realpath."""

from __future__ import annotations

import getopt
import posixpath

from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.modes import changed_mode
from gpu_wizard.lab.view import FileView


async def mkdir(run: Run) -> int:
    """`mkdir [-pv] [-m MODE] DIRECTORY...`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "pm:vZ", ["parents", "mode=", "verbose"]
        )
        given = dict(options)
        spec = given.get("-m", given.get("--mode"))
        mode = 0o777 if spec is None else changed_mode(spec, 0o777, directory=True, umask=0)
    except (getopt.GetoptError, ValueError) as problem:
        return await run.fail(str(problem))
    if not operands:
        return await run.fail("missing operand")
    parents = bool(given.keys() & {"-p", "--parents"})
    status = 0
    for name in operands:
        path = run.path(name).rstrip("/") or "/"
        try:
            existed = run.view.exists(path)
            run.view.mkdir(path, parents)
            if spec is not None and not existed:
                run.view.chmod(path, mode)
        except OSError as problem:
            status = await run.fail(f"cannot create directory ‘{name}’: {problem.strerror}")
    return status


def resolved(view: FileView, path: str, missing: int) -> str:
    """A path without links. `missing`: 0 all must exist, 1 all but the last, 2 none.

    Raises: OSError where something that must exist does not.
    """
    done = "/"
    pending = [part for part in path.split("/") if part][::-1]
    for _ in range(4096):
        if not pending:
            break
        name = pending.pop()
        if name in (".", ".."):
            done = posixpath.dirname(done) if name == ".." else done
            continue
        step = posixpath.join(done, name)
        try:
            node = view.look(step, follow=False)
        except FileNotFoundError:
            if missing < (2 if pending else 1):
                raise
            done = step
            continue
        if node.target is None:
            done = step
            continue
        pending.extend([part for part in node.target.split("/") if part][::-1])
        done = "/" if node.target.startswith("/") else done
    return done


async def realpath(run: Run) -> int:
    """`realpath [-emqs] FILE...`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "emqsLPz", ["canonicalize-existing", "canonicalize-missing"]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    letters = {name.lstrip("-")[:1] if len(name) == 2 else name[15:16] for name, _ in options}
    missing = 0 if "e" in letters else 2 if "m" in letters else 1
    status = 0
    for name in operands:
        try:
            shown = run.path(name)
            await run.say(
                shown
                if "s" in letters
                else resolved(run.view, posixpath.join(run.directory, name), missing)
            )
        except OSError as problem:
            status = await run.fail(f"{name}: {problem.strerror}")
    return status
