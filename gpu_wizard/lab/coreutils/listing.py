"""What a file is: ls and stat, with the owners that bashkit does not know."""

from __future__ import annotations

import getopt
import posixpath
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from gpu_wizard.lab.coreutils.names import group_name, user_name
from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.modes import spelled
from gpu_wizard.lab.tree import Node

_TYPES = {
    "d": "directory",
    "l": "symbolic link",
    "c": "character special file",
    "-": "regular file",
}
_TYPE_BITS = {"d": 0o040000, "l": 0o120000, "c": 0o020000, "-": 0o100000}
_HALF_YEAR = 15_778_476
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "0": "\0", "a": "\a", "e": "\x1b", "r": "\r"}
_DEFAULT = (
    "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: 4096   %F\n"
    "Device: 8,1\tInode: %-11i  Links: %h\n"
    "Access: (%04a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n"
    "Access: %x\nModify: %y\nChange: %z\n Birth: %w"
)


def _links(node: Node) -> int:
    """Hard links: a directory has one for each directory in it, and two."""
    below = (node.children or {}).values()
    return (
        2 + sum(child.children is not None for child in below) if node.children is not None else 1
    )


def _blocks(node: Node) -> int:
    """Blocks of 512 bytes, on a file system with blocks of 4096; a short link takes none."""
    return 0 if node.target is not None else -(-node.size() // 4096) * 8


def _stamp(when: float) -> str:
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when)) + f".{int(when % 1 * 1e9):09} +0000"
    )


def _fact(run: Run, letter: str, shown: str, node: Node) -> str:
    """What one letter of a stat format stands for; the letter itself where it has no meaning."""
    facts: dict[str, Callable[[], str]] = {
        "a": lambda: f"{node.mode:o}",
        "A": lambda: spelled(node.kind(), node.mode),
        "b": lambda: str(_blocks(node)),
        "B": lambda: "512",
        "d": lambda: "2049",
        "f": lambda: f"{_TYPE_BITS[node.kind()] | node.mode:x}",
        "F": lambda: (
            "regular empty file" if node.kind() == "-" and not node.size() else _TYPES[node.kind()]
        ),
        "g": lambda: str(node.gid),
        "G": lambda: group_name(run, node.gid),
        "h": lambda: str(_links(node)),
        "i": lambda: str(id(node) % 1_000_000_007),
        "n": lambda: shown,
        "N": lambda: f"{shown} -> {node.target}" if node.target is not None else shown,
        "o": lambda: "4096",
        "s": lambda: str(node.size()),
        "t": lambda: f"{node.device[0]:x}" if node.device else "0",
        "T": lambda: f"{node.device[1]:x}" if node.device else "0",
        "u": lambda: str(node.uid),
        "U": lambda: user_name(run, node.uid),
        "%": lambda: "%",
    }
    if letter in "XYZW":
        return str(int(node.modified))
    if letter in "xyzw":
        return _stamp(node.modified)
    return facts.get(letter, lambda: "?")()


def _formatted(run: Run, form: str, shown: str, node: Node) -> str:
    def put(found: re.Match[str]) -> str:
        value = _fact(run, found[2], shown, node)
        flags = found[1]
        if not flags:
            return value
        width = int(flags.lstrip("-0#+ ") or 0)
        if flags.startswith("-"):
            return value.ljust(width)
        return value.rjust(width, "0" if flags.startswith("0") else " ")

    return re.sub(r"%([-0#+ ]*\d*)([A-Za-z%])", put, form)


