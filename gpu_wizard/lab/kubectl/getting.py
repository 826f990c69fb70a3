"""`kubectl get`, `events`, `api-resources` and `version`."""

from __future__ import annotations

import asyncio
from typing import Any

from gpu_wizard.lab.api import discovery
from gpu_wizard.lab.api.errors import ApiError
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.api.store import Change
from gpu_wizard.lab.kubectl import jsonpath, printing
from gpu_wizard.lab.kubectl.arguments import UsageError
from gpu_wizard.lab.kubectl.context import Context, Item
from gpu_wizard.lab.ports import JsonObject

Found = list[tuple[Kind, JsonObject]]
_FORMATS = ("", "wide", "json", "yaml", "name")


async def get(context: Context) -> int:
    """`kubectl get TYPE [NAME…] | TYPE/NAME… | --raw PATH`"""
    arguments = context.arguments
    if arguments.value("raw"):
        return await _raw(context)
    failed = 0
    found: Found = []
    kinds: list[Kind] = []
    if arguments.all("filename"):
        items = [context.located(each) for _, each in await context.manifests()]
    else:
        kinds, items = _asked(context)
    for item in items:
        try:
            found.append((item.kind, context.get(item)))
        except ApiError as error:
            if not (error.code == 404 and arguments.has("ignore-not-found")):
                failed = 1
                await context.err(refusal(error))
    for kind in kinds:
        found += [(kind, obj) for obj in _selected(context, kind)]
    single = len(items) == 1 and not kinds
    if not (failed and not found):
        await show(context, found, single=single, kinds=kinds)
    if arguments.has("watch") or arguments.has("watch-only"):
        await _watch(context, kinds, items)
    return failed


def refusal(error: ApiError, doing: str = "") -> str:
    """What kubectl prints of a server's refusal."""
    causes = (error.details or {}).get("causes", [])
    if error.code == 401:
        return "error: You must be logged in to the server (Unauthorized)\n"
    if error.reason == "Invalid" and (error.details or {}).get("kind"):
        details = error.details or {}
        head = f'The {details["kind"]} "{details.get("name", "")}" is invalid: '
        texts = list(dict.fromkeys(f"{cause['field']}: {cause['message']}" for cause in causes))
        if len(texts) == 1:
            return f"{head}{texts[0]}\n"
        return head + "\n" + "".join(f"* {text}\n" for text in texts)
    reason = f" ({error.reason})" if error.reason else ""
    return f"Error from server{reason}: {doing}{error.message}\n"


def _asked(context: Context) -> tuple[list[Kind], list[Item]]:
    words = context.arguments.words
    if not words:
        raise UsageError(
            'You must specify the type of resource to get. Use "kubectl api-resources" for a '
            "complete list of supported resources.\n\nerror: Required resource not specified."
        )
    if "/" not in words[0] and len(words) == 1:
        every = "daemonsets,deployments,replicasets,services,pods"
        names = every if words[0] == "all" else words[0]
        return [context.kind(word) for word in names.split(",")], []
    return [], context.named(words)


def _selected(context: Context, kind: Kind) -> list[JsonObject]:
    arguments = context.arguments
    found = context.select(
        kind,
        everywhere=arguments.has("all-namespaces"),
        labels=arguments.value("selector"),
        fields=arguments.value("field-selector"),
    )
    path = arguments.value("sort-by")
    if not path:
        return found

    def key(obj: JsonObject) -> tuple[str, ...]:
        return tuple(str(each or "") for each in jsonpath.select(path, obj))

    return sorted(found, key=key)


async def show(context: Context, found: Found, *, single: bool, kinds: list[Kind]) -> None:
    """Print objects as `-o` says."""
    arguments = context.arguments
    form, _, template = arguments.value("output").partition("=")
    managers = arguments.has("show-managed-fields")
    whole = [printing.bare(kind, obj, managers=managers) for kind, obj in found]
    if form in ("jsonpath", "jsonpath-as-json"):
        data: Any = whole[0] if single and whole else printing.as_list(whole)
        await context.out(_template(template, data))
    elif form in ("json", "yaml"):
        data = whole[0] if single and whole else printing.as_list(whole)
        write = printing.as_json if form == "json" else printing.as_yaml
        await context.out(write(data))
    elif form == "name":
        for kind, obj in found:
            await context.out(f"{context.of(kind, obj).shown}\n")
    elif form in ("custom-columns", "go-template", "template"):
        raise UsageError(f"output format {form} is not part of this lab")
    elif form not in _FORMATS:
        allowed = "json, name, yaml, wide, jsonpath"
        raise UsageError(
            f'unable to match a printer suitable for the output format "{form}", allowed formats are: {allowed}'
        )
    else:
        await _tables(context, found, kinds, wide=form == "wide")


def _template(template: str, data: Any) -> str:
    try:
        return jsonpath.render(template, data)
    except jsonpath.TemplateError as error:
        raise UsageError(f"error parsing jsonpath {template}, {error}") from error


