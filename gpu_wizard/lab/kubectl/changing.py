"""`kubectl label`, `annotate`, `patch`, `delete` and `set image`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from gpu_wizard.lab.api import patches, validation
from gpu_wizard.lab.api.errors import ApiError
from gpu_wizard.lab.kubectl import getting
from gpu_wizard.lab.kubectl.arguments import UsageError
from gpu_wizard.lab.kubectl.context import Context, Item
from gpu_wizard.lab.kubectl.printing import named
from gpu_wizard.lab.ports import JsonObject

_PATCH_TYPES = {"json": patches.JSON_PATCH, "merge": patches.MERGE, "strategic": patches.STRATEGIC}


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The words that name objects, and those that say what to change."""
    for index, word in enumerate(words):
        if "=" in word or (word.endswith("-") and len(word) > 1):
            return words[:index], words[index:]
    return words, []


async def label(context: Context) -> int:
    """`kubectl label TYPE NAME KEY=VALUE… KEY-… [--overwrite]`"""
    return await _mark(context, "labels", "label", "labeled")


async def annotate(context: Context) -> int:
    """`kubectl annotate TYPE NAME KEY=VALUE… KEY-…`"""
    return await _mark(context, "annotations", "annotation", "annotated")


async def _mark(context: Context, part: str, noun: str, done: str) -> int:
    names, changes = split(context.arguments.words)
    if not changes:
        raise UsageError(f"at least one {noun} update is required")
    wanted = {word.split("=", 1)[0]: word.split("=", 1)[1] for word in changes if "=" in word}
    removed = [word[:-1] for word in changes if "=" not in word]
    if part == "labels":
        _check_labels(wanted)
    for item in context.chosen(names):
        found = context.get(item)
        known = found["metadata"].get(part) or {}
        differing = [key for key in wanted if known.get(key, wanted[key]) != wanted[key]]
        if differing and not context.arguments.has("overwrite"):
            key = differing[0]
            raise UsageError(
                f"'{key}' already has a value ({known[key]}), and --overwrite is false"
            )
        for key in removed:
            if key not in known:
                await context.out(f'{noun} "{key}" not found.\n')
        patch: dict[str, str | None] = {k: v for k, v in wanted.items() if known.get(k) != v}
        patch |= {key: None for key in removed if key in known}
        if not patch:
            await context.out(f"{item.shown} not {done}\n")
            continue
        patch_object(context, item, patches.MERGE, {"metadata": {part: patch}}, f"kubectl-{noun}")
        gone = noun == "label" and all(value is None for value in patch.values())
        await context.out(f"{item.shown} {'unlabeled' if gone else done}{suffix(context)}\n")
    return 0


def suffix(context: Context) -> str:
    """What follows a message where nothing was kept."""
    dry = context.arguments.value("dry-run")
    return {"server": " (server dry run)", "client": " (dry run)"}.get(dry, "")


def _check_labels(wanted: dict[str, str]) -> None:
    for key, value in wanted.items():
        if fault := validation.label_value_fault(value):
            raise UsageError(f'invalid label value: "{key}={value}": {fault}')
        if fault := validation.label_key_fault(key):
            raise UsageError(f'invalid label key: "{key}={value}": {fault}')


def patch_object(
    context: Context, item: Item, media_type: str, body: Any, manager: str, **how: Any
) -> JsonObject:
    context.demand("patch", item)
    registry = context.cluster.registry
    if context.arguments.value("dry-run") == "client":
        return context.get(item)
    caller = context.caller(manager, **how)
    return registry.patch(item.kind, item.namespace, item.name, media_type, body, caller)[0]


