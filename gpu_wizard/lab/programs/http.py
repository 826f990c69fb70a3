"""HTTP as a machine's programs do it, over the lab's network."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from gpu_wizard.lab import internet
from gpu_wizard.lab.internet import Page
from gpu_wizard.lab.network import Reply
from gpu_wizard.lab.ports import Call

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine


@dataclass(frozen=True)
class Fault:
    """A transfer that came to nothing: curl's exit status and words, and wget's."""

    status: int
    text: str
    wget_status: int = 4
    reason: str = ""
    """Why a connection failed, in the system's words."""


@dataclass(frozen=True)
class Fetched:
    """A page, and the URL it came from in the end."""

    page: Page
    url: str


class Web:
    """HTTP as a machine's programs do it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def get(
        self,
        url: str,
        *,
        verify: bool,
        follow: bool,
        user: str = "",
        seconds: float = 0,
        ca: bytes = b"",
    ) -> Fetched | Fault:
        """Fetch a URL; `seconds` 0: no limit; `ca`: the certificates that are trusted besides."""
        if "://" not in url:
            url = f"http://{url}"
        for _ in range(10):
            answer = await self._once(url, verify=verify, user=user, seconds=seconds, ca=ca)
            if isinstance(answer, Fault):
                return answer
            if not (answer.location and follow):
                return Fetched(answer, url)
            url = urljoin(url, answer.location)
        return Fault(47, "Maximum (10) redirects followed")

    async def _once(
        self, url: str, *, verify: bool, user: str, seconds: float, ca: bytes
    ) -> Page | Fault:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return Fault(1, f'Protocol "{parts.scheme}" not supported', 1)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        world, clock = self._machine.world, self._machine.clock
        if world.internet and not world.resolve(host, self._machine):
            page = internet.fetch(url)
            if page is not None:
                await clock.sleep(0.4)
                return page
        reply = world.dial(self._machine, host, port)
        if reply is Reply.UNREACHABLE:
            # On the same network a missing machine shows after three ARP attempts.
            await clock.sleep(min(seconds or 3.1, 3.1))
            if seconds and seconds < 3.1:
                millis = int(seconds * 1000)
                return Fault(28, f"Connection timed out after {millis} milliseconds")
            text = f"Failed to connect to {host} port {port} after 3084 ms: Could not connect to server"
            return Fault(7, text, reason="No route to host")
        if reply is Reply.UNRESOLVED:
            return Fault(6, f"Could not resolve host: {host}")
        if reply is Reply.REFUSED:
            text = (
                f"Failed to connect to {host} port {port} after 0 ms: Could not connect to server"
            )
            return Fault(7, text)
        return self._served(reply, parts.scheme, f"{parts.path or '/'}", verify, user, ca)

    def _served(
        self, reply: Reply, scheme: str, path: str, verify: bool, user: str, ca: bytes
    ) -> Page | Fault:
        secure = scheme == "https"
        if reply is Reply.PLAIN:
            if secure:
                text = "OpenSSL/3.5.1: error:0A0000C6:SSL routines::packet length too long"
                return Fault(35, f"TLS connect error: {text}")
            return Fault(1, "Received HTTP/0.9 when not allowed", 4)
        if not secure:
            body = b"Client sent an HTTP request to an HTTPS server.\n"
            return Page(400, body, content_type="text/plain")
        control = self._machine.world.control
        trusted = bool(control and ca == control.ca_pem)
        if verify and not trusted:
            return Fault(
                60, "SSL certificate problem: self-signed certificate in certificate chain", 5
            )
        if reply is Reply.OTHER_TLS or control is None:
            return Page(404, b"404 page not found\n", content_type="text/plain")
        answer = control.answer(path, user)
        return Page(answer.status, answer.body, content_type=answer.content_type)


async def store(call: Call, target: str, data: bytes) -> bool:
    """Write a download where the caller may; False where it can't be written.

    The shell does it, so that the caller's rights and umask count.
    """
    return await call.shell(f"cat > {shlex.quote(target)}", stdin=data) == 0
