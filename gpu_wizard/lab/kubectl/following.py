"""`kubectl logs`, `wait` and `rollout`: what takes its time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from gpu_wizard.lab.api import patches, podlogs, selectors, times
from gpu_wizard.lab.api.errors import ApiError
from gpu_wizard.lab.kubectl import changing, getting, jsonpath
from gpu_wizard.lab.kubectl.arguments import UsageError
from gpu_wizard.lab.kubectl.context import Context, Item
from gpu_wizard.lab.ports import JsonObject

_TIMED_OUT = "timed out waiting for the condition"


async def logs(context: Context) -> int:
    """`kubectl logs POD | TYPE/NAME | -l SELECTOR`"""
    arguments = context.arguments
    labels = arguments.value("selector")
    if labels:
        pods = context.select(context.kind("pods"), labels=labels)
        if not pods:
            await context.err(f"No resources found in {context.namespace} namespace.\n")
        for pod in pods:
            await _log(context, pod, default_tail=10)
        return 0
    if not arguments.words:
        raise UsageError(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl logs -h' for help and examples"
        )
    pod = await _pod_of(context, arguments.words[0])
    container = arguments.words[1] if len(arguments.words) > 1 else ""
    await _log(context, pod, container=container)
    return 0


async def _pod_of(context: Context, word: str) -> JsonObject:
    kind_word, slash, name = word.rpartition("/")
    kind = context.kind(kind_word) if slash else context.kind("pods")
    item = context.item(kind, name)
    try:
        found = context.get(item)
    except ApiError as error:
        if error.code != 404:
            raise
        text = f'error from server (NotFound): {error.message} in namespace "{context.namespace}"'
        raise UsageError(text) from error
    if kind.name == "Pod":
        return found
    selector = found["spec"].get("selector") or {}
    pods = [
        pod
        for pod in context.select(context.kind("pods"))
        if selectors.matches(selector, pod["metadata"].get("labels", {}))
    ]
    if not pods:
        raise UsageError(_TIMED_OUT)
    if len(pods) > 1:
        chosen = pods[0]["metadata"]["name"]
        await context.err(f"Found {len(pods)} pods, using pod/{chosen}\n")
    return pods[0]


async def _log(
    context: Context, pod: JsonObject, *, container: str = "", default_tail: int = -1
) -> None:
    arguments = context.arguments
    item = context.of(context.kind("pods"), pod)
    context.demand("get", item, "log")
    asked = container or arguments.value("container") or pod["spec"]["containers"][0]["name"]
    name = podlogs.container_of(pod, asked)
    if not pod["spec"].get("nodeName"):
        return
    query = {key: "true" for key in ("follow", "previous", "timestamps") if arguments.has(key)}
    tail = int(arguments.value("tail", str(default_tail)))
    if tail >= 0:
        query["tailLines"] = str(tail)
    if arguments.value("limit-bytes"):
        query["limitBytes"] = arguments.value("limit-bytes")
    if since := arguments.seconds("since"):
        query["sinceSeconds"] = str(int(since))
    options = podlogs.LogOptions.read(item.name, query)
    log = context.cluster.log(pod, name, previous=options.previous)
    prefix = f"[pod/{item.name}/{name}] " if arguments.has("prefix") else ""
    async for chunk in podlogs.chunks(log, options):
        await context.call.out(prefix.encode() + chunk)


async def attend(context: Context, item: Item) -> int:
    """Print a pod's log until it has ended; gives its exit code."""

    def begun() -> bool:
        found = context.cluster.store.get(item.kind, item.namespace, item.name)
        return found is None or found["status"].get("phase") not in ("Pending", "")

    await changing.wait_until(context, begun, None)
    pod = context.get(item)
    if pod["status"].get("containerStatuses"):
        context.arguments.flags["follow"] = ["true"]
        await _log(context, pod)

    def ended() -> bool:
        found = context.cluster.store.get(item.kind, item.namespace, item.name)
        return found is None or found["status"].get("phase") in ("Succeeded", "Failed")

    await changing.wait_until(context, ended, None)
    statuses = context.get(item)["status"].get("containerStatuses") or [{}]
    return int(statuses[0].get("state", {}).get("terminated", {}).get("exitCode", 1))


async def wait(context: Context) -> int:
    """`kubectl wait --for=condition=C|jsonpath=P=V|delete TYPE/NAME…`"""
    arguments = context.arguments
    wanted = arguments.value("for")
    limit = arguments.seconds("timeout", 30.0)
    items = context.chosen(arguments.words)
    if not items:
        raise UsageError("no matching resources found")
    for item in items:
        if wanted != "delete":
            context.get(item)
        test = _test(context, item, wanted)
        if not await changing.wait_until(context, test, limit):
            await context.err(f"error: {_TIMED_OUT} on {item.kind.plural}/{item.name}\n")
            return 1
        done = "condition met" if wanted != "delete" else "deleted"
        await context.out(f"{item.shown} {done}\n")
    return 0


