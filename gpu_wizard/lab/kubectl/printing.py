"""How kubectl prints objects: tables, names, YAML, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from gpu_wizard.lab.api import tables
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns, three blanks apart, the last one not padded."""
    if not rows:
        return ""
    widths = [max(len(row[index]) for row in rows) + 3 for index in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("".join([*cells[:-1], row[-1]]) + "\n")
    return "".join(lines)


def table(
    kind: Kind,
    objects: Sequence[JsonObject],
    *,
    wide: bool = False,
    namespaces: bool = False,
    chosen: Sequence[str] = (),
    labels: bool = False,
    headers: bool = True,
    prefixed: bool = False,
) -> str:
    """What `kubectl get` prints of objects of one kind. `chosen`: labels with a column of their own."""
    shown = [
        index for index, column in enumerate(tables.columns(kind)) if wide or not column.priority
    ]
    rows = [[tables.columns(kind)[index].name.upper() for index in shown]] if headers else []
    for obj in objects:
        cells = [str(each) for each in tables.cells(kind, obj)]
        if prefixed:
            cells[0] = f"{named(kind)}/{cells[0]}"
        rows.append([cells[index] for index in shown])
    if namespaces:
        places = [obj["metadata"].get("namespace", "") for obj in objects]
        head = ["NAMESPACE"] if headers else []
        rows = [[place, *row] for place, row in zip([*head, *places], rows, strict=True)]
    ends = [[key.split("/")[-1].upper() for key in chosen]] if headers else []
    ends += [_chosen(obj, chosen) for obj in objects]
    rows = [[*row, *end] for row, end in zip(rows, ends, strict=True)]
    if labels:
        texts = [_labels(obj) for obj in objects]
        head = ["LABELS"] if headers else []
        rows = [[*row, text] for row, text in zip(rows, [*head, *texts], strict=True)]
    return columns(rows)


def named(kind: Kind) -> str:
    """`daemonset.apps`, `pod`: how messages name a kind."""
    return f"{kind.singular}.{kind.group}" if kind.group else kind.singular


def bare(kind: Kind, obj: JsonObject, *, managers: bool = False) -> JsonObject:
    """An object as it is printed whole: with its type, without who owns what."""
    whole: JsonObject = {"apiVersion": kind.api_version, "kind": kind.name} | obj
    if not managers:
        metadata = {k: v for k, v in whole["metadata"].items() if k != "managedFields"}
        whole["metadata"] = metadata
    return whole


def as_list(items: list[JsonObject]) -> JsonObject:
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def as_json(value: Any) -> str:
    return json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def as_yaml(value: Any) -> str:
    return yaml.dump(
        value, Dumper=_GoLike, default_flow_style=False, allow_unicode=True, width=4096
    )


class _GoLike(yaml.SafeDumper):
    """Writes strings as Go's YAML does: double quotes where quotes are needed."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    tag = dumper.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it open
    plain = tag == "tag:yaml.org,2002:str"
    style = "|" if "\n" in text else None if plain and text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_GoLike.add_representer(str, _string)


def _chosen(obj: JsonObject, keys: Sequence[str]) -> list[str]:
    labels = obj["metadata"].get("labels") or {}
    return [labels.get(key, "") for key in keys]


def _labels(obj: JsonObject) -> str:
    labels = obj["metadata"].get("labels") or {}
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"
