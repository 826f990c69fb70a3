"""A setup file from what was chosen: every value, defaults too, so that it replays alike with later versions."""

from __future__ import annotations

import dataclasses
from typing import Any

import tomlkit
from tomlkit.items import InlineTable, Table

from gpu_wizard.model.secret import SecretSource
from gpu_wizard.model.setup_file import VERSION, HostEntry, NodeEntry, SetupFile
from gpu_wizard.model.spec import StageOptions

_HEAD = (
    "A setup file of gpu-wizard: what was wanted, and where. It holds no secret and can be shared.",
    "  gpu-wizard --auto FILE --plan     shows what would be done, and changes nothing",
)


def render(setup: SetupFile) -> str:
    """The text of a setup file that reads back as this one. Options shared by all nodes stand once."""
    document = tomlkit.document()
    for line in _HEAD:
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    document.add("version", VERSION)
    if setup.control_plane is not None:
        document.add("control_plane", _host(setup.control_plane))
    cluster = _plain(setup.cluster)
    if len(cluster):
        document.add("cluster", cluster)
    common = _common(setup.nodes)
    nodes = tomlkit.aot()
    for node in setup.nodes:
        nodes.append(_node(node, common))
    document.add("nodes", nodes)
    if common is not None:
        document.add("stages", _stages(common))
    choices = tomlkit.table()
    for question, option in setup.choices.items():
        choices.add(question, option)
    document.add("choices", choices)
    return tomlkit.dumps(document)


def _common(nodes: tuple[NodeEntry, ...]) -> StageOptions | None:
    """The options of every node, where they are the same."""
    first = nodes[0].options if nodes else StageOptions()
    return first if all(node.options == first for node in nodes) else None


def _node(node: NodeEntry, common: StageOptions | None) -> Table:
    table = tomlkit.table()
    table.add("name", node.name)
    for key, value in _host(node.host).items():
        table.add(key, value)
    if common is None:
        table.add("stages", _stages(node.options))
    return table


def _host(host: HostEntry) -> Table:
    return _plain(host)


def _stages(options: StageOptions) -> Table:
    stages = tomlkit.table(is_super_table=True)
    for field in dataclasses.fields(options):
        values = getattr(options, field.name)
        if dataclasses.fields(values):
            stages.add(field.name.replace("_", "-"), _plain(values, defaults=True))
    return stages


def _plain(values: Any, *, defaults: bool = False) -> Table:
    """A dataclass as a table. `defaults`: what is empty stands there too."""
    table = tomlkit.table()
    for field in dataclasses.fields(values):
        value = getattr(values, field.name)
        if isinstance(value, SecretSource):
            table.add(field.name, _source(value))
        elif value is not None and (defaults or value != ""):
            table.add(field.name, value)
    return table


def _source(source: SecretSource) -> InlineTable:
    inline = tomlkit.inline_table()
    inline.append("from", source.kind)
    if source.name:
        inline.append("name", source.name)
    return inline
