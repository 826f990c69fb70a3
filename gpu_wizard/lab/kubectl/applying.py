"""`kubectl apply`, `create` and `run`."""

from __future__ import annotations

import copy
import json
from typing import Any

from gpu_wizard.lab.api import patches, schema
from gpu_wizard.lab.api.errors import ApiError
from gpu_wizard.lab.kubectl import changing, following, getting
from gpu_wizard.lab.kubectl.arguments import UsageError
from gpu_wizard.lab.kubectl.context import Context, Item, ServerError
from gpu_wizard.lab.ports import JsonObject

_LAST = "kubectl.kubernetes.io/last-applied-configuration"
_UNDECLARED = (
    f"is missing the {_LAST} annotation which is required by kubectl apply. kubectl apply should "
    "only be used on resources created declaratively by either kubectl create --save-config or "
    "kubectl apply. The missing annotation will be patched automatically."
)
_ADVICE = """Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
"""


async def apply(context: Context) -> int:
    """`kubectl apply -f FILE [--server-side]`"""
    for source, manifest in await context.manifests():
        item = context.located(manifest)
        if context.arguments.has("server-side"):
            await _server_side(context, item, manifest)
        else:
            await _client_side(context, item, manifest, source)
    return 0


async def _server_side(context: Context, item: Item, manifest: JsonObject) -> None:
    context.demand("patch", item)
    force = context.arguments.has("force-conflicts")
    caller = context.caller("kubectl", validation="Strict", force=force)
    try:
        made, _ = context.cluster.registry.patch(
            item.kind, item.namespace, item.name, patches.APPLY, manifest, caller
        )
    except ApiError as error:
        if error.code != 409:
            raise
        raise UsageError(f"{error.message}\n{_ADVICE}".rstrip("\n")) from error
    await _tell(context, item, made, "serverside-applied")