def _test(context: Context, item: Item, wanted: str) -> Callable[[], bool]:
    def find() -> JsonObject | None:
        return context.cluster.store.get(item.kind, item.namespace, item.name)

    if wanted == "delete":
        return lambda: find() is None
    form, _, rest = wanted.partition("=")
    if form == "condition":
        name, _, value = rest.partition("=")
        return lambda: _condition(find(), name, value or "True")
    if form == "jsonpath":
        path, _, value = rest.rpartition("}=")
        path, value = (f"{path}}}", value) if path else (rest, "")
        return lambda: _matches(find(), path.strip("'"), value.strip("'"))
    raise UsageError(f'unrecognized condition: "{wanted}"')


def _condition(obj: JsonObject | None, name: str, value: str) -> bool:
    conditions = (obj or {}).get("status", {}).get("conditions", ())
    found = [each for each in conditions if each["type"].lower() == name.lower()]
    return any(each["status"].lower() == value.lower() for each in found)


def _matches(obj: JsonObject | None, path: str, value: str) -> bool:
    found = jsonpath.select(path, obj) if obj else []
    return bool(found) and (not value or jsonpath.render(path, obj) == value)


async def rollout(context: Context) -> int:
    """`kubectl rollout status|restart|undo|history TYPE/NAME`"""
    words = context.arguments.words
    actions = {"status": _status, "restart": _restart, "undo": _undo, "history": _history}
    if not words or words[0] not in actions:
        raise UsageError(f"rollout {' '.join(words[:1])} is not part of this lab")
    for item in context.chosen(words[1:]):
        if item.kind.name != "DaemonSet":
            raise UsageError(f"{item.kind.plural} do not roll out in this lab")
        code = await actions[words[0]](context, item)
        if code:
            return code
    return 0


async def _status(context: Context, item: Item) -> int:
    context.get(item)
    said = ""

    def progress() -> tuple[str, bool]:
        return _progress(context.cluster.store.get(item.kind, item.namespace, item.name) or {})

    clock = context.cluster.clock
    limit = context.arguments.seconds("timeout", 0.0)
    end = clock.now() + limit / clock.factor if limit else None
    while True:
        text, done = progress()
        if text != said:
            await context.out(f"{text}\n")
            said = text
        if done or context.arguments.value("watch", "true") == "false":
            return 0
        if end is not None and clock.now() >= end:
            await context.err(f"error: {_TIMED_OUT}\n")
            return 1
        await clock.sleep(0.02)


def _progress(daemons: JsonObject) -> tuple[str, bool]:
    metadata, status = daemons["metadata"], daemons["status"]
    title = f'daemon set "{metadata["name"]}"'
    desired = status.get("desiredNumberScheduled", 0)
    if status.get("observedGeneration", 0) < metadata["generation"]:
        return "Waiting for daemon set spec update to be observed...", False
    waiting = f"Waiting for {title} rollout to finish: "
    updated = status.get("updatedNumberScheduled", 0)
    if updated < desired:
        return f"{waiting}{updated} out of {desired} new pods have been updated...", False
    available = status.get("numberAvailable", 0)
    if available < desired:
        return f"{waiting}{available} of {desired} updated pods are available...", False
    return f"{title} successfully rolled out", True


async def _restart(context: Context, item: Item) -> int:
    mark = {"kubectl.kubernetes.io/restartedAt": times.now()}
    body = {"spec": {"template": {"metadata": {"annotations": mark}}}}
    _patch(context, item, patches.STRATEGIC, body)
    await context.out(f"{item.shown} restarted\n")
    return 0


async def _undo(context: Context, item: Item) -> int:
    revisions = _revisions(context, item)
    if len(revisions) < 2:
        raise UsageError("no rollout history found")
    wanted = int(context.arguments.value("to-revision", "0"))
    chosen = [each for each in revisions if each["revision"] == wanted] or [revisions[-2]]
    template = copy.deepcopy(chosen[0]["data"]["spec"]["template"])
    template.pop("$patch", None)
    body = [{"op": "replace", "path": "/spec/template", "value": template}]
    _patch(context, item, patches.JSON_PATCH, body)
    await context.out(f"{item.shown} rolled back\n")
    return 0


async def _history(context: Context, item: Item) -> int:
    lines = [f"{item.shown} ", "REVISION  CHANGE-CAUSE"]
    for each in _revisions(context, item):
        lines.append(f"{each['revision']}         <none>")  # noqa: PERF401 - two kinds of lines
    await context.out("\n".join(lines) + "\n\n")
    return 0


def _revisions(context: Context, item: Item) -> list[JsonObject]:
    uid = context.get(item)["metadata"]["uid"]
    kind = context.kind("controllerrevisions")
    found = context.cluster.registry.select(kind, item.namespace)
    owned = [
        each
        for each in found
        if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", ()))
    ]
    return sorted(owned, key=lambda each: int(each["revision"]))


def _patch(context: Context, item: Item, media_type: str, body: Any) -> None:
    context.demand("patch", item)
    caller = context.caller("kubectl-rollout")
    registry = context.cluster.registry
    registry.patch(item.kind, item.namespace, item.name, media_type, body, caller)


async def events(context: Context) -> int:
    """`kubectl events`, which is `get events` in order of time."""
    context.arguments.words = ["events"]
    context.arguments.flags.setdefault("sort-by", [".lastTimestamp"])
    return await getting.get(context)
