"""TOML in the layout of NVIDIA's toolkit: sorted keys, nested tables indented."""

from __future__ import annotations

import json
from typing import Any


def toml_text(document: dict[str, Any]) -> str:
    """A document as nvidia-ctk writes it. Source: recordings `containerd/nvidia-ctk`."""
    return "\n".join(_table(document, "", 0)) + "\n"


def _table(table: dict[str, Any], path: str, depth: int) -> list[str]:
    indent = "  " * max(depth, 0)
    lines = [
        f"{indent}{key} = {_value(value)}"
        for key, value in sorted(table.items())
        if not isinstance(value, dict)
    ]
    for key, value in sorted(table.items()):
        if isinstance(value, dict):
            plain = key.replace("-", "").replace("_", "").isalnum()
            name = f"{path}.{key if plain else json.dumps(key)}".lstrip(".")
            if lines:
                lines.append("")
            lines.append(f"{indent}[{name}]")
            inner = _table(value, name, depth + 1)
            starts_with_table = bool(inner) and inner[0].lstrip().startswith("[")
            lines += ["", *inner] if starts_with_table else inner
    return lines


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value) if isinstance(value, str) else str(value)
