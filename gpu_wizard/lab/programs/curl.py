"""curl, over the lab's network."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gpu_wizard.lab.internet import Page
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.http import Fault, Fetched, Web, store
from gpu_wizard.lab.programs.options import Options, UsageError, split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_CURL_LONG = (
    *("output=", "remote-name", "fail", "silent", "show-error", "location", "insecure"),
    *("max-time=", "connect-timeout=", "write-out=", "include", "head", "user=", "header="),
    *("retry=", "cacert=", "proto=", "tlsv1.2", "proxy=", "noproxy=", "request=", "data="),
    *("create-dirs", "compressed", "retry-delay=", "retry-connrefused", "http1.1", "user-agent="),
    *("fail-with-body", "no-progress-meter", "progress-bar", "netrc", "version", "resolve="),
    *("verbose", "ipv4", "ipv6", "disable", "tlsv1.3", "tls13-ciphers=", "referer=", "form="),
    *("no-buffer", "capath=", "retry-all-errors", "tls-max=", "dump-header=", "config="),
)


class Curl:
    """One machine's curl."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._web = Web(machine)

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        try:
            options = split(call.argv[1:], "o:OfsSLkm:w:iIu:H:x:X:d:#nA:VgND:K:46vqRZ", _CURL_LONG)
        except UsageError as wrong:
            await call.err(f"curl: {wrong}: is unknown\n".encode())
            return 2
        if options.has("-V", "--version"):
            await call.out(b"curl 8.14.1 (x86_64-pc-linux-gnu) libcurl/8.14.1 OpenSSL/3.5.1\n")
            return 0
        if not options.words:
            await call.err(b"curl: (2) no URL specified\n")
            return 2
        status = 0
        for url in options.words:
            status = await self._fetch(call, options, url)
        return status

    async def _fetch(self, call: Call, options: Options, url: str) -> int:
        limit = options.last("-m", "--max-time") or options.last("--connect-timeout") or "0"
        ca_path = options.last("--cacert")
        ca_path = posixpath.join(call.directory, ca_path) if ca_path else ""
        files = self._machine.files
        if ca_path and not files.exists(ca_path):
            return await self._fail(call, options, Fault(77, "error setting certificate file"), url)
        got = await self._web.get(
            url,
            verify=not options.has("-k", "--insecure"),
            follow=options.has("-L", "--location"),
            user=options.last("-u", "--user"),
            seconds=float(limit),
            ca=files.read(ca_path) if ca_path else b"",
        )
        if options.has("-v", "--verbose"):
            await call.err(self._tale(url, got).encode())
        if isinstance(got, Fault):
            await self._write_out(call, options, None, url)
            return await self._fail(call, options, got, url)
        page = got.page
        if page.status >= 400 and options.has("-f", "--fail"):
            await self._write_out(call, options, got, url)
            text = f"The requested URL returned error: {page.status}"
            return await self._fail(call, options, Fault(22, text), url)
        head = _head(got) if options.has("-i", "--include", "-I", "--head") else b""
        body = b"" if options.has("-I", "--head") else page.body
        status = await self._deliver(call, options, head + body, url)
        await self._write_out(call, options, got, url)
        return status

    def _tale(self, url: str, got: Fetched | Fault) -> str:
        """What `-v` tells of a connection."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._machine.world.resolve(host, self._machine) or host
        if isinstance(got, Fault) and got.status == 6:
            return f"* {got.text}\n* closing connection #0\n"
        tale = f"*   Trying {address}:{port}...\n"
        if isinstance(got, Fault) and got.status in (7, 28):
            reason = got.reason or "Connection refused"
            tale += f"* connect to {address} port {port} from {self._machine.address} failed: "
            return f"{tale}{reason}\n* {got.text}\n* closing connection #0\n"
        tale += f"* Connected to {host} ({address}) port {port}\n"
        if isinstance(got, Fault):
            return f"{tale}* {got.text}\n* closing connection #0\n"
        path = parts.path or "/"
        return (
            f"{tale}> GET {path} HTTP/2\n> Host: {parts.netloc}\n> User-Agent: curl/8.14.1\n"
            f"> Accept: */*\n>\n< HTTP/2 {got.page.status}\n"
            f"< content-type: {got.page.content_type}\n< content-length: {len(got.page.body)}\n<\n"
            f"* Connection #0 to host {host} left intact\n"
        )

    async def _deliver(self, call: Call, options: Options, data: bytes, url: str) -> int:
        target = options.last("-o", "--output")
        if options.has("-O", "--remote-name"):
            target = urlsplit(url).path.rsplit("/", 1)[-1]
        if not target or target == "-":
            await call.out(data)
            return 0
        if await store(call, target, data):
            return 0
        await call.err(f"curl: (23) client returned ERROR on write, {len(data)} bytes\n".encode())
        return 23

    async def _write_out(self, call: Call, options: Options, got: Fetched | None, url: str) -> None:
        form = options.last("-w", "--write-out")
        if not form:
            return
        page = got.page if got else Page(0)
        for name, value in (
            ("http_code", f"{page.status:03d}"),
            ("response_code", f"{page.status:03d}"),
            ("url_effective", got.url if got else url),
            ("size_download", str(len(page.body))),
            ("content_type", page.content_type),
            ("time_total", "0.401213"),
            ("remote_ip", ""),
        ):
            form = form.replace(f"%{{{name}}}", value)
        await call.out(form.replace("\\n", "\n").replace("\\t", "\t").encode())

    async def _fail(self, call: Call, options: Options, fault: Fault, _url: str) -> int:
        if not options.has("-s", "--silent") or options.has("-S", "--show-error"):
            await call.err(f"curl: ({fault.status}) {fault.text}\n".encode())
        return fault.status


def _head(got: Fetched) -> bytes:
    page = got.page
    if page.status == 400:
        return b"HTTP/1.0 400 Bad Request\r\n\r\n"
    return (
        f"HTTP/2 {page.status} \r\ncontent-type: {page.content_type}\r\n"
        f"content-length: {len(page.body)}\r\n\r\n"
    ).encode()


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"curl": Curl}
