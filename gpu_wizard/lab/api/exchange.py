"""One request to a resource, from its query and body to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpu_wizard.lab.api import answers, errors, patches, protobuf, reviews
from gpu_wizard.lab.api.access import Access, Identity
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.api.paths import Target
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.ports import JsonObject

# How long the real server waits for a version that it has not reached (recorded i06).
_PATIENCE = 3.0
_TRUE = ("true", "1")


@dataclass(frozen=True)
class Asked:
    """A request, read."""

    user: Identity
    verb: str
    target: Target
    query: Mapping[str, str]
    content_type: str
    agent: str
    """The User-Agent up to its first slash."""
    body: bytes = field(repr=False)

    def caller(self) -> Caller:
        return Caller(
            self.user,
            self.query.get("fieldManager") or self.agent,
            dry_run=self.query.get("dryRun", "") == "All",
            validation=self.query.get("fieldValidation") or "Warn",
            force=self.query.get("force") in _TRUE,
            subresource="status" if self.target.subresource == "status" else "",
            named=bool(self.query.get("fieldManager")),
        )


@dataclass(frozen=True)
class Answer:
    """An answer's status and object."""

    code: int
    body: JsonObject
    warnings: list[str] = field(default_factory=list)


class Exchange:
    """Answers requests for objects and lists; watches and logs are streams, and not its own."""

    def __init__(self, registry: Registry, access: Access, patience: float = 1.0) -> None:
        self._registry = registry
        self._access = access
        self._patience = _PATIENCE * patience

    async def answer(self, asked: Asked, view: answers.View) -> Answer:
        """The answer to a request that its user may make.

        Raises:
            ApiError: every refusal.
        """
        caller = asked.caller()
        kind, where = asked.target.kind, asked.target
        if reviews.is_review(kind):
            body = reviews.review(kind, asked.user, self._access, _read(asked))
            return Answer(201, body)
        if asked.verb == "get":
            found = self._registry.get(kind, where.namespace, where.name)
            return Answer(200, answers.one(view, kind, found))
        if asked.verb == "list":
            return Answer(200, await self._list(asked, view))
        code, made = self._write(asked, caller)
        if made.get("kind", "").endswith("List") and asked.verb == "deletecollection":
            return Answer(code, made, caller.warnings)
        return Answer(code, answers.one(view, kind, made), caller.warnings)

    def _write(self, asked: Asked, caller: Caller) -> tuple[int, JsonObject]:
        registry, where = self._registry, asked.target
        kind, namespace, name = where.kind, where.namespace, where.name
        if where.subresource == "eviction":
            return 201, self._evict(asked, caller)
        if asked.verb == "create":
            return 201, registry.create(kind, namespace, _read(asked), caller)
        if asked.verb == "update":
            return 200, registry.replace(kind, namespace, name, _read(asked), caller)
        if asked.verb == "patch":
            body = _read_patch(asked)
            media_type = asked.content_type
            made, new = registry.patch(kind, namespace, name, media_type, body, caller)
            return (201 if new else 200), made
        if asked.verb == "delete":
            return 200, registry.delete(kind, namespace, name, _options(asked), caller)
        return 200, self._delete_all(asked, caller)

    def _evict(self, asked: Asked, caller: Caller) -> JsonObject:
        where, body = asked.target, _read(asked)
        options = (body or {}).get("deleteOptions") or {}
        self._registry.delete(where.kind, where.namespace, where.name, options, caller)
        done: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
        return done | {"status": "Success", "code": 201}

    def _delete_all(self, asked: Asked, caller: Caller) -> JsonObject:
        where = asked.target
        labels, fields = (asked.query.get(f"{each}Selector", "") for each in ("label", "field"))
        found = self._registry.select(where.kind, where.namespace, labels, fields)
        for obj in found:
            metadata = obj["metadata"]
            place = metadata.get("namespace", "")
            self._registry.delete(where.kind, place, metadata["name"], _options(asked), caller)
        metadata = {"resourceVersion": str(self._registry.store.revision)}
        return answers.many(answers.View(), where.kind, found, metadata)

    async def _list(self, asked: Asked, view: answers.View) -> JsonObject:
        query, where = asked.query, asked.target
        revision = await self._reached(query)
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        if where.name:
            fields = f"metadata.name={where.name}"
        found = self._registry.select(where.kind, where.namespace, labels, fields)
        if query.get("resourceVersionMatch") == "Exact":
            found = [obj for obj in found if int(obj["metadata"]["resourceVersion"]) <= revision]
        metadata: JsonObject = {"resourceVersion": str(revision)}
        counted = not labels and not fields
        found = _page(where.kind, found, query, metadata, counted=counted)
        return answers.many(view, where.kind, found, metadata)

    async def _reached(self, query: Mapping[str, str]) -> int:
        """The version of which to tell.

        Raises:
            ApiError: 504, a version that is still to come.
        """
        now = self._registry.store.revision
        text = query.get("resourceVersion", "")
        if not text.isdecimal() or not int(text):
            return now
        if int(text) > now:
            await asyncio.sleep(self._patience)
            text = f"Too large resource version: {text}, current: {now}"
            cause = {
                "reason": "ResourceVersionTooLarge",
                "message": "Too large resource version",
            }
            details = {"causes": [cause], "retryAfterSeconds": 1}
            headers = {"Retry-After": "1"}
            raise errors.ApiError(504, "Timeout", f"Timeout: {text}", details, headers)
        return int(text) if query.get("resourceVersionMatch") == "Exact" else now


def _page(
    kind: Kind,
    found: list[JsonObject],
    query: Mapping[str, str],
    metadata: JsonObject,
    *,
    counted: bool,
) -> list[JsonObject]:
    """The part of a list that was asked for; what is left is told in `metadata`."""
    limit = int(query.get("limit") or 0)
    if token := query.get("continue", ""):
        _, after = answers.page_start(token)
        found = [obj for obj in found if _key(kind, obj) > after]
    if not limit or len(found) <= limit:
        return found
    revision = int(metadata["resourceVersion"])
    page = found[:limit]
    metadata["continue"] = answers.next_page(revision, page[-1], namespaced=kind.namespaced)
    if counted:
        metadata["remainingItemCount"] = len(found) - limit
    return page


def _key(kind: Kind, obj: JsonObject) -> str:
    metadata = obj["metadata"]
    return (
        f"/{metadata['namespace']}/{metadata['name']}"
        if kind.namespaced
        else f"/{metadata['name']}"
    )


def _read(asked: Asked) -> Any:
    if asked.body and asked.content_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(asked.body)
    return answers.decode(asked.body) if asked.body else {}


def _read_patch(asked: Asked) -> Any:
    if asked.content_type not in patches.TYPES:
        raise errors.ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    if asked.content_type == patches.APPLY:
        return answers.decode_apply(asked.body)
    return answers.decode(asked.body, patch=True)


def _options(asked: Asked) -> JsonObject:
    """DeleteOptions, of the body and of the query."""
    options: JsonObject = dict(_read(asked) or {})
    if "gracePeriodSeconds" in asked.query:
        options["gracePeriodSeconds"] = int(asked.query["gracePeriodSeconds"])
    if "propagationPolicy" in asked.query:
        options["propagationPolicy"] = asked.query["propagationPolicy"]
    return options
