"""A Kubernetes API through kubernetes_asyncio: kubeconfig, credentials and TLS are its part.

Objects stay plain JSON: raw bytes and `json.loads` are an order of magnitude faster than its models, and no
generated class leaves this file.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import yaml
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException, load_kube_config, load_kube_config_from_dict

from gpu_wizard.cluster.answers import BUSY, HttpAnswer
from gpu_wizard.model.errors import (
    CommandError,
    InputError,
    TimedOutError,
    TrustError,
    UnreachableError,
    Where,
    WizardError,
)
from gpu_wizard.model.secret import Secret

USER_AGENT = "gpu-wizard"
REQUEST_SECONDS = 15.0
"""Bound of one request. With its store down a server says nothing for 60 s (recorded, j16)."""
_FROM_AFAR = (
    *("server", "tls-server-name", "certificate-authority-data"),
    *("client-certificate-data", "client-key-data", "token"),
)
_UNREADABLE = (
    ConfigException,
    OSError,
    yaml.YAMLError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    RecursionError,
)
"""What kubernetes_asyncio and ssl make of a kubeconfig that is none (seen with 340 spoilt ones)."""
CONNECTIONS = 8
"""To one API server at a time. Each costs 3 ms of CPU here to make, as much as asking a node everything."""
_READ_BYTES = 1 << 21
"""Ahead of who reads a body: an object of etcd has up to 1.5 MiB. Source: kubernetes_asyncio's own session."""
BUSY_TRIES = 3
LARGEST_BYTES = 256 << 20
"""Of one answer: every pod of the largest clusters is a fifth of that."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.3, 2.0
"""Seconds between two tries of a request that a busy server did not carry out."""


async def from_file(path: str | None, context: str | None) -> KubeConnection:
    """A connection by the user's kubeconfig (None: $KUBECONFIG or ~/.kube/config) and context (None: current).

    Raises: InputError: no such file or context, or not a kubeconfig.
    """
    configuration = Configuration()
    try:
        await load_kube_config(
            config_file=path,
            context=context,
            client_configuration=configuration,
            persist_config=False,
        )
        return KubeConnection(configuration)
    except _UNREADABLE as error:
        where = Where(file=path or "~/.kube/config", key=context or "")
        # Only the library's own messages and the system's are sure not to quote a key.
        told = isinstance(error, ConfigException | OSError) and not isinstance(error, ssl.SSLError)
        reason = f": {error}" if told else "."
        raise InputError(
            "kubeconfig-unreadable",
            f"The kubeconfig can't be used{reason}",
            where,
            f"See what `kubectl --kubeconfig {path or '~/.kube/config'} get nodes` says.",
        ) from error


async def from_secret(
    kubeconfig: Secret, server: str | None = None, seconds: float = REQUEST_SECONDS
) -> KubeConnection:
    """A connection by a kubeconfig in memory. `server` replaces its address (a tunnel's end).

    OpenSSL reads certificates from files alone: they exist, readable by us only, until the client is made.

    Raises: InputError: not a kubeconfig.
    """
    configuration = Configuration()
    with tempfile.TemporaryDirectory(prefix="gpu-wizard-") as folder:
        try:
            document = _with_files(yaml.safe_load(kubeconfig.reveal()), Path(folder))
            await load_kube_config_from_dict(document, client_configuration=configuration)
            configuration.host = server or configuration.host
            return KubeConnection(configuration, seconds)
        except _UNREADABLE:
            # The library's text may quote what it read, and that holds a key.
            raise InputError(
                "kubeconfig-unreadable", "The control plane's kubeconfig can't be read."
            ) from None


def _with_files(document: Any, folder: Path) -> dict[str, Any]:
    """The kubeconfig with certificate data written to files of `folder`, and nothing in it but such data and names.

    It came from another machine: what it says to run here (`exec`), or to read here (`tokenFile`, a path), is not.
    """
    for group, inner in (("clusters", "cluster"), ("users", "user")):
        for number, item in enumerate(document[group]):
            item[inner] = {key: value for key, value in item[inner].items() if key in _FROM_AFAR}
            for key in [key for key in item[inner] if key.endswith("-data")]:
                file = folder / f"{group}-{number}-{key}"
                file.touch(mode=0o600)
                file.write_bytes(base64.b64decode(item[inner].pop(key)))
                item[inner][key.removesuffix("-data")] = str(file)
    return dict(document)


class KubeConnection:
    """Requests through kubernetes_asyncio's client, with the kubeconfig's credentials."""

    def __init__(self, configuration: Configuration, seconds: float = REQUEST_SECONDS) -> None:
        """`configuration` as the library loaded it; `seconds`: the bound of one request."""
        self._seconds = seconds
        # K3s's certificates lack what Python 3.13's strict mode wants of a CA.
        configuration.disable_strict_ssl_verification = True
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.proxy = configuration.proxy or _proxy_to(str(configuration.host))
        self._client = ApiClient(configuration)
        _leave_environment_alone(self._client.rest_client)

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self._client.configuration.host)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        kind: str = "",
        accept: str = "",
    ) -> HttpAnswer:
        """Send one request; a server that is busy gets it again a moment later. See `Connection.request`."""
        parameters = [(key, value) for key, value in (query or {}).items() if value]
        headers = {
            "Accept": accept or "application/json, */*",
            "Content-Type": kind or "application/json",
            "User-Agent": USER_AGENT,
        }
        answer, pause = await self._send(method, path, parameters, body, headers)
        for _ in range(BUSY_TRIES - 1):
            if answer.status not in BUSY:
                break
            await asyncio.sleep(pause)
            answer, pause = await self._send(method, path, parameters, body, headers)
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: Any,
        headers: dict[str, str],
    ) -> tuple[HttpAnswer, float]:
        """The answer, and the seconds after which the server wants to be asked again."""
        try:
            # `call_api` would first look through all of it for values that are no JSON: there are none.
            await self._client.update_params_for_auth(headers, query, ["BearerToken"])
            response = await self._client.rest_client.request(
                method,
                f"{self.server}{path}",
                query_params=dict(query),
                headers=headers,
                body=body,
                _preload_content=False,
                _request_timeout=self._seconds,
            )
            answer = HttpAnswer(response.status, await self._body(response))
        except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError) as error:
            raise self._edge_error(error) from error
        return answer, _pause(response.headers.get("Retry-After", ""))

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole answer. Raises: CommandError: it is too long for this machine's memory."""
        pieces, length = [], 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            length += len(piece)
            if length > LARGEST_BYTES:
                response.close()
                raise CommandError(
                    "api-answer-too-long",
                    f"The Kubernetes API's answer is longer than {LARGEST_BYTES >> 20} MiB.",
                    Where(host=self.server),
                    params={"most": str(LARGEST_BYTES >> 20)},
                )
        return b"".join(pieces)

    def _edge_error(self, error: Exception) -> WizardError:
        where = Where(host=self.server)
        if isinstance(error, TimeoutError):
            return TimedOutError("api-timed-out", f"No answer in {self._seconds:g} s.", where)
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
            return TrustError(
                "api-certificate",
                f"The API server's certificate is not trusted: {error}",
                where,
                "Check that the kubeconfig belongs to this cluster.",
            )
        reason = (
            f"no connection to {self.server}"
            if isinstance(error, aiohttp.ClientConnectorError)
            else str(error)
        )
        message = f"The API server does not answer: {reason}."
        return UnreachableError("api-unreachable", message, where, params={"reason": reason})


def _leave_environment_alone(rest: Any) -> None:
    """The library's session reads ~/.netrc and the proxies anew for each request, two threads each: half its cost.

    And a password of ~/.netrc would be sent where the kubeconfig gives a certificate alone.
    """
    connector = rest.pool_manager.connector
    rest.pool_manager.detach()
    rest.pool_manager = aiohttp.ClientSession(
        connector=connector, read_bufsize=_READ_BYTES, cookie_jar=aiohttp.DummyCookieJar()
    )


def _proxy_to(server: str) -> str | None:
    """The proxy that the environment names for a server; this machine itself is reached without.

    Source: Go's http.ProxyFromEnvironment, by which kubectl goes.
    """
    address = urlsplit(server)
    host = address.hostname or ""
    if host == "localhost" or _is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(address.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _pause(retry_after: str) -> float:
    """Seconds until a busy server is asked again: as it says, within bounds."""
    return min(float(retry_after), LONGEST_PAUSE) if retry_after.isdecimal() else SHORTEST_PAUSE
