"""apt-get."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gpu_wizard.lab import apt_solver, archive, openpgp
from gpu_wizard.lab.apt_solver import AptError, Plan
from gpu_wizard.lab.archive import Source
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import Options, UsageError, split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_LONG = (
    *("yes", "assume-yes", "allow-downgrades", "no-install-recommends", "option=", "quiet"),
    *("simulate", "dry-run", "just-print", "purge", "reinstall", "allow-change-held-packages"),
    *("no-upgrade", "only-upgrade", "download-only", "autoremove", "auto-remove", "version"),
    *("allow-releaseinfo-change", "fix-broken", "print-uris", "no-remove", "install-recommends"),
    *("show-progress", "assume-no", "force-yes", "target-release=", "installed", "all-versions"),
)
_FRONTEND = "/var/lib/dpkg/lock-frontend"
_READING = "Reading package lists...\nBuilding dependency tree...\nReading state information...\n"


class AptGet:
    """One machine's apt-get."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        try:
            options = split(call.argv[1:], "yqso:dft:V", _LONG)
        except UsageError as wrong:
            await call.err(f"E: Command line {wrong} is not understood.\n".encode())
            return 100
        verb = options.words[0] if options.words else "help"
        verbs = {
            "update": self._update,
            "install": self._install,
            "remove": self._remove,
            "purge": self._remove,
            "autoremove": self._nothing,
            "clean": self._nothing,
            "autoclean": self._nothing,
            "check": self._nothing,
        }
        if verb not in verbs:
            await call.err(f"E: Invalid operation {verb}\n".encode())
            return 100
        try:
            if not options.has("-s", "--simulate", "--dry-run", "--just-print"):
                await self._lock(call, options, lists=verb == "update")
            return await verbs[verb](call, options)
        except AptError as error:
            await call.err("".join(f"{line}\n" for line in error.lines).encode())
            return 100

    async def _lock(self, call: Call, options: Options, *, lists: bool) -> None:
        path = "/var/lib/apt/lists/lock" if lists else _FRONTEND
        if call.user.uid:
            what = "directory /var/lib/apt/lists/" if lists else f"the dpkg frontend lock ({path})"
            verb = "lock" if lists else "acquire"
            raise AptError(
                f"E: Could not open lock file {path} - open (13: Permission denied)",
                f"E: Unable to {verb} {what}" + ("" if lists else ", are you root?"),
            )
        waited, limit = 0.0, _lock_timeout(options)
        while (lock := self._machine.lock) and lock.until > self._machine.clock.now():
            held = f"Could not get lock {path}. It is held by process {lock.pid} ({lock.process})"
            if limit >= 0 and waited >= limit:
                raise AptError(
                    f"E: {held}",
                    "N: Be aware that removing the lock file is not a solution and may break your "
                    "system.",
                    f"E: Unable to acquire the dpkg frontend lock ({_FRONTEND}), is another "
                    "process using it?",
                )
            await call.out(f"Waiting for cache lock: {held}... {int(waited)}s\r".encode())
            await self._machine.clock.sleep(1)
            waited += 1
        if waited:
            await call.out(b"\n")

    async def _update(self, call: Call, options: Options) -> int:
        listed = archive.sources(self._machine.files)
        clash = _signed_by_clash(listed)
        if clash:
            raise AptError(
                f"E: Conflicting values set for option Signed-By regarding source {clash[0]}: "
                f"{clash[1]} != {clash[2]}",
                "E: The list of sources could not be read.",
            )
        faults: list[str] = []
        for number, source in enumerate(listed, start=1):
            await self._machine.clock.sleep(0.4)
            faults += await self._fetch(call, source, number)
        if not any(fault.startswith("W:") for fault in faults):
            await call.out(b"Fetched 9,412 kB in 2s (4,866 kB/s)\n")
        await call.out(b"Reading package lists...\n")
        if faults:
            await call.err("".join(f"{fault}\n" for fault in faults).encode())
        return 100 if any(fault.startswith("E:") for fault in faults) else 0

    async def _fetch(self, call: Call, source: Source, number: int) -> list[str]:
        machine = self._machine
        label = f"{source.label}{' ' if source.suite != '/' else ''} InRelease".replace("/  ", "/ ")
        host = re.sub(r"^\w+://", "", source.uri).partition("/")[0]
        if not machine.world.internet:
            await call.out(f"Ign:{number} {label}\n".encode())
            url = f"{source.uri}/dists/{source.suite}/InRelease"
            return [f"W: Failed to fetch {url}  Could not resolve '{host}'"]
        served = archive.repository(machine.system, source)
        if served is None:
            await call.out(f"Err:{number} {label}\n  404  Not Found [IP: 10.20.0.1 80]\n".encode())
            return [f"E: The repository '{source.label} Release' does not have a Release file."]
        if served.key and served.key not in self._trusted(source):
            await call.out(f"Get:{number} {label} [1477 B]\nErr:{number} {label}\n".encode())
            text = "The following signatures couldn't be verified because the public key is not "
            return [
                f"W: GPG error: {label}: {text}available: NO_PUBKEY {served.key.long_id}",
                f"E: The repository '{label}' is not signed.",
            ]
        known = machine.files.exists(source.list_file)
        await call.out(f"{'Hit' if known else 'Get'}:{number} {label}\n".encode())
        stanzas = "".join(package.stanza("") for package in served.packages)
        machine.files.write(source.list_file, re.sub(r"Status: \n", "", stanzas).encode())
        return []

    def _trusted(self, source: Source) -> tuple[openpgp.Key, ...]:
        files = self._machine.files
        found: list[openpgp.Key] = []
        paths = (
            source.signed_by.split(",")
            if source.signed_by
            else [f"/etc/apt/trusted.gpg.d/{name}" for name in files.list("/etc/apt/trusted.gpg.d")]
        )
        for path in paths:
            if files.exists(path):
                found += openpgp.keys(files.read(path))
        return tuple(found)

    async def _install(self, call: Call, options: Options) -> int:
        await call.out(_READING.encode())
        yes = options.has("-y", "--yes", "--assume-yes")
        plan = apt_solver.install(
            self._machine,
            options.words[1:],
            downgrades=options.has("--allow-downgrades"),
            reinstall=options.has("--reinstall"),
        )
        await call.out(_summary(self._machine, options.words[1:], plan).encode())
        if options.has("-s", "--simulate", "--dry-run", "--just-print"):
            lines = (f"Inst {o.package.name} ({o.package.version})\n" for o in plan.installs)
            await call.out("".join(lines).encode())
            return 0
        if plan.installs and (plan.extra or len(plan.installs) > 1 or plan.downgraded) and not yes:
            await call.out(b"Do you want to continue? [Y/n] Abort.\n")
            return 1
        await self._unpack(call, plan)
        return 0

    async def _unpack(self, call: Call, plan: Plan) -> None:
        clock, dpkg = self._machine.clock, self._machine.dpkg
        for number, offer in enumerate(plan.installs, start=1):
            package = offer.package
            await clock.sleep(0.6)
            line = f"Get:{number} {offer.source.label} {package.name} {package.version}"
            await call.out(f"{line} [{package.kilobytes} kB]\n".encode())
        for offer in plan.installs:
            package = offer.package
            old = dpkg.installed.get(package.name)
            if old is None:
                await call.out(
                    f"Selecting previously unselected package {package.name}.\n".encode()
                )
            for percent in range(0, 101, 20):
                await call.out(f"(Reading database ... {percent}%\r".encode())
            await call.out(
                b"(Reading database ... 34521 files and directories currently installed.)\n"
            )
            over = f" over ({old.version})" if old else ""
            archive_name = f".../{package.name}_{package.version}_amd64.deb"
            await call.out(
                f"Preparing to unpack {archive_name} ...\n"
                f"Unpacking {package.name} ({package.version}){over} ...\n".encode()
            )
            await clock.sleep(0.5)
        for offer in plan.installs:
            await clock.sleep(0.3)
            dpkg.install(offer.package)
            package = offer.package
            await call.out(f"Setting up {package.name} ({package.version}) ...\n".encode())
        if plan.installs:
            await call.out(b"Processing triggers for libc-bin (2.41-12) ...\n")

    async def _remove(self, call: Call, options: Options) -> int:
        purge = options.words[0] == "purge" or options.has("--purge")
        await call.out(_READING.encode())
        plan = apt_solver.remove(self._machine, options.words[1:], purge=purge)
        await call.out(_summary(self._machine, (), plan).encode())
        if options.has("-s", "--simulate", "--dry-run", "--just-print"):
            return 0
        if plan.removed and not options.has("-y", "--yes", "--assume-yes"):
            await call.out(b"Do you want to continue? [Y/n] Abort.\n")
            return 1
        for name in plan.removed:
            known = self._machine.dpkg.status(name)
            if known:
                await self._machine.clock.sleep(0.4)
                verb = "Removing" if known[0].startswith("install") else "Purging files for"
                await call.out(f"{verb} {name} ({known[1].version}) ...\n".encode())
                self._machine.dpkg.remove(name, purge=purge)
        return 0

    async def _nothing(self, call: Call, _options: Options) -> int:
        await call.out(_READING.encode())
        return 0


