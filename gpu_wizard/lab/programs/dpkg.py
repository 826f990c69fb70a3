"""dpkg and dpkg-query."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab.packages import Package, compare
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import UsageError, split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_TESTS: dict[str, Callable[[int], bool]] = {
    "lt": lambda order: order < 0,
    "le": lambda order: order <= 0,
    "eq": lambda order: order == 0,
    "ne": lambda order: order != 0,
    "ge": lambda order: order >= 0,
    "gt": lambda order: order > 0,
}
_LIST_HEAD = """Desired=Unknown/Install/Remove/Purge/Hold
| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend
|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)
"""


class Query:
    """One machine's dpkg-query, and dpkg where it only asks."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        argv = list(call.argv[1:])
        if "--compare-versions" in argv:
            return _compare(argv[argv.index("--compare-versions") + 1 :])
        long = ("show", "list", "status", "listfiles", "search", "showformat=", "version")
        try:
            more = ("print-architecture", "print-foreign-architectures", "audit", "verify")
            options = split(argv, "WlsLSf:CV", (*long, *more))
        except UsageError as wrong:
            await call.err(f"dpkg: error: unknown {wrong}\n".encode())
            return 2
        if options.has("--print-architecture"):
            await call.out(b"amd64\n")
            return 0
        if options.has("-W", "--show"):
            form = options.last("-f", "--showformat", default="${Package}\\t${Version}\\n")
            form = form.removeprefix("=")  # dpkg takes `-f=FORMAT` too
            return await self._show(call, form, options.words)
        if options.has("-l", "--list"):
            return await self._list(call, options.words)
        if options.has("-s", "--status"):
            return await self._status(call, options.words)
        if options.has("-L", "--listfiles"):
            return await self._files(call, options.words)
        if options.has("-S", "--search"):
            return await self._search(call, options.words)
        if options.has("-C", "--audit", "-V", "--verify", "--print-foreign-architectures"):
            return 0
        await call.err(b"dpkg: error: need an action option\n")
        return 2

    def _matching(self, pattern: str) -> list[str]:
        plain = pattern.partition(":")[0]
        return [name for name in self._machine.dpkg.names() if fnmatch.fnmatch(name, plain)]

    async def _show(self, call: Call, form: str, words: tuple[str, ...]) -> int:
        status = 0
        for pattern in words or ("*",):
            names = self._matching(pattern)
            if not names:
                await call.err(f"dpkg-query: no packages found matching {pattern}\n".encode())
                status = 1
            for name in names:
                known = self._machine.dpkg.status(name)
                if known:
                    await call.out(_formatted(form, *known).encode())
        return status

    async def _list(self, call: Call, words: tuple[str, ...]) -> int:
        status, rows = 0, []
        for pattern in words or ("*",):
            names = self._matching(pattern)
            if not names:
                await call.err(f"dpkg-query: no packages found matching {pattern}\n".encode())
                status = 1
            rows += [known for name in names if (known := self._machine.dpkg.status(name))]
        if not rows:
            return status
        name_width = max(14, *(len(package.name) for _, package in rows))
        version_width = max(12, *(len(package.version) for _, package in rows))
        text = _LIST_HEAD + (
            f"||/ {'Name':{name_width}} {'Version':{version_width}} Architecture Description\n"
            f"+++-{'=' * name_width}-{'=' * version_width}-{'=' * 12}-{'=' * 35}\n"
        )
        for words_of_status, package in rows:
            mark = "ii" if words_of_status.startswith("install") else "rc"
            text += (
                f"{mark}  {package.name:{name_width}} {package.version:{version_width}} "
                f"{'amd64':12} {package.description or package.name}\n"
            )
        await call.out(text.encode())
        return status

    async def _status(self, call: Call, words: tuple[str, ...]) -> int:
        for name in words:
            known = self._machine.dpkg.status(name.partition(":")[0])
            if known is None:
                await call.err(
                    f"dpkg-query: package '{name}' is not installed and no information is "
                    "available\nUse dpkg --info (= dpkg-deb --info) to examine archive files.\n"
                    "".encode()
                )
                return 1
            await call.out(known[1].stanza(known[0]).encode())
        return 0

    async def _files(self, call: Call, words: tuple[str, ...]) -> int:
        for name in words:
            known = self._machine.dpkg.status(name)
            if known is None:
                await call.err(f"dpkg-query: package '{name}' is not installed\n".encode())
                return 1
            package = known[1]
            paths = (*package.programs, *package.contents, *package.conffiles)
            await call.out("".join(f"{path}\n" for path, _ in paths).encode())
        return 0

    async def _search(self, call: Call, words: tuple[str, ...]) -> int:
        status = 0
        for path in words:
            owner = self._machine.dpkg.owner(path)
            if owner:
                await call.out(f"{owner}: {path}\n".encode())
            else:
                await call.err(f"dpkg-query: no path found matching pattern {path}\n".encode())
                status = 1
        return status


def _formatted(form: str, words: str, package: Package) -> str:
    fields = {
        "package": package.name,
        "binary:package": package.name,
        "version": package.version,
        "architecture": "amd64",
        "status": words,
        "db:status-abbrev": "ii " if words.startswith("install") else "rc ",
        "db:status-status": words.split()[-1],
        "db:status-want": words.split()[0],
        "installed-size": str(package.kilobytes * 3),
        "binary:summary": package.description or package.name,
        "description": package.description or package.name,
        "source:package": package.name,
        "maintainer": "NVIDIA CORPORATION <cudatools@nvidia.com>",
    }

    def value(match: re.Match[str]) -> str:
        width = int(match[2] or 0)
        text = fields.get(match[1].lower(), "")
        return text.ljust(-width) if width < 0 else text.rjust(width)

    filled = re.sub(r"\$\{([\w:-]+?)(?:;(-?\d+))?\}", value, form)
    return filled.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")


def _compare(words: list[str]) -> int:
    if len(words) != 3 or words[1] not in _TESTS:
        return 2
    return 0 if _TESTS[words[1]](compare(words[0], words[2])) else 1


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"dpkg": Query, "dpkg-query": Query}
