"""Asking and changing a Kubernetes API, in plain JSON objects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from gpu_wizard.cluster.answers import HttpAnswer, error_of, object_of, unknown_from, unknown_of
from gpu_wizard.cluster.paths import METADATA, METADATA_LIST, path_of, query_of
from gpu_wizard.model.action import ApplyObject, DeleteObject
from gpu_wizard.model.errors import ConflictError, Where, WizardError
from gpu_wizard.model.ports import Applied
from gpu_wizard.model.question import (
    ApiGet,
    ClusterAnswer,
    ClusterAsk,
    JsonObject,
    LogsFound,
    Objects,
    ObjectsFound,
    PodLog,
    PodLogs,
)

FIELD_MANAGER = "gpu-wizard"
LONGEST_LOG_BYTES = 4 << 20
"""Of one container: hundreds of lines of ten kilobytes."""
MANAGED_BY = "app.kubernetes.io/managed-by"
K3S_OWNER = "objectset.rio.cattle.io/owner-name"
_APPLY = "application/apply-patch+yaml"
_UNASKED = {
    "Node": frozenset(("managedFields", "images", "features", "daemonEndpoints")),
    "Pod": frozenset(
        (
            *("managedFields", "volumes", "volumeMounts", "tolerations", "affinity"),
            *("securityContext", "hostIPs", "podIPs", "lastState", "user"),
        )
    ),
}
"""Of kinds that a list holds thousands of; of other kinds only who manages which field is nobody's question.

Source: recorded: it is three quarters of a pod and of a node.
"""
_NOBODYS = frozenset(("managedFields",))


class Connection(Protocol):
    """Sends requests to one API server with one account's credentials."""

    @property
    def server(self) -> str:
        """The API server's address."""

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        kind: str = "",
        accept: str = "",
    ) -> HttpAnswer:
        """Send one request; `kind`: its content type, `accept`: the answer's, JSON where empty.

        Empty query values are left out.

        Raises: UnreachableError, TimedOutError, TrustError.
        """

    async def close(self) -> None:
        """Close the connections."""


class _Gets:
    """The requests of one round of questions: the same one is sent once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sent: dict[object, asyncio.Task[ClusterAnswer]] = {}

    async def objects(self, ask: Objects | ApiGet) -> ClusterAnswer:
        """An object, or a list, page by page. Raises: as `Connection.request`."""
        if ask not in self._sent:
            found = self._single(ask) if isinstance(ask, ApiGet) or ask.name else self._list(ask)
            self._sent[ask] = asyncio.ensure_future(found)
        return await self._sent[ask]

    async def _single(self, ask: Objects | ApiGet) -> ClusterAnswer:
        if isinstance(ask, ApiGet):
            path, accept = ask.path, ""
        else:
            path = path_of(ask.kind, ask.namespace or "", ask.name)
            accept = METADATA if ask.metadata_only else ""
        answer = await self._connection.request("GET", path, accept=accept)
        document = answer.document(_lean(ask)) if answer.ok else None
        if answer.status == 404:
            return ObjectsFound(())
        if not isinstance(document, dict):
            return unknown_of(answer)
        return ObjectsFound((document,))

    async def _list(self, ask: Objects) -> ClusterAnswer:
        path, query = path_of(ask.kind, ask.namespace or ""), query_of(ask)
        accept = METADATA_LIST if ask.metadata_only else ""
        items: list[JsonObject] = []
        while True:
            answer = await self._connection.request("GET", path, query, accept=accept)
            if answer.status == 410 and "limit" in query:
                # The list that the pages are of is not kept any more: all of it at once.
                query, items = query_of(ask), []
                del query["limit"]
                continue
            document = answer.document(_lean(ask)) if answer.ok else None
            if answer.status == 404:
                return ObjectsFound(())
            if not isinstance(document, dict):
                return unknown_of(answer)
            items += [item for item in document.get("items") or () if isinstance(item, dict)]
            following = str((document.get("metadata") or {}).get("continue") or "")
            if following in ("", query.get("continue")):
                return ObjectsFound(tuple(items))
            query = {**query, "continue": following}


class KubeReader:
    """A Kubernetes API that can be asked."""

    def __init__(self, connection: Connection) -> None:
        """`connection`: closed with this."""
        self._connection = connection

    @property
    def server(self) -> str:
        """The API server's address."""
        return self._connection.server

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def ask(self, asks: Sequence[ClusterAsk]) -> list[ClusterAnswer]:
        """Answer all questions at once, what two of them need by one request; see `ClusterReader.ask`."""
        gets = _Gets(self._connection)
        return list(await asyncio.gather(*(self._answer(ask, gets) for ask in asks)))

    async def _answer(self, ask: ClusterAsk, gets: _Gets) -> ClusterAnswer:
        try:
            match ask:
                case Objects() | ApiGet():
                    return await gets.objects(ask)
                case PodLogs():
                    return await self._logs(ask, gets)
        except WizardError as error:
            return unknown_from(error)

    async def _logs(self, ask: PodLogs, gets: _Gets) -> ClusterAnswer:
        wanted = ask.containers
        if wanted is None:
            listed = await gets.objects(ask.pods)
            if not isinstance(listed, ObjectsFound):
                return listed
            wanted = ask.among(listed)
        return LogsFound(tuple(await asyncio.gather(*(self._log(*one, ask) for one in wanted))))

    async def _log(self, namespace: str, pod: str, container: str, ask: PodLogs) -> PodLog:
        query = {"container": container, "tailLines": str(ask.tail_lines)}
        # A line may be as long as its writer likes.
        query["limitBytes"] = str(LONGEST_LOG_BYTES)
        if ask.timestamps:
            query["timestamps"] = "true"
        answer = await self._connection.request(
            "GET", f"{path_of('Pod', namespace, pod)}/log", query
        )
        if answer.ok:
            return PodLog(namespace, pod, container, answer.body.decode(errors="replace"))
        return PodLog(namespace, pod, container, "", answer.message)


