"""How the apply of an object is taken back, from the object as it was before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpu_wizard.model.action import Action, ApplyObject, DeleteObject


def inverse_of(apply: ApplyObject, before: Mapping[str, Any] | None) -> Action:
    """What takes an apply back: the object gone, or each field that we named as it was.

    Fields that were not there are left out; server-side apply then removes what only we own.
    """
    if before is None:
        return DeleteObject(apply.kind, apply.name, apply.namespace)
    manifest = _old_values(apply.manifest, before)
    named = {
        k: apply.manifest["metadata"][k]
        for k in ("name", "namespace")
        if k in apply.manifest["metadata"]
    }
    manifest["metadata"] = {**manifest.get("metadata", {}), **named}
    return ApplyObject(
        {"apiVersion": apply.manifest["apiVersion"], "kind": apply.kind, **manifest},
        force=True,
        must_exist=True,
    )


def _old_values(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    old: dict[str, Any] = {}
    for key, value in wanted.items():
        if key not in before:
            continue
        if isinstance(value, Mapping) and isinstance(before[key], Mapping):
            inner = _old_values(value, before[key])
            if inner:
                old[key] = inner
        else:
            old[key] = before[key]
    return old
