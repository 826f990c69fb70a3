"""`rm`, whose `-f` hides what is missing but not what is refused."""

from __future__ import annotations

import getopt

from gpu_wizard.lab.kernel import Run


async def rm(run: Run) -> int:
    """`rm [-dfirRv] FILE...`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "dfiIrRv", ["force", "recursive", "dir", "verbose"]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    names = {name for name, _ in options}
    force, recursive = names & {"-f", "--force"}, names & {"-r", "-R", "--recursive"}
    if not operands:
        return 0 if force else await run.fail("missing operand")
    status = 0
    for name in operands:
        path = run.path(name).rstrip("/") or "/"
        try:
            if path == "/":
                status = await run.fail("it is dangerous to operate recursively on '/'")
                continue
            node = run.view.look(path, follow=False)
            if node.children is not None and not (recursive or names & {"-d", "--dir"}):
                status = await run.fail(f"cannot remove '{name}': Is a directory")
                continue
            run.view.remove(path, recursive=bool(recursive))
        except (FileNotFoundError, NotADirectoryError) as problem:
            if not force:
                status = await run.fail(f"cannot remove '{name}': {problem.strerror}")
        except OSError as problem:
            status = await run.fail(f"cannot remove '{name}': {problem.strerror}")
    return status