async def _tables(context: Context, found: Found, kinds: list[Kind], *, wide: bool) -> None:
    arguments = context.arguments
    if not found:
        await context.err(_nothing(context, kinds))
        return
    shown = list(dict.fromkeys(kind for kind, _ in found))
    several = len(shown) > 1 or len(kinds) > 1
    parts = [
        printing.table(
            kind,
            [obj for each, obj in found if each == kind],
            wide=wide,
            namespaces=arguments.has("all-namespaces") and kind.namespaced,
            chosen=[key for each in arguments.all("label-columns") for key in each.split(",")],
            labels=arguments.has("show-labels"),
            headers=not arguments.has("no-headers"),
            prefixed=several,
        )
        for kind in shown
    ]
    await context.out("\n".join(parts))


def _nothing(context: Context, kinds: list[Kind]) -> str:
    spaced = any(kind.namespaced for kind in kinds)
    if spaced and not context.arguments.has("all-namespaces"):
        return f"No resources found in {context.namespace} namespace.\n"
    return "No resources found\n"


async def _watch(context: Context, kinds: list[Kind], items: list[Item]) -> None:
    """Go on printing what changes, until the program is killed."""
    queue: asyncio.Queue[Change] = asyncio.Queue()
    names = {(item.kind, item.name) for item in items}
    everywhere = context.arguments.has("all-namespaces")

    def heard(change: Change) -> None:
        metadata = change.object["metadata"]
        here = everywhere or metadata.get("namespace", context.namespace) == context.namespace
        if here and (change.kind in kinds or (change.kind, metadata["name"]) in names):
            queue.put_nowait(change)

    end = context.cluster.store.subscribe(heard)
    try:
        while True:
            change = await queue.get()
            wide = context.arguments.value("output") == "wide"
            text = printing.table(change.kind, [change.object], wide=wide, headers=False)
            await context.out(text)
    finally:
        end()


async def _raw(context: Context) -> int:
    path = context.arguments.value("raw").partition("?")[0]
    if path in ("/readyz", "/livez", "/healthz"):
        await context.out(
            discovery.health(path, verbose="verbose" in context.arguments.value("raw"))
        )
        return 0
    if path == "/version":
        await context.out(printing.as_json(discovery.version(context.version)))
        return 0
    text = "Error from server (NotFound): the server could not find the requested resource\n"
    await context.err(text)
    return 1


async def version(context: Context) -> int:
    """`kubectl version [-o json|yaml] [--client]`"""
    arguments = context.arguments
    server = discovery.version(context.version)
    form = arguments.value("output")
    if form in ("json", "yaml"):
        data: JsonObject = {"clientVersion": server, "kustomizeVersion": "v5.7.1"}
        if not arguments.has("client"):
            data["serverVersion"] = server
        write = _short_json if form == "json" else printing.as_yaml
        await context.out(write(data))
        return 0
    lines = [f"Client Version: {context.version}", "Kustomize Version: v5.7.1"]
    if not arguments.has("client"):
        lines.append(f"Server Version: {context.version}")
    await context.out("".join(f"{line}\n" for line in lines))
    return 0


async def cluster_info(context: Context) -> int:
    """`kubectl cluster-info`"""
    address = context.arguments.value("server", "https://127.0.0.1:6443")
    hint = "To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'."
    await context.out(f"Kubernetes control plane is running at {address}\n\n{hint}\n")
    return 0


def _short_json(data: JsonObject) -> str:
    return printing.as_json(data).replace("    ", "  ")


async def api_resources(context: Context) -> int:
    """`kubectl api-resources [--api-group=G] [--namespaced=B]`"""
    arguments = context.arguments
    rows = [["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]]
    kinds = sorted(context.cluster.catalogue, key=lambda kind: (kind.group, kind.plural))
    for kind in kinds:
        if "api-group" in arguments.flags and kind.group != arguments.value("api-group"):
            continue
        spaced = "true" if kind.namespaced else "false"
        if arguments.value("namespaced", spaced) == spaced:
            short = ",".join(kind.short)
            rows.append([kind.plural, short, kind.api_version, spaced, kind.name])
    await context.out(printing.columns(rows))
    return 0


async def can_i(context: Context) -> int:
    """`kubectl auth can-i VERB RESOURCE` and `kubectl auth whoami`"""
    words = context.arguments.words
    if words[:1] == ["whoami"]:
        rows = [["ATTRIBUTE", "VALUE"], ["Username", context.user.name]]
        rows.append(["Groups", f"[{' '.join(context.user.groups)}]"])
        await context.out(printing.columns(rows))
        return 0
    if len(words) != 3 or words[0] != "can-i":
        raise UsageError(
            "you must specify two arguments: verb resource or verb resource/resourceName"
        )
    kind = context.kind(words[2].partition("/")[0])
    if not kind.namespaced:
        await context.err(f"Warning: resource '{kind.plural}' is not namespace scoped\n\n")
    item = context.item(kind, words[2].partition("/")[2])
    try:
        context.demand(words[1], item)
    except ApiError:
        await context.out("no\n")
        return 1
    await context.out("yes\n")
    return 0
