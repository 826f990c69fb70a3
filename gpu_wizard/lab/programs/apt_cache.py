"""apt-cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gpu_wizard.lab import apt_solver
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine


class AptCache:
    """One machine's apt-cache."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        options = split(call.argv[1:], "qna", ("installed", "all-versions", "quiet"))
        verb = options.words[0] if options.words else ""
        listed = apt_solver.offers(self._machine)
        if verb not in ("policy", "madison", "show"):
            await call.err(f"E: Invalid operation {verb}\n".encode())
            return 100
        for name in options.words[1:]:
            found = listed.get(name, [])
            if verb == "madison":
                rows = (
                    f"{name} | {offer.package.version} | {offer.source.label} Packages\n"
                    for offer in found
                )
                await call.out("".join(rows).encode())
            elif verb == "policy":
                await call.out(self._policy(name, found).encode())
            else:
                await call.out("".join(o.package.stanza("") for o in found[:1]).encode())
        return 0

    def _policy(self, name: str, found: Sequence[apt_solver.Offer]) -> str:
        installed = self._machine.dpkg.installed.get(name)
        if installed is None and not found:
            return ""
        candidate = found[0].package.version if found else ""
        have = installed.version if installed else "(none)"
        text = f"{name}:\n  Installed: {have}\n  Candidate: {candidate or have}\n"
        text += "  Version table:\n"
        for offer in found:
            mark = "***" if offer.package.version == have else "   "
            text += (
                f" {mark} {offer.package.version} 500\n        500 {offer.source.label} Packages\n"
            )
            if mark == "***":
                text += "        100 /var/lib/dpkg/status\n"
        return text


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"apt-cache": AptCache}
