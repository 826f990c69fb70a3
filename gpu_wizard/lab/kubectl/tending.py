"""`kubectl taint`, `cordon`, `uncordon` and `drain`: what is done to nodes."""

from __future__ import annotations

from gpu_wizard.lab.api import patches
from gpu_wizard.lab.kubectl import changing
from gpu_wizard.lab.kubectl.arguments import UsageError
from gpu_wizard.lab.kubectl.context import Context, Item
from gpu_wizard.lab.ports import JsonObject


async def taint(context: Context) -> int:
    """`kubectl taint nodes NAME KEY=VALUE:EFFECT… KEY:EFFECT-…`"""
    words = context.arguments.words
    start = next(
        (i for i, word in enumerate(words) if ":" in word or word.endswith("-")), len(words)
    )
    changes = words[start:]
    if not changes:
        raise UsageError("at least one taint update is required")
    for item in context.chosen(words[:start]):
        taints = list(context.get(item)["spec"].get("taints") or ())
        for change in changes:
            taints = _tainted(context, item, taints, change)
        changing.patch_object(
            context, item, patches.MERGE, {"spec": {"taints": taints or None}}, "kubectl-taint"
        )
        removed = all(change.endswith("-") for change in changes)
        await context.out(f"{item.shown} {'untainted' if removed else 'tainted'}\n")
    return 0


def _tainted(
    context: Context, item: Item, taints: list[JsonObject], change: str
) -> list[JsonObject]:
    pair, _, effect = change.rstrip("-").partition(":")
    key, _, value = pair.partition("=")
    same = [t for t in taints if t["key"] == key and effect in ("", t["effect"])]
    rest = [t for t in taints if t not in same]
    if change.endswith("-"):
        if not same:
            shown = f"{key}:{effect}" if effect else key
            raise UsageError(f'taint "{shown}" not found')
        return rest
    if same and not context.arguments.has("overwrite"):
        raise UsageError(
            f"node {item.name} already has {key} taint(s) with same effect(s) and --overwrite is "
            "false"
        )
    added: JsonObject = {"key": key, "effect": effect}
    return [*rest, added | ({"value": value} if value else {})]


async def cordon(context: Context) -> int:
    """`kubectl cordon NODE`"""
    return await _schedulable(context, closed=True)


async def uncordon(context: Context) -> int:
    """`kubectl uncordon NODE`"""
    return await _schedulable(context, closed=False)


async def _schedulable(context: Context, *, closed: bool) -> int:
    nodes = context.kind("nodes")
    for name in context.arguments.words:
        item = Item(nodes, "", name)
        known = bool(context.get(item)["spec"].get("unschedulable"))
        word = "cordoned" if closed else "uncordoned"
        if known == closed:
            await context.out(f"{item.shown} already {word}\n")
            continue
        body = {"spec": {"unschedulable": closed or None}}
        changing.patch_object(context, item, patches.MERGE, body, f"kubectl-{context.command}")
        await context.out(f"{item.shown} {word}\n")
    return 0


async def drain(context: Context) -> int:
    """`kubectl drain NODE [--ignore-daemonsets] [--force]`"""
    arguments = context.arguments
    await cordon(context)
    for node in arguments.words:
        fields = f"spec.nodeName={node}"
        pods = context.kind("pods")
        found = context.select(pods, everywhere=True, fields=fields)
        daemons = [pod for pod in found if _owner(pod) == "DaemonSet"]
        bare = [pod for pod in found if not _owner(pod)]
        await _check_drain(context, node, daemons, bare)
        leaving = [pod for pod in found if pod not in daemons]
        for pod in leaving:
            item = context.of(pods, pod)
            await context.out(f"evicting pod {item.namespace}/{item.name}\n")
            changing.delete_object(context, item)
        for pod in leaving:
            item = context.of(pods, pod)
            await changing.until_gone(
                context, item, pod["metadata"]["uid"], arguments.seconds("timeout")
            )
            await context.out(f"pod/{item.name} evicted\n")
        await context.out(f"node/{node} drained\n")
    return 0


def _owner(pod: JsonObject) -> str:
    owners = pod["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("kind", ""))


async def _check_drain(
    context: Context, node: str, daemons: list[JsonObject], bare: list[JsonObject]
) -> None:
    arguments = context.arguments
    faults = []
    listed = ", ".join(f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in daemons)
    if daemons and not arguments.has("ignore-daemonsets"):
        faults.append(
            f"cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): {listed}"
        )
    elif daemons:
        await context.err(f"Warning: ignoring DaemonSet-managed Pods: {listed}\n")
    alive = [p for p in bare if p["status"].get("phase") in ("Running", "Pending")]
    if alive and not arguments.has("force"):
        names = ", ".join(f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in alive)
        faults.append(
            f"cannot delete Pods that declare no controller (use --force to override): {names}"
        )
    if faults:
        raise UsageError(
            f'unable to drain node "{node}" due to error: [{", ".join(faults)}], continuing '
            f"command...\nThere are pending nodes to be drained:\n {node}\n{faults[0]}"
        )
