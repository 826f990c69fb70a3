"""Watches: changes of objects as a stream of JSON lines.

Source: recorded i01-i09, f04, e32 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from gpu_wizard.lab.api import answers, errors, selectors, tables
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.api.store import Change, Store
from gpu_wizard.lab.ports import JsonObject

# A server that closes a watch in time says shortly before how far it has come.
_LAST_WORD = 1.25
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


@dataclass(frozen=True)
class WatchOptions:
    """The query of a watch."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""
    revision: str = ""
    """Version to start from; "" or "0": begin with what is there."""
    bookmarks: bool = False
    initial: bool = False
    """True with `sendInitialEvents`."""
    timeout: float = 1800.0
    view: answers.View = field(default_factory=answers.View)


def start(options: WatchOptions) -> int:
    """The version to start from; 0 for what is there.

    Raises:
        ApiError: 500, it is no number; that is what the real server answers.
    """
    text = options.revision
    if text and not text.isdecimal():
        raise errors.internal(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": '
            "invalid syntax"
        )
    return int(text or 0)


async def events(store: Store, kind: Kind, options: WatchOptions) -> AsyncIterator[JsonObject]:
    """The watch events, until the time is over."""
    chosen = _Chosen(kind, options)
    revision = start(options)
    queue: asyncio.Queue[Change] = asyncio.Queue()
    end = store.subscribe(lambda change: queue.put_nowait(change) if change.kind == kind else None)
    try:
        if revision and not options.initial:
            if revision < store.oldest(kind):
                yield {"type": "ERROR", "object": _expired(revision, store.oldest(kind)).body}
                return
            backlog = [chosen.event(change) for change in store.since(kind, revision)]
        else:
            backlog = [chosen.first(obj) for obj in store.all(kind, options.namespace)]
        for event in filter(None, backlog):
            yield event
        if options.initial and options.bookmarks:
            yield chosen.bookmark(store.revision, _INITIAL_END)
        async for event in _live(store, chosen, queue, options, max(revision, 0)):
            yield event
    finally:
        end()


async def _live(
    store: Store,
    chosen: _Chosen,
    queue: asyncio.Queue[Change],
    options: WatchOptions,
    after: int,
) -> AsyncIterator[JsonObject]:
    loop = asyncio.get_running_loop()
    over = loop.time() + options.timeout
    said = not options.bookmarks or options.timeout <= _LAST_WORD
    while (left := over - loop.time()) > 0:
        wait = left if said else max(0.0, left - _LAST_WORD)
        try:
            async with asyncio.timeout(wait):
                change = await queue.get()
        except TimeoutError:
            if not said:
                said = True
                yield chosen.bookmark(store.revision, {})
            continue
        if change.revision > after and (event := chosen.event(change)):
            yield event


def _expired(revision: int, oldest: int) -> errors.ApiError:
    return errors.ApiError(410, "Expired", f"too old resource version: {revision} ({oldest})")


class _Chosen:
    """The objects that a watch is about, and how it shows them."""

    def __init__(self, kind: Kind, options: WatchOptions) -> None:
        self._kind = kind
        self._namespace = options.namespace
        self._labels = selectors.labels(options.labels)
        self._fields = selectors.fields(kind, options.fields)
        self._view = options.view

    def first(self, obj: JsonObject) -> JsonObject | None:
        return self._shown("ADDED", obj) if self._has(obj) else None

    def event(self, change: Change) -> JsonObject | None:
        """A change as this watch sees it: entering the selection is ADDED, leaving it DELETED."""
        before = change.before is not None and self._has(change.before)
        after = change.type != "DELETED" and self._has(change.object)
        if before and after:
            return self._shown("MODIFIED", change.object)
        if after:
            return self._shown("ADDED", change.object)
        return self._shown("DELETED", change.object) if before else None

    def bookmark(self, revision: int, annotations: dict[str, str]) -> JsonObject:
        metadata: JsonObject = {"resourceVersion": str(revision)}
        if annotations:
            metadata["annotations"] = annotations
        obj: JsonObject = {"kind": self._kind.name, "apiVersion": self._kind.api_version}
        if self._view.form == "Table":
            obj = tables.table(self._kind, [], metadata, self._view.include)
        return {"type": "BOOKMARK", "object": obj | {"metadata": metadata}}

    def _has(self, obj: JsonObject) -> bool:
        place = obj["metadata"].get("namespace", "")
        if self._namespace and place != self._namespace:
            return False
        return self._labels(obj) and self._fields(obj)

    def _shown(self, type_: str, obj: JsonObject) -> JsonObject:
        return {"type": type_, "object": answers.one(self._view, self._kind, obj)}
