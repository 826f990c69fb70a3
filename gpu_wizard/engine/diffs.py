"""What a plan would change in files and objects, as unified diffs. Asks only; a dry run keeps nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import yaml

from gpu_wizard.model.action import ApplyObject, DeleteObject, Plan, PutFile, Step
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import NOT_LOOKED_AT
from gpu_wizard.model.ports import Cluster, HostReader, Node
from gpu_wizard.model.question import Files, FilesFound, HostAnswer, Place

_SERVER_FIELDS = (
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
)


async def diffs_of(node: Node, plan: Plan) -> dict[str, str]:
    """Step id → unified diff, for each step that writes a file or an object whose content may be seen.

    A secret has none, nor has a file that is uploaded as it is. Raises nothing of an edge.
    """
    diffs = await _file_diffs(node, plan)
    for step in plan:
        if isinstance(step.action, ApplyObject):
            diffs[step.id] = await _object_diff(node.cluster, step.action)
        elif isinstance(step.action, DeleteObject):
            diffs[step.id] = f"- {step.action.kind} {step.action.name}\n"
    return diffs


async def _file_diffs(node: Node, plan: Plan) -> dict[str, str]:
    diffs: dict[str, str] = {}
    for place, host in (("node", node.host), ("control_plane", node.control_plane)):
        steps = [
            step for step in plan if isinstance(step.action, PutFile) and step.action.on == place
        ]
        if steps and host is not None:
            diffs |= await _host_diffs(host, steps, "node" if place == "node" else "control_plane")
    return diffs


async def _host_diffs(host: HostReader, steps: list[Step], place: Place) -> dict[str, str]:
    puts = [(step.id, step.action) for step in steps if isinstance(step.action, PutFile)]
    seen = [
        (step_id, put.path, put.content)
        for step_id, put in puts
        if put.content is None or isinstance(put.content, bytes)
    ]
    if not seen:
        return {}
    paths = tuple(path for _, path, _ in seen)
    answer: HostAnswer | None
    try:
        (answer,) = await host.ask([Files(paths, on=place, root=True, redact=True)])
    except WizardError:
        # As one who would not answer: what could not be asked for is told either way.
        answer = None
    found = answer if isinstance(answer, FilesFound) else None
    return {step_id: _file_diff(path, content, found) for step_id, path, content in seen}


def _file_diff(path: str, content: bytes | None, found: FilesFound | None) -> str:
    """`found` None: the host could not be asked."""
    after = content.decode(errors="replace") if content is not None else ""
    if found is None:
        return _against_nothing(after, path)
    old = found.at(path)
    return unified(old.text if old is not None else "", after, path, path)


def _against_nothing(after: str, name: str) -> str:
    """All of it, with the remark that it may not be new."""
    return f"{NOT_LOOKED_AT}\n{unified('', after, name, name)}"


async def _object_diff(cluster: Cluster | None, apply: ApplyObject) -> str:
    name = f"{apply.kind}/{apply.name}"
    try:
        if cluster is None:
            return _against_nothing(_yaml(apply.manifest), name)
        applied = await cluster.preview(apply)
    except WizardError:
        return _against_nothing(_yaml(apply.manifest), name)
    if applied.before is None:
        # The server's defaults would hide the few lines that we ask for.
        return unified("", _yaml(apply.manifest), name, name)
    return unified(_yaml(applied.before), _yaml(applied.after), name, name)


def unified(before: str, after: str, old_name: str, new_name: str) -> str:
    """A unified diff with three lines of context; "" where nothing differs."""
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        old_name if before else "/dev/null",
        new_name,
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)


def _yaml(item: Mapping[str, Any]) -> str:
    meta = {key: value for key, value in item["metadata"].items() if key not in _SERVER_FIELDS}
    shown = {**{key: value for key, value in item.items() if key != "status"}, "metadata": meta}
    return str(yaml.safe_dump(shown, sort_keys=True, default_flow_style=False, allow_unicode=True))