def _lock_timeout(options: Options) -> float:
    for value in options.every("-o", "--option"):
        key, _, text = value.partition("=")
        if key.lower() == "dpkg::lock::timeout":
            return float(text)
    return 0


def _signed_by_clash(listed: Sequence[Source]) -> tuple[str, str, str] | None:
    seen: dict[str, Source] = {}
    for source in listed:
        other = seen.setdefault(source.label, source)
        if other.signed_by != source.signed_by:
            return source.label, other.signed_by, source.signed_by
    return None


def _wrapped(names: Sequence[str]) -> str:
    return f"  {' '.join(sorted(names))}\n"


def _summary(machine: Machine, asked: Sequence[str], plan: Plan) -> str:
    text = ""
    for word in asked:
        name = word.partition("=")[0]
        known = machine.dpkg.installed.get(name)
        if known and not any(offer.package.name == name for offer in plan.installs):
            text += f"{name} is already the newest version ({known.version}).\n"
    new = [offer.package.name for offer in plan.new]
    for title, names in (
        ("The following additional packages will be installed", plan.extra),
        ("The following packages will be REMOVED", plan.removed),
        ("The following NEW packages will be installed", new),
        ("The following packages will be upgraded", [o.package.name for o in plan.upgraded]),
        ("The following packages will be DOWNGRADED", [o.package.name for o in plan.downgraded]),
    ):
        text += f"{title}:\n{_wrapped(names)}" if names else ""
    downgraded = f"{len(plan.downgraded)} downgraded, " if plan.downgraded else ""
    text += (
        f"{len(plan.upgraded)} upgraded, {len(new)} newly installed, {downgraded}"
        f"{len(plan.removed)} to remove and 0 not upgraded.\n"
    )
    if plan.installs:
        size = sum(offer.package.kilobytes for offer in plan.installs)
        text += f"Need to get {size:,} kB of archives.\nAfter this operation, {size * 3:,} kB of "
        text += "additional disk space will be used.\n"
    return text


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"apt-get": AptGet}
