"""The HTTPS server in front of the objects."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gpu_wizard.lab.api import answers, discovery, errors, paths, podlogs, watching
from gpu_wizard.lab.api.access import AUTHENTICATED, Access, Identity
from gpu_wizard.lab.api.exchange import Asked, Exchange
from gpu_wizard.lab.api.listener import Listener
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.pki import Authority, Certified, server_context
from gpu_wizard.lab.ports import JsonObject

_HEALTH = ("/readyz", "/livez", "/healthz")
_TRUE = ("true", "1")


@dataclass(frozen=True)
class LoggedRequest:
    """A request that the API server was sent."""

    at: float
    """UNIX time."""
    method: str
    path: str
    """With its query."""
    user: str
    """"" where nobody was logged in."""
    body_bytes: int
    status: int


class ApiServer:
    """Serves a registry on 127.0.0.1 by HTTPS. Anonymous access is off, as K3s has it."""

    def __init__(
        self,
        registry: Registry,
        access: Access,
        authority: Authority,
        certified: Certified,
        logs: podlogs.LogSource,
        *,
        version: str,
        patience: float = 1.0,
        port: int = 0,
    ) -> None:
        self.requests: list[LoggedRequest] = []
        """Every request, in order, for tests to read."""
        self.ready = True
        """False: every request but `/ping` and `/cacerts` is answered 503, as while K3s starts."""
        self._registry = registry
        self._access = access
        self._authority = authority
        self._logs = logs
        self._version = version
        self._exchange = Exchange(registry, access, patience)
        self.listener = Listener(self._handle, server_context(authority, certified), port)

    @property
    def port(self) -> int:
        return self.listener.port

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        user: Identity | None = None
        body = b""
        try:
            body = await request.read()
            user = self._authenticate(request)
            response = await self._respond(request, user, body)
        except errors.ApiError as error:
            response = _refusal(error)
        who = user.name if user else ""
        entry = (request.method, request.path_qs, who, len(body), response.status)
        self.requests.append(LoggedRequest(time.time(), *entry))
        return response

    async def _respond(
        self, request: web.BaseRequest, user: Identity | None, body: bytes
    ) -> web.StreamResponse:
        path = request.path
        if path == "/ping":
            return _text("pong")
        if path == "/cacerts":
            return _text(self._authority.pem.decode())
        if path.startswith("/v1-k3s/"):
            raise _closed_to(request)
        if not self.ready:
            raise errors.ApiError(503, "ServiceUnavailable", "apiserver not ready")
        if user is None:
            raise errors.unauthorized()
        if path in _HEALTH:
            return _text(discovery.health(path, verbose="verbose" in request.query))
        if (described := self._described(path)) is not None:
            return _json(described)
        if not path.startswith(("/api/", "/apis/")):
            return _text("404 page not found\n", 404)
        return await self._resource(request, user, body)

    def _described(self, path: str) -> JsonObject | None:
        """What the server says about itself under a path, if that is one of those."""
        catalogue = self._registry.catalogue
        fixed: dict[str, Callable[[], JsonObject]] = {
            "/version": lambda: discovery.version(self._version),
            "/api": discovery.core_versions,
            "/apis": lambda: discovery.groups(catalogue),
            "/openapi/v2": lambda: discovery.openapi_v2(self._version),
            "/openapi/v3": lambda: discovery.openapi_index(catalogue),
        }
        path = path.rstrip("/")
        if path in fixed:
            return fixed[path]()
        parts = path.strip("/").split("/")
        if parts[:2] == ["openapi", "v3"]:
            group, version = _group_version(parts[2:])
            return discovery.openapi(catalogue, group, version)
        if parts[0] == "apis" and len(parts) == 2:
            return discovery.group(catalogue, parts[1])
        if parts[0] in ("api", "apis"):
            group, version = _group_version(parts)
            return discovery.resources(catalogue, group, version) if version else None
        return None

    async def _resource(
        self, request: web.BaseRequest, user: Identity, body: bytes
    ) -> web.StreamResponse:
        target = paths.target(self._registry.catalogue, request.path)
        watch = request.query.get("watch") in _TRUE
        verb = target.verb(request.method, watch=watch)
        self._access.demand(user, target.kind, target.attributes(verb))
        accept = request.headers.get("Accept", "")
        if target.subresource == "log":
            return await self._log(request, target)
        view = answers.view(accept, request.query.get("includeObject", ""))
        if verb == "watch":
            return await self._watch(request, target, view)
        asked = Asked(
            user,
            verb,
            target,
            request.query,
            request.headers.get("Content-Type", "").partition(";")[0].strip(),
            request.headers.get("User-Agent", "unknown").partition("/")[0],
            body,
        )
        answer = await self._exchange.answer(asked, view)
        response = _json(answer.body, answer.code, view.media_type)
        for warning in answer.warnings:
            response.headers.add("Warning", f"299 - {json.dumps(warning)}")
        return response

    async def _watch(
        self, request: web.BaseRequest, target: paths.Target, view: answers.View
    ) -> web.StreamResponse:
        query = request.query
        fields = query.get("fieldSelector", "")
        if target.name:
            fields = f"metadata.name={target.name}"
        options = watching.WatchOptions(
            target.namespace,
            query.get("labelSelector", ""),
            fields,
            query.get("resourceVersion", ""),
            bookmarks=query.get("allowWatchBookmarks") in _TRUE,
            initial=query.get("sendInitialEvents") in _TRUE,
            timeout=float(query.get("timeoutSeconds") or 1800),
            view=view,
        )
        watching.start(options)
        events = watching.events(self._registry.store, target.kind, options)
        return await _stream(request, _lines(events), answers.JSON)

    async def _log(self, request: web.BaseRequest, target: paths.Target) -> web.StreamResponse:
        pod = self._registry.get(target.kind, target.namespace, target.name)
        options = podlogs.LogOptions.read(target.name, request.query)
        container = podlogs.container_of(pod, options.container)
        if not pod["spec"].get("nodeName"):
            return web.Response(status=204)
        log = self._logs.log(pod, container, previous=options.previous)
        return await _stream(request, podlogs.chunks(log, options), "text/plain")

    def _authenticate(self, request: web.BaseRequest) -> Identity | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = self._access.bearer(secret.strip())
            if found is None and not request.path.startswith(("/ping", "/cacerts", "/v1-k3s")):
                raise errors.unauthorized()
            return found
        return _certified(request)


def _closed_to(request: web.BaseRequest) -> errors.ApiError:
    """K3s's own paths are for nodes; the lab's nodes talk to the cluster without HTTP."""
    if "Authorization" in request.headers:
        return errors.ApiError(401, "Unauthorized", "not authorized")
    return errors.ApiError(403, "Forbidden", "Forbidden")


def _certified(request: web.BaseRequest) -> Identity | None:
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    shown = tls.getpeercert() if tls else None
    if tls is None or not shown:
        return None
    pairs = [pair for part in shown["subject"] for pair in part]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = [value for key, value in pairs if key == "organizationName"]
    digest = hashlib.sha256(tls.getpeercert(True)).hexdigest()
    return Identity(name, (*groups, AUTHENTICATED), f"X509SHA256={digest}")


def _group_version(parts: list[str]) -> tuple[str, str]:
    if parts[:1] == ["api"] and len(parts) == 2:
        return "", parts[1]
    if parts[:1] == ["apis"] and len(parts) == 3:
        return parts[1], parts[2]
    return "", ""


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/plain", charset="utf-8")


def _json(body: Any, status: int = 200, media_type: str = answers.JSON) -> web.Response:
    data = answers.encode(media_type, body)
    return web.Response(body=data, status=status, content_type=media_type)


def _refusal(error: errors.ApiError) -> web.Response:
    response = _json(error.body, error.code)
    response.headers.update(error.headers)
    return response


async def _lines(events: AsyncIterator[JsonObject]) -> AsyncIterator[bytes]:
    async for event in events:
        yield answers.encode(answers.JSON, event)


async def _stream(
    request: web.BaseRequest, chunks: AsyncIterator[bytes], media_type: str
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": media_type})
    await response.prepare(request)
    # A client that has seen enough goes away without a word.
    with contextlib.suppress(ConnectionResetError):
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    return response