class KubeCluster(KubeReader):
    """A Kubernetes API that can be changed."""

    async def apply(self, apply: ApplyObject) -> Applied:
        """Server-side apply; see `Cluster.apply`."""
        return await self._apply(apply, {})

    async def preview(self, apply: ApplyObject) -> Applied:
        """The same as a dry run; see `Cluster.preview`."""
        return await self._apply(apply, {"dryRun": "All"})

    async def _apply(self, apply: ApplyObject, extra: Mapping[str, str]) -> Applied:
        path = path_of(apply.kind, apply.namespace, apply.name)
        what = f"{apply.kind} {apply.name}"
        before = await self._object(path, what)
        if before is None and apply.must_exist:
            raise ConflictError(
                "api-gone", f"{what} is not there any more.", Where(host=self.server)
            )
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if apply.force else "", **extra}
        answer = await self._connection.request(
            "PATCH", path, query, json.loads(json.dumps(apply.manifest)), _APPLY
        )
        after = object_of(answer, self.server, what)
        return Applied(before, after, before is None or _content(before) != _content(after))

    async def delete(self, delete: DeleteObject) -> bool:
        """Delete an object under its conditions; see `Cluster.delete`."""
        path, what = (
            path_of(delete.kind, delete.namespace, delete.name),
            f"{delete.kind} {delete.name}",
        )
        there = await self._object(path, what)
        if there is None or not _may_delete(there, delete):
            return False
        body: dict[str, Any] = {"preconditions": {"uid": there["metadata"]["uid"]}}
        if delete.grace_seconds is not None:
            body["gracePeriodSeconds"] = delete.grace_seconds
        answer = await self._connection.request("DELETE", path, None, body)
        if not answer.ok and answer.status != 404:
            raise error_of(answer, self.server, what)
        return answer.ok

    async def _object(self, path: str, what: str) -> dict[str, Any] | None:
        answer = await self._connection.request("GET", path)
        return None if answer.status == 404 else object_of(answer, self.server, what)


def _lean(ask: Objects | ApiGet) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Leaves out, while a document is read, what no question is about: it is never there as a whole."""
    unasked = _UNASKED.get(ask.kind, _NOBODYS) if isinstance(ask, Objects) else _NOBODYS

    def lean(part: dict[str, Any]) -> dict[str, Any]:
        if not unasked.isdisjoint(part):
            for key in unasked.intersection(part):
                # A label or an annotation of that name is text.
                if not isinstance(part[key], str):
                    del part[key]
        return part

    return lean


def _may_delete(there: Mapping[str, Any], delete: DeleteObject) -> bool:
    meta = there["metadata"]
    if delete.only_ownerless and meta.get("ownerReferences"):
        return False
    if not delete.only_ours:
        return True
    ours = (meta.get("labels") or {}).get(MANAGED_BY) == FIELD_MANAGER
    return ours and K3S_OWNER not in (meta.get("annotations") or {})


def _content(item: Mapping[str, Any]) -> dict[str, Any]:
    """The object without what each write or report touches."""
    meta = {
        k: v
        for k, v in item["metadata"].items()
        if k not in ("managedFields", "resourceVersion", "generation")
    }
    return {**{k: v for k, v in item.items() if k not in ("metadata", "status")}, "metadata": meta}