async def stat(run: Run) -> int:
    """`stat [-L] [-c FORMAT | --printf=FORMAT] FILE...`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "Lc:t", ["dereference", "format=", "printf=", "terse"]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    given = dict(options)
    form = given.get("-c", given.get("--format", _DEFAULT)) + "\n"
    if "--printf" in given:
        form = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), given["--printf"])
    if not operands:
        return await run.fail("missing operand")
    status = 0
    for name in operands:
        try:
            node = run.view.look(run.path(name), follow="-L" in given or "--dereference" in given)
        except OSError as problem:
            status = await run.fail(f"cannot statx '{name}': {problem.strerror}")
            continue
        await run.out(_formatted(run, form, name, node).encode("utf-8", "surrogateescape"))
    return status


@dataclass
class _Listing:
    """One `ls`, with its options."""

    run: Run
    letters: str

    def has(self, *letters: str) -> bool:
        return any(letter in self.letters for letter in letters)

    def ordered(self, entries: list[tuple[str, Node]]) -> list[tuple[str, Node]]:
        if "t" in self.letters:
            entries = sorted(entries, key=lambda entry: -entry[1].modified)
        elif "S" in self.letters:
            entries = sorted(entries, key=lambda entry: -entry[1].size())
        return entries[::-1] if "r" in self.letters else entries

    def lines(self, entries: list[tuple[str, Node]]) -> list[str]:
        names = [self.name(name, node) for name, node in entries]
        if not self.has("l", "n", "g", "o"):
            return names
        rows = [self.row(node) for _, node in entries]
        widths = [max((len(row[at]) for row in rows), default=0) for at in range(5)]
        return [
            " ".join(
                cell.ljust(width) if at in (0, 2, 3) else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row[:5], widths, strict=True))
                if not (at == 2 and "g" in self.letters) and not (at == 3 and "o" in self.letters)
            )
            + f" {row[5]} {name}"
            for row, name in zip(rows, names, strict=True)
        ]

    def name(self, name: str, node: Node) -> str:
        if node.target is not None and self.has("l"):
            return f"{name} -> {node.target}"
        if self.has("F", "p") and node.children is not None:
            return name + "/"
        if "F" in self.letters and node.kind() == "-" and node.mode & 0o111:
            return name + "*"
        return name

    def row(self, node: Node) -> list[str]:
        numeric = "n" in self.letters
        owner = str(node.uid) if numeric else user_name(self.run, node.uid)
        group = str(node.gid) if numeric else group_name(self.run, node.gid)
        size = f"{node.device[0]}, {node.device[1]}" if node.device else self.size(node.size())
        recent = 0 <= time.time() - node.modified < _HALF_YEAR
        when = time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", time.gmtime(node.modified))
        mode = spelled(node.kind(), node.mode)
        return [mode, str(_links(node)), owner, group, size, when]

    def size(self, count: int) -> str:
        if "h" not in self.letters or count < 1024:
            return str(count)
        power = min((count.bit_length() - 1) // 10, 4)
        value = count / 1024**power
        return (
            f"{value:.1f}{'KMGT'[power - 1]}"
            if value < 10
            else f"{-(-value // 1):.0f}{'KMGT'[power - 1]}"
        )

    async def directory(self, shown: str, path: str) -> int:
        try:
            entries = self.run.view.entries(path)
            if "a" in self.letters:
                above = posixpath.dirname(path.rstrip("/")) or "/"
                entries = [
                    (".", self.run.view.look(path)),
                    ("..", self.run.view.look(above)),
                    *entries,
                ]
        except OSError as problem:
            return await self.run.fail(f"cannot open directory '{shown}': {problem.strerror}", 2)
        if not self.has("a", "A"):
            entries = [entry for entry in entries if not entry[0].startswith(".")]
        if self.has("l", "n"):
            await self.run.say(f"total {sum(_blocks(node) // 2 for _, node in entries)}")
        for line in self.lines(self.ordered(entries)):
            await self.run.say(line)
        if "R" not in self.letters:
            return 0
        status = 0
        for name, node in entries:
            if node.children is not None and name not in (".", ".."):
                below = f"{shown.rstrip('/')}/{name}"
                await self.run.say(f"\n{below}:")
                status = await self.directory(below, posixpath.join(path, name)) or status
        return status


async def ls(run: Run) -> int:
    """`ls [-1aAdFghlnoprRSt] [FILE...]`, a name a line."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]),
            "1aAbBcCdfFgGhHiklLmnNopqQrRsStTuUvwxXZ",
            ["all", "almost-all", "color=", "full-time", "directory"],
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem), 2)
    spelled_out = {"--all": "a", "--almost-all": "A", "--directory": "d", "--full-time": "l"}
    letters = "".join(
        spelled_out.get(name, name.strip("-")[:1]) for name, _ in options if name != "--color"
    )
    listing = _Listing(run, letters)
    plain: list[tuple[str, Node]] = []
    directories: list[str] = []
    status = 0
    for name in sorted(operands) or ["."]:
        try:
            node = run.view.look(
                run.path(name), follow=not listing.has("l", "d") or name.endswith("/")
            )
        except FileNotFoundError as problem:
            status = await run.fail(f"cannot access '{name}': {problem.strerror}", 2)
        except OSError as problem:
            status = await run.fail(f"cannot access '{name}': {problem.strerror}", 2)
        else:
            is_directory = node.children is not None and "d" not in letters
            if is_directory:
                directories.append(name)
            else:
                plain.append((name, node))
    for line in listing.lines(listing.ordered(plain)):
        await run.say(line)
    for at, name in enumerate(directories):
        if len(operands) > 1 or "R" in letters:
            await run.say(("\n" if at or plain else "") + f"{name}:")
        status = await listing.directory(name, run.path(name)) or status
    return status
