"""New files of a wanted owner and mode: cp, install, mktemp."""

from __future__ import annotations

import getopt
import posixpath
import secrets
import string
from dataclasses import dataclass

from gpu_wizard.lab.coreutils.names import owner_ids
from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.modes import changed_mode
from gpu_wizard.lab.tree import Node

_ALPHABET = string.ascii_letters + string.digits
_COPY_OPTIONS = [
    "archive",
    "force",
    "no-clobber",
    "preserve",
    "recursive",
    "no-target-directory",
    "target-directory=",
    "update",
    "verbose",
    "no-dereference",
    "dereference",
]


@dataclass
class _Copy:
    """One `cp`, with its options as letters."""

    run: Run
    letters: str

    @property
    def recursive(self) -> bool:
        return bool(set("raR") & set(self.letters))

    @property
    def keeps(self) -> bool:
        return bool(set("pa") & set(self.letters))

    async def one(self, name: str, target: str) -> int:
        """Copy what `name` is to the path `target`: exit status."""
        view, source = self.run.view, self.run.path(name)
        follow = not (self.recursive or set("dP") & set(self.letters))
        try:
            node = view.look(source, follow)
            if node.children is not None:
                if not self.recursive:
                    return await self.run.fail(f"-r not specified; omitting directory '{name}'")
                return await self._directory(name, node, target)
            if node.target is not None:
                self._link(node.target, target)
                return 0
            if "n" in self.letters and view.exists(target):
                return 0
            self._file(await self.run.content(name), node, target)
        except FileNotFoundError as problem:
            where = "cannot stat" if problem.filename == source else "cannot create regular file"
            return await self.run.fail(f"{where} '{name}': {problem.strerror}")
        except OSError as problem:
            return await self.run.fail(f"cannot copy '{name}': {problem.strerror}")
        return 0

    def _link(self, text: str, target: str) -> None:
        view = self.run.view
        if view.tree.walk(target, view.who, follow=False)[2] is not None:
            view.remove(target)
        view.symlink(text, target)

    def _file(self, content: bytes, node: Node, target: str) -> None:
        view = self.run.view
        if "f" in self.letters and view.exists(target) and not view.allows(target, 2):
            view.remove(target)
        view.write(target, content, node.mode & 0o777)
        self._keep(node, target)

    def _keep(self, node: Node, target: str) -> None:
        view = self.run.view
        if not self.keeps:
            return
        if view.who.uid == 0:
            view.chown(target, node.uid, node.gid)
        view.chmod(target, node.mode)
        view.touch(target, node.modified)

    async def _directory(self, name: str, node: Node, target: str) -> int:
        view = self.run.view
        if not view.exists(target):
            view.mkdir(target, mode=node.mode & 0o777)
        status = 0
        for below in view.names(self.run.path(name)):
            status = await self.one(f"{name.rstrip('/')}/{below}", f"{target}/{below}") or status
        self._keep(node, target)
        return status


def _targets(run: Run, names: list[str], into: str | None, single: bool) -> list[tuple[str, str]]:
    """Each name with the path that it is to become. Raises: ValueError, told to the user."""
    if into is None:
        if len(names) < 2:
            raise ValueError(
                f"missing destination file operand after '{names[0]}'"
                if names
                else "missing file operand"
            )
        *names, into = names
    path = run.path(into)
    view = run.view
    is_directory = view.exists(path) and view.look(path).children is not None
    if is_directory and not single:
        base = path.rstrip("/")
        return [(name, f"{base}/{posixpath.basename(name.rstrip('/'))}") for name in names]
    if len(names) > 1:
        raise ValueError(f"target '{into}' is not a directory")
    return [(names[0], path.rstrip("/") or "/")]


async def cp(run: Run) -> int:
    """`cp [-adfnpPrRTuv] [-t DIRECTORY] SOURCE... TARGET`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "abdfiHLlnPpRrst:TuvxZ", _COPY_OPTIONS
        )
        given = dict(options)
        letters = "".join(name.lstrip("-")[:1] for name in given)
        letters += "P" if "--no-dereference" in given else ""
        into = given.get("-t", given.get("--target-directory"))
        single = bool(given.keys() & {"-T", "--no-target-directory"})
        targets = _targets(run, operands, into, single)
    except (getopt.GetoptError, ValueError) as problem:
        return await run.fail(str(problem))
    copy = _Copy(run, letters)
    status = 0
    for name, target in targets:
        status = await copy.one(name, target) or status
    return status


async def install(run: Run) -> int:
    """`install [-dDpTv] [-m MODE] [-o OWNER] [-g GROUP] [-t DIRECTORY] FILE...`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]),
            "bcCdDg:m:o:pst:Tv",
            ["mode=", "owner=", "group=", "directory", "target-directory="],
        )
        given = dict(options)
        spec = given.get("-m", given.get("--mode", "755"))
        mode = changed_mode(spec, 0, directory="-d" in given, umask=0)
        uid, _ = owner_ids(run, given.get("-o", given.get("--owner", "")))
        _, gid = owner_ids(run, ":" + given.get("-g", given.get("--group", "")))
        if given.keys() & {"-d", "--directory"}:
            pairs = [("", run.path(name)) for name in operands]
        else:
            into = given.get("-t", given.get("--target-directory"))
            pairs = _targets(run, operands, into, "-T" in given)
    except (getopt.GetoptError, ValueError) as problem:
        return await run.fail(str(problem))
    status = 0
    for name, target in pairs:
        try:
            await _install_one(run, name, target, "-D" in given)
            run.view.chown(target, uid, gid)
            run.view.chmod(target, mode)
        except OSError as problem:
            status = await run.fail(
                f"cannot create '{problem.filename or target}': {problem.strerror}"
            )
    return status


async def _install_one(run: Run, name: str, target: str, parents: bool) -> None:
    view = run.view
    if not name:
        view.mkdir(target, parents=True, mode=0o755)
        return
    content = await run.content(name)
    if parents:
        view.mkdir(posixpath.dirname(target), parents=True, mode=0o755)
    if view.exists(target):
        view.remove(target)
    view.write(target, content, 0o600)


async def mktemp(run: Run) -> int:
    """`mktemp [-dqtu] [-p DIRECTORY] [--suffix=SUFFIX] [TEMPLATE]`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "dqtup:", ["directory", "tmpdir=", "suffix=", "dry-run"]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    given = dict(options)
    temporary = run.environment.get("TMPDIR", "/tmp")  # noqa: S108 a path of the lab's own tree
    template = operands[0] if operands else "tmp.XXXXXXXXXX"
    folder = given.get(
        "-p", given.get("--tmpdir", temporary if not operands or "-t" in given else "")
    )
    found = template.rfind("X") + 1
    stem = template[:found].rstrip("X")
    if found - len(stem) < 3:
        return await run.fail(f"too few X's in template ‘{template}’")
    random = "".join(secrets.choice(_ALPHABET) for _ in range(found - len(stem)))
    name = posixpath.join(folder, stem + random + template[found:] + given.get("--suffix", ""))
    try:
        if given.keys() & {"-d", "--directory"}:
            run.view.mkdir(run.path(name), mode=0o700)
        elif not given.keys() & {"-u", "--dry-run"}:
            run.view.write(run.path(name), b"", 0o600)
    except OSError as problem:
        kind = "directory" if "-d" in given else "file"
        return await run.fail(f"failed to create {kind} via template ‘{name}’: {problem.strerror}")
    await run.say(name)
    return 0