async def patch(context: Context) -> int:
    """`kubectl patch TYPE NAME -p PATCH [--type json|merge|strategic]`"""
    arguments = context.arguments
    media_type = _PATCH_TYPES.get(arguments.value("type", "strategic"))
    if media_type is None:
        raise UsageError(
            f'--type must be one of [json merge strategic], not "{arguments.value("type")}"'
        )
    text = arguments.value("patch")
    if arguments.value("patch-file"):
        text = context.read_file(arguments.value("patch-file")).decode()
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f'unable to parse "{text}": {error}') from error
    if arguments.value("subresource"):
        raise UsageError("--subresource is not part of this lab")
    for item in context.chosen(arguments.words):
        before = context.get(item)
        after = patch_object(context, item, media_type, body, "kubectl-patch")
        if arguments.value("output"):
            found = [(item.kind, after)]
            await getting.show(context, found, single=True, kinds=[])
            continue
        same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        same = same and not suffix(context)
        await context.out(f"{item.shown} patched{' (no change)' if same else suffix(context)}\n")
    return 0


async def delete(context: Context) -> int:
    """`kubectl delete TYPE NAME… | -l SELECTOR | -f FILE`"""
    arguments = context.arguments
    if arguments.all("filename"):
        items = [context.located(each) for _, each in await context.manifests()]
    else:
        items = context.chosen(arguments.words)
    failed = 0
    gone: list[tuple[Item, str]] = []
    for item in items:
        try:
            gone.append((item, delete_object(context, item)))
        except ApiError as error:
            if error.code != 404 or not arguments.has("ignore-not-found"):
                failed = 1
                await context.err(getting.refusal(error))
            continue
        await context.out(_deleted(context, item))
    if not items:
        await context.out("No resources found\n")
    if arguments.value("wait", "true") == "true":
        limit = arguments.seconds("timeout", 0.0) or None
        for item, uid in gone:
            await until_gone(context, item, uid, limit)
    return failed


def _deleted(context: Context, item: Item) -> str:
    force = context.arguments.has("force") and context.arguments.value("grace-period") == "0"
    word = "force deleted" if force else "deleted"
    where = f" from {item.namespace} namespace" if item.namespace else ""
    return f'{named(item.kind)} "{item.name}" {word}{where}{suffix(context)}\n'


def delete_object(context: Context, item: Item) -> str:
    """Delete an object; gives its uid."""
    context.demand("delete", item)
    registry, arguments = context.cluster.registry, context.arguments
    uid: str = registry.get(item.kind, item.namespace, item.name)["metadata"]["uid"]
    policy = arguments.value("cascade", "background").capitalize()
    options: JsonObject = {"propagationPolicy": policy}
    if arguments.value("grace-period"):
        options["gracePeriodSeconds"] = max(0, int(arguments.value("grace-period")))
    if arguments.has("now"):
        options["gracePeriodSeconds"] = 1
    if not arguments.value("dry-run"):
        registry.delete(item.kind, item.namespace, item.name, options, context.caller("kubectl"))
    return uid


async def until_gone(context: Context, item: Item, uid: str, limit: float | None) -> None:
    def gone() -> bool:
        found = context.cluster.store.get(item.kind, item.namespace, item.name)
        dry = bool(context.arguments.value("dry-run"))
        return dry or found is None or found["metadata"]["uid"] != uid

    if not await wait_until(context, gone, limit):
        raise UsageError(f"timed out waiting for the condition on {item.kind.plural}/{item.name}")


async def wait_until(context: Context, test: Callable[[], bool], limit: float | None) -> bool:
    """Wait for something, at most so many recorded seconds; False if it did not come."""
    clock = context.cluster.clock
    end = None if limit is None else clock.now() + limit / clock.factor
    while not test():
        if end is not None and clock.now() >= end:
            return False
        await clock.sleep(0.05)
    return True


async def set_image(context: Context) -> int:
    """`kubectl set image TYPE/NAME CONTAINER=IMAGE…`"""
    if context.arguments.words[:1] != ["image"]:
        raise UsageError(f"set {' '.join(context.arguments.words[:1])} is not part of this lab")
    names, changes = split(context.arguments.words[1:])
    for item in context.chosen(names):
        context.get(item)
        pairs = [change.split("=", 1) for change in changes]
        containers = [{"name": name, "image": image} for name, image in pairs]
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        patch_object(context, item, patches.STRATEGIC, body, "kubectl-set")
        await context.out(f"{item.shown} image updated\n")
    return 0
