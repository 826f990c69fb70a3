"""`kubectl describe` of nodes, pods and the rest.

Source: recorded k40 with kubectl v1.36.4.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from gpu_wizard.lab.api import ages, quantity, tables, times
from gpu_wizard.lab.cluster import placement
from gpu_wizard.lab.kubectl import printing
from gpu_wizard.lab.kubectl.context import Context, Item
from gpu_wizard.lab.ports import JsonObject

_NONE = "<none>"
_SYSTEM = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
)


async def describe(context: Context) -> int:
    """`kubectl describe TYPE NAME…`"""
    words = context.arguments.words
    if len(words) == 1 and "/" not in words[0]:
        kind = context.kind(words[0])
        everywhere = context.arguments.has("all-namespaces")
        labels = context.arguments.value("selector")
        found = context.select(kind, everywhere=everywhere, labels=labels)
        items = [context.of(kind, obj) for obj in found]
    else:
        items = context.named(words)
    parts = [_describe(context, item) for item in items]
    await context.out("\n\n".join(parts))
    return 0


def _describe(context: Context, item: Item) -> str:
    obj = context.get(item)
    forms = {"Node": _node, "Pod": _pod}
    lines = forms.get(item.kind.name, _other)(context, item, obj)
    return "".join(f"{line}\n" for line in [*lines, *_events(context, item, obj)])


def _node(context: Context, item: Item, node: JsonObject) -> Iterator[str]:
    metadata, spec, status = node["metadata"], node["spec"], node["status"]
    yield f"Name:               {item.name}"
    yield f"Roles:              {tables.roles(node)}"
    yield from _map("Labels:", metadata.get("labels"), 20, "=")
    yield from _map("Annotations:", metadata.get("annotations"), 20, ": ")
    yield f"CreationTimestamp:  {_long(metadata['creationTimestamp'])}"
    taints = [_taint(each) for each in spec.get("taints") or ()]
    yield from _block("Taints:", taints, 20)
    yield f"Unschedulable:      {'true' if spec.get('unschedulable') else 'false'}"
    lease = context.cluster.get("Lease", "kube-node-lease", item.name) or {"spec": {}}
    yield "Lease:"
    yield f"  HolderIdentity:  {lease['spec'].get('holderIdentity', _NONE)}"
    yield "  AcquireTime:     <unset>"
    renewed = lease["spec"].get("renewTime")
    yield f"  RenewTime:       {_long(renewed) if renewed else '<unset>'}"
    yield from _conditions(status.get("conditions", ()))
    yield "Addresses:"
    yield from _aligned([(each["type"], each["address"]) for each in status.get("addresses", ())])
    for part in ("capacity", "allocatable"):
        yield f"{part.capitalize()}:"
        yield from _aligned(sorted(status.get(part, {}).items()))
    yield "System Info:"
    info = status.get("nodeInfo", {})
    yield from _aligned([(title, info.get(name, "")) for title, name in _SYSTEM])
    for title, value in (("PodCIDR", spec.get("podCIDR")), ("PodCIDRs", spec.get("podCIDR"))):
        yield f"{title}:".ljust(30) + str(value or "")
    yield from _node_pods(context, node)


def _conditions(conditions: Any) -> Iterator[str]:
    yield "Conditions:"
    rows = [["Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message"]]
    rows.append(["-" * len(name) for name in rows[0]])
    for each in conditions:
        beat, since = (_long(each[name]) for name in ("lastHeartbeatTime", "lastTransitionTime"))
        cells = [each["type"], each["status"], beat, since, each["reason"]]
        # kubectl puts a blank behind each of these cells.
        rows.append([*(f"{cell} " for cell in cells), each["message"]])
    yield from _rows(rows)


def _node_pods(context: Context, node: JsonObject) -> Iterator[str]:
    name = node["metadata"]["name"]
    fields = f"spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed"
    pods = context.select(context.kind("pods"), everywhere=True, fields=fields)
    yield f"Non-terminated Pods:          ({len(pods)} in total)"
    rows = [
        [
            "Namespace",
            "Name",
            "CPU Requests",
            "CPU Limits",
            "Memory Requests",
            "Memory Limits",
            "Age",
        ]
    ]
    rows.append(["-" * len(each) for each in rows[0]])
    none = "0 (0%)"
    for pod in pods:
        metadata = pod["metadata"]
        age = ages.age(metadata["creationTimestamp"])
        rows.append([metadata["namespace"], metadata["name"], none, none, none, none, age])
    yield from _rows(rows)
    yield "Allocated resources:"
    yield "  (Total limits may be over 100 percent, i.e., overcommitted.)"
    rows = [["Resource", "Requests", "Limits"], ["--------", "--------", "------"]]
    for resource in sorted(node["status"].get("allocatable", {})):
        if resource == "pods":
            continue
        total = sum(placement.requests(pod["spec"]).get(resource, 0) for pod in pods)
        shown = quantity.canonical(str(float(total)))
        share = "" if "." in resource else f" ({_percent(total, node, resource)}%)"
        rows.append([resource, f"{shown}{share}", f"{shown}{share}"])
    order = ["cpu", "memory", "ephemeral-storage"]
    rows[2:] = sorted(rows[2:], key=lambda row: order.index(row[0]) if row[0] in order else 9)
    yield from _rows(rows)


def _percent(total: Any, node: JsonObject, resource: str) -> int:
    whole = quantity.amount(node["status"]["allocatable"][resource])
    return int(total * 100 / whole) if whole else 0


def _pod(_context: Context, item: Item, pod: JsonObject) -> Iterator[str]:
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    width = 21 if spec.get("runtimeClassName") else 18

    def row(title: str, value: Any) -> str:
        return f"{title}:".ljust(width) + str(value)

    yield row("Name", item.name)
    yield row("Namespace", item.namespace)
    yield row("Priority", spec.get("priority", 0))
    if spec.get("runtimeClassName"):
        yield row("Runtime Class Name", spec["runtimeClassName"])
    yield row("Service Account", spec.get("serviceAccountName", ""))
    yield row("Node", f"{spec.get('nodeName', _NONE)}/{status.get('hostIP', '')}".rstrip("/"))
    if status.get("startTime"):
        yield row("Start Time", _long(status["startTime"]))
    yield from _map("Labels:", metadata.get("labels"), width, "=")
    yield from _map("Annotations:", metadata.get("annotations"), width, ": ")
    yield row(
        "Status", tables.pod_status(pod) if metadata.get("deletionTimestamp") else status["phase"]
    )
    for name in ("reason", "message"):
        if status.get(name):
            yield row(name.capitalize(), status[name])
    yield row("IP", status.get("podIP", ""))
    yield "Containers:"
    states = {each["name"]: each for each in status.get("containerStatuses", ())}
    for container in spec["containers"]:
        yield from _container(container, states.get(container["name"], {}))
    yield "Conditions:"
    conditions = status.get("conditions", ())
    yield from _rows([["Type", "Status"], *([each["type"], each["status"]] for each in conditions)])
    yield row("QoS Class", status.get("qosClass", ""))
    yield from _map("Node-Selectors:", spec.get("nodeSelector"), 29, "=")
    yield from _block("Tolerations:", [_toleration(t) for t in spec.get("tolerations") or ()], 29)


def _container(container: JsonObject, status: JsonObject) -> Iterator[str]:
    yield f"  {container['name']}:"
    yield f"    Image:         {container['image']}"
    for part in ("command", "args"):
        if container.get(part):
            yield f"    {part.capitalize()}:"
            yield from (f"      {word}" for word in container[part])
    for title, part in (("State", "state"), ("Last State", "lastState")):
        for name, facts in status.get(part, {}).items():
            yield f"    {title}:".ljust(19) + name.capitalize()
            yield from _state(facts)
    yield f"    Ready:          {status.get('ready', False)}"
    yield f"    Restart Count:  {status.get('restartCount', 0)}"
    for side in ("limits", "requests"):
        amounts = container.get("resources", {}).get(side, {})
        if amounts:
            yield f"    {side.capitalize()}:"
            yield from (f"      {name}:  {amount}" for name, amount in sorted(amounts.items()))


def _state(facts: JsonObject) -> Iterator[str]:
    for title, name in (("Reason", "reason"), ("Message", "message"), ("Exit Code", "exitCode")):
        if name in facts:
            yield f"      {title}:".ljust(22) + str(facts[name])
    for title, name in (("Started", "startedAt"), ("Finished", "finishedAt")):
        if name in facts:
            yield f"      {title}:".ljust(22) + _long(facts[name])


def _other(_context: Context, item: Item, obj: JsonObject) -> Iterator[str]:
    yield f"Name:         {item.name}"
    if item.namespace:
        yield f"Namespace:    {item.namespace}"
    yield from _map("Labels:", obj["metadata"].get("labels"), 14, "=")
    yield from _map("Annotations:", obj["metadata"].get("annotations"), 14, ": ")
    rest = {k: v for k, v in obj.items() if k not in ("metadata", "apiVersion", "kind")}
    yield from printing.as_yaml(rest).splitlines()


def _events(context: Context, item: Item, obj: JsonObject) -> Iterator[str]:
    found = [
        event
        for event in context.cluster.list("Event")
        if event["involvedObject"]["name"] == item.name
        and event["involvedObject"]["kind"] == item.kind.name
        and event["involvedObject"].get("uid") in (obj["metadata"]["uid"], item.name)
    ]
    if not found:
        yield "Events:".ljust(14) + _NONE
        return
    yield "Events:"
    rows = [["Type", "Reason", "Age", "From", "Message"]]
    rows.append(["-" * 4, "-" * 6, "-" * 4, "-" * 4, "-" * 7])
    for event in found:
        seen = event.get("lastTimestamp") or event.get("eventTime")
        age = ages.age(seen)
        if event.get("count", 1) > 1:
            age += f" (x{event['count']} over {ages.age(event['firstTimestamp'])})"
        rows.append(
            [event["type"], event["reason"], age, event["reportingComponent"], event["message"]]
        )
    yield from _rows(rows)


def _rows(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[index]) for row in rows) + 2 for index in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  " + "".join([*cells[:-1], row[-1]])


def _aligned(pairs: list[tuple[str, str]]) -> Iterator[str]:
    width = max((len(name) for name, _ in pairs), default=0) + 3
    for name, value in pairs:
        yield f"  {name}:".ljust(width + 2) + str(value)


def _map(title: str, values: JsonObject | None, width: int, between: str) -> Iterator[str]:
    yield from _block(title, [f"{k}{between}{v}" for k, v in sorted((values or {}).items())], width)


def _block(title: str, lines: list[str], width: int) -> Iterator[str]:
    for index, line in enumerate(lines or [_NONE]):
        yield (title if not index else "").ljust(width) + line


def _taint(taint: JsonObject) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _toleration(toleration: JsonObject) -> str:
    text = str(toleration.get("key", ""))
    if toleration.get("value"):
        text += f"={toleration['value']}"
    if toleration.get("effect"):
        text += f":{toleration['effect']}"
    if toleration.get("operator") == "Exists":
        text += " op=Exists"
    seconds = toleration.get("tolerationSeconds")
    return text + (f" for {seconds}s" if seconds is not None else "")


def _long(timestamp: str) -> str:
    moment = datetime.datetime.fromtimestamp(times.parse(timestamp), datetime.UTC)
    return moment.strftime("%a, %d %b %Y %H:%M:%S +0000")
