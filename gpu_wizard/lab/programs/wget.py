"""wget, over the lab's network."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.http import Fault, Fetched, Web, store
from gpu_wizard.lab.programs.options import Options, UsageError, split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_LONG = (
    *("output-document=", "quiet", "no-verbose", "timeout=", "tries=", "spider", "no-proxy"),
    *("no-check-certificate", "ca-certificate=", "server-response", "https-only", "version"),
    *("connect-timeout=", "dns-timeout=", "read-timeout=", "progress=", "show-progress"),
)
_REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    503: "Service Unavailable",
}


class Wget:
    """One machine's wget."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._web = Web(machine)

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        argv = [{"-nv": "--no-verbose", "-qO-": "-qO-"}.get(word, word) for word in call.argv[1:]]
        try:
            options = split(argv, "O:qT:t:SVd", _LONG)
        except UsageError as wrong:
            await call.err(f"wget: unrecognized {wrong}\n".encode())
            return 2
        if not options.words:
            await call.err(b"wget: missing URL\n")
            return 1
        quiet = options.has("-q", "--quiet")
        url = options.words[0]
        ca_path = options.last("--ca-certificate")
        ca_path = posixpath.join(call.directory, ca_path) if ca_path else ""
        got = await self._web.get(
            url,
            verify=not options.has("--no-check-certificate"),
            follow=True,
            seconds=float(options.last("-T", "--timeout", default="0")),
            ca=self._machine.files.read(ca_path) if ca_path else b"",
        )
        if isinstance(got, Fault):
            if not quiet:
                await call.err(f"wget: {got.text}\n".encode())
            return got.wget_status
        if got.page.status >= 400:
            if not quiet:
                reason = _REASONS.get(got.page.status, "Error")
                await call.err(f"ERROR {got.page.status}: {reason}.\n".encode())
            return 8
        return await self._deliver(call, options, got, url)

    async def _deliver(self, call: Call, options: Options, got: Fetched, url: str) -> int:
        if options.has("--spider"):
            return 0
        target = options.last("-O", "--output-document")
        target = target or urlsplit(url).path.rsplit("/", 1)[-1] or "index.html"
        if target == "-":
            await call.out(got.page.body)
            return 0
        if await store(call, target, got.page.body):
            return 0
        await call.err(f"{target}: Permission denied\n".encode())
        return 3


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"wget": Wget}
