"""journalctl and dmesg."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gpu_wizard.lab import units
from gpu_wizard.lab.journal import Entry
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import Options, UsageError, split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_LONG = (
    *("unit=", "output=", "lines=", "since=", "until=", "boot", "follow", "no-pager", "dmesg"),
    *("quiet", "all", "reverse", "priority=", "grep=", "no-hostname", "utc", "no-tail", "no-full"),
    *("full", "identifier=", "pager-end", "catalog", "case-sensitive=", "output-fields=", "sync"),
    *("flush", "disk-usage", "version", "cursor=", "after-cursor=", "show-cursor"),
)
_PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_UNITS_OF_TIME = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}


class TimeError(Exception):
    """A time that journalctl can't read."""


def moment(text: str, now: datetime) -> datetime:
    """A time as `--since` takes it: absolute (UTC), `-5min`, `5 minutes ago`, `@seconds`, `today`.

    Raises: TimeError.
    """
    text = text.strip()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    words = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    if text in words:
        return words[text]
    if text.startswith("@"):
        return datetime.fromtimestamp(float(text[1:]), UTC)
    relative = re.fullmatch(r"-?\s*(\d+)\s*([a-z]+?)s?( ago)?", text)
    if relative and relative[2] in _UNITS_OF_TIME:
        return now - timedelta(seconds=int(relative[1]) * _UNITS_OF_TIME[relative[2]])
    plain = text.removesuffix(" UTC")
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            return datetime.strptime(plain, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise TimeError(text)


class Journalctl:
    """One machine's journalctl."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        argv = [re.sub(r"^-b-?\d+$|^--boot=.*$", "-b", word) for word in call.argv[1:]]
        try:
            options = split(argv, "u:o:n:fbkqaxerS:U:p:g:t:", _LONG)
            chosen = self._chosen(options)
        except UsageError as wrong:
            await call.err(f"journalctl: unrecognized {wrong}\n".encode())
            return 1
        except TimeError as wrong:
            await call.err(f"Failed to parse timestamp: {wrong}\n".encode())
            return 1
        if call.user.uid:
            await call.err(b"No journal files were opened due to insufficient permissions.\n")
            return 1
        return await self._print(call, options, chosen)

    async def _print(self, call: Call, options: Options, chosen: Callable[[Entry], bool]) -> int:
        journal = self._machine.journal
        follow = options.has("-f", "--follow")
        limit = options.last("-n", "--lines", default="10" if follow else "all")
        count = len(journal.entries)
        found = [entry for entry in journal.entries if chosen(entry)]
        if limit.isdigit():
            found = found[-int(limit) :] if int(limit) else []
        if options.has("-r", "--reverse"):
            found.reverse()
        form = options.last("-o", "--output", default="short")
        if not found and not follow and form not in ("cat", "json") and not options.has("-q"):
            await call.out(b"-- No entries --\n")
        await self._write(call, found, form)
        if options.has("--show-cursor") and found:
            await call.out(f"-- cursor: {found[-1].cursor(self._machine.machine_id)}\n".encode())
        while follow:
            await journal.beyond(count)
            new, count = journal.entries[count:], len(journal.entries)
            await self._write(call, [entry for entry in new if chosen(entry)], form)
        return 0

    async def _write(self, call: Call, entries: Iterable[Entry], form: str) -> None:
        text = "".join(self._line(entry, form) for entry in entries)
        if text:
            await call.out(text.encode())

    def _line(self, entry: Entry, form: str) -> str:
        if form == "cat":
            return f"{entry.message}\n"
        if form.startswith("json"):
            fields = entry.fields(self._machine.hostname, self._machine.machine_id)
            return json.dumps(fields, indent="\t" if form == "json-pretty" else None) + "\n"
        stamps = {
            "short-iso": "%Y-%m-%dT%H:%M:%S+00:00",
            "short-precise": "%b %d %H:%M:%S.%f",
            "short-iso-precise": "%Y-%m-%dT%H:%M:%S.%f+00:00",
            "short-unix": f"{entry.at.timestamp():.6f}",
        }
        stamp = entry.at.strftime(stamps.get(form, "%b %d %H:%M:%S"))
        pid = "" if entry.kernel else f"[{entry.pid}]"
        return f"{stamp} {self._machine.hostname} {entry.identifier}{pid}: {entry.message}\n"

    def _chosen(self, options: Options) -> Callable[[Entry], bool]:
        machine = self._machine
        tests: list[Callable[[Entry], bool]] = []
        names = {units.full_name(name) for name in options.every("-u", "--unit")}
        if names:
            tests.append(lambda entry: entry.unit in names)
        if options.has("-k", "--dmesg"):
            tests.append(lambda entry: entry.kernel)
        if options.has("-b", "--boot", "-k", "--dmesg"):
            tests.append(lambda entry: entry.boot_id == machine.boot_id)
        since = options.last("--since", "-S")
        until = options.last("--until", "-U")
        if since:
            first = moment(since, machine.now())
            tests.append(lambda entry: entry.at >= first)
        after = options.last("--after-cursor")
        if after:
            number = int(after.rpartition("i=")[2] or "0", 16)
            tests.append(lambda entry: entry.number > number)
        if until:
            last = moment(until, machine.now())
            tests.append(lambda entry: entry.at <= last)
        self._more(options, tests)
        tests += [self._match(word) for word in options.words]
        return lambda entry: all(test(entry) for test in tests)

    @staticmethod
    def _more(options: Options, tests: list[Callable[[Entry], bool]]) -> None:
        level = options.last("-p", "--priority")
        if level:
            highest = int(level) if level.isdigit() else _PRIORITIES.index(level)
            tests.append(lambda entry: entry.priority <= highest)
        pattern = options.last("-g", "--grep")
        if pattern:
            flags = re.IGNORECASE if pattern == pattern.lower() else re.NOFLAG
            tests.append(lambda entry: bool(re.search(pattern, entry.message, flags)))
        identifiers = options.every("-t", "--identifier")
        if identifiers:
            tests.append(lambda entry: entry.identifier in identifiers)

    def _match(self, word: str) -> Callable[[Entry], bool]:
        key, _, value = word.partition("=")

        def matches(entry: Entry) -> bool:
            fields = entry.fields(self._machine.hostname, self._machine.machine_id)
            return fields.get(key) == value

        return matches


def _dmesg(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        if call.user.uid:
            await call.err(b"dmesg: read kernel buffer failed: Operation not permitted\n")
            return 1
        for entry in machine.journal.entries:
            if entry.kernel and entry.boot_id == machine.boot_id:
                seconds = (entry.at - machine.booted).total_seconds()
                await call.out(f"[{seconds:12.6f}] {entry.message}\n".encode())
            await asyncio.sleep(0)
        return 0

    return run


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"journalctl": Journalctl, "dmesg": _dmesg}