async def _client_side(context: Context, item: Item, manifest: JsonObject, source: str) -> None:
    registry = context.cluster.registry
    live = registry.store.get(item.kind, item.namespace, item.name)
    context.demand("get" if live else "create", item)
    wanted = _annotated(manifest)
    caller = context.caller("kubectl-client-side-apply", validation="Strict")
    if live is None:
        made = _create(context, item, wanted, source, "kubectl-client-side-apply")
        await _tell(context, item, made, "created")
        return
    last = (live["metadata"].get("annotations") or {}).get(_LAST)
    if last is None:
        kind = item.kind.plural
        await context.err(f"Warning: resource {kind}/{item.name} {_UNDECLARED}\n")
    patch = _three_way(json.loads(last) if last else {}, wanted)
    context.demand("patch", item)
    made, _ = registry.patch(item.kind, item.namespace, item.name, patches.STRATEGIC, patch, caller)
    same = made["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
    same = same and not changing.suffix(context)
    await _tell(context, item, made, "unchanged" if same else "configured")


def _annotated(manifest: JsonObject) -> JsonObject:
    wanted = copy.deepcopy(manifest)
    bare = copy.deepcopy(manifest)
    bare["metadata"].setdefault("annotations", {}).pop(_LAST, None)
    text = json.dumps(bare, separators=(",", ":"), sort_keys=True) + "\n"
    annotations = wanted["metadata"].get("annotations") or {}
    wanted["metadata"]["annotations"] = annotations | {_LAST: text}
    return wanted


def _three_way(last: Any, wanted: Any) -> Any:
    """What was wanted, and null for what was wanted before and no longer is."""
    if not (isinstance(last, dict) and isinstance(wanted, dict)):
        return wanted
    patch = {name: _three_way(last.get(name), value) for name, value in wanted.items()}
    return patch | {name: None for name in last if name not in wanted}


def _create(
    context: Context, item: Item, manifest: JsonObject, source: str, manager: str
) -> JsonObject:
    context.demand("create", item)
    registry = context.cluster.registry
    if context.arguments.value("dry-run") == "client":
        return {"metadata": {"resourceVersion": ""}} | manifest
    caller = context.caller(manager, validation="Strict")
    try:
        return registry.create(item.kind, item.namespace, manifest, caller)
    except ApiError as error:
        raise ServerError(error, f'error when creating "{source}": ' if source else "") from error


async def _tell(context: Context, item: Item, made: JsonObject, done: str) -> None:
    if context.arguments.value("output"):
        await getting.show(context, [(item.kind, made)], single=True, kinds=[])
        return
    shown = Item(item.kind, item.namespace, made["metadata"]["name"]).shown
    await context.out(f"{shown} {done}{changing.suffix(context)}\n")


async def replace(context: Context) -> int:
    """`kubectl replace -f FILE`"""
    for _, manifest in await context.manifests():
        item = context.located(manifest)
        context.demand("update", item)
        caller = context.caller("kubectl-replace", validation="Strict")
        registry = context.cluster.registry
        made = registry.replace(item.kind, item.namespace, item.name, manifest, caller)
        await _tell(context, item, made, "replaced")
    return 0


async def create(context: Context) -> int:
    """`kubectl create -f FILE`, `create namespace NAME`, `create configmap NAME --from-literal…`"""
    words = context.arguments.words
    if context.arguments.all("filename"):
        for source, manifest in await context.manifests():
            item = context.located(manifest)
            made = _create(context, item, manifest, source, "kubectl-create")
            await _tell(context, item, made, "created")
        return 0
    if len(words) != 2:
        raise UsageError("must specify one of -f and -k")
    kind = context.kind(words[0])
    body: JsonObject = {"metadata": {"name": words[1]}}
    if kind.name == "ConfigMap":
        body["data"] = _data(context)
    elif kind.name not in ("Namespace", "ServiceAccount"):
        raise UsageError(f"create {words[0]} is not part of this lab; use create -f")
    item = context.item(kind, words[1])
    made = _create(context, item, body, "", "kubectl-create")
    await _tell(context, item, made, "created")
    return 0


def _data(context: Context) -> dict[str, str]:
    arguments = context.arguments
    pairs = [each.split("=", 1) for each in arguments.all("from-literal")]
    found = dict(pair for pair in pairs if len(pair) == 2)
    for each in arguments.all("from-file"):
        name, _, path = each.rpartition("=")
        found[name or path.rpartition("/")[2]] = context.read_file(path).decode()
    return found


async def run(context: Context) -> int:
    """`kubectl run NAME --image=IMAGE [--overrides=JSON] [--rm -i] -- ARGS`"""
    arguments = context.arguments
    if not arguments.words:
        raise UsageError("NAME is required for run")
    name = arguments.words[0]
    if not arguments.value("image"):
        raise UsageError('required flag(s) "image" not set')
    item = Item(context.kind("pods"), context.namespace, name)
    made = _create(context, item, _pod(context, name), "", "kubectl-run")
    attached = arguments.has("stdin") or arguments.has("attach")
    if not attached:
        await _tell(context, item, made, "created")
        return 0
    try:
        return await following.attend(context, item)
    finally:
        if arguments.has("rm"):
            context.cluster.registry.delete(
                item.kind, item.namespace, name, {}, context.caller("kubectl")
            )
            await context.out(f'pod "{name}" deleted from {item.namespace} namespace\n')


def _pod(context: Context, name: str) -> JsonObject:
    arguments = context.arguments
    container: JsonObject = {"name": name, "image": arguments.value("image"), "resources": {}}
    words = [*arguments.words[1:], *(arguments.after or ())]
    if words:
        container["command" if arguments.has("command") else "args"] = words
    if arguments.value("image-pull-policy"):
        container["imagePullPolicy"] = arguments.value("image-pull-policy")
    if arguments.all("env"):
        pairs = [each.split("=", 1) for each in arguments.all("env")]
        container["env"] = [{"name": key, "value": value} for key, value in pairs]
    labels = dict(each.split("=", 1) for each in arguments.value("labels").split(",") if each)
    pod: JsonObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {"run": name}},
        "spec": {
            "containers": [container],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": arguments.value("restart", "Always"),
        },
    }
    text = arguments.value("overrides")
    if not text:
        return pod
    try:
        overrides = json.loads(text)
    except ValueError as error:
        raise UsageError(f"Invalid JSON Patch: {error}") from error
    kind = arguments.value("override-type", "merge")
    media_type = patches.STRATEGIC if kind == "strategic" else patches.MERGE
    return patches.patched(media_type, schema.of_kind("Pod"), pod, overrides)
