"""Reading one TOML table into a frozen dataclass, every mistake collected with its key."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from gpu_wizard.journal.forms import ill_formed
from gpu_wizard.model.secret import SecretKind, SecretSource

D = TypeVar("D")
_SOURCES: tuple[SecretKind, ...] = ("env", "file", "prompt", "control-plane")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Mistakes:
    """What is wrong in a file: (key, sentence), in the order found."""

    def __init__(self) -> None:
        """Begins empty."""
        self.found: list[tuple[str, str]] = []

    def add(self, key: str, sentence: str) -> None:
        """Note one mistake."""
        self.found.append((key, sentence))


def table(value: Any, key: str, mistakes: Mistakes) -> Mapping[str, Any]:
    """The value as a table; an empty one, and a mistake, where it is something else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        mistakes.add(key, f"must be a table, not {_name(value)}.")
        return {}
    return value


def unknown_keys(
    have: Mapping[str, Any], allowed: typing.Iterable[str], key: str, mistakes: Mistakes
) -> None:
    """A mistake for each key that the program does not know, with the nearest one that it knows."""
    allowed = sorted(allowed)
    for each in have:
        if each not in allowed:
            near = _nearest(each, allowed)
            hint = f" Did you mean {near}?" if near else f" Known here: {', '.join(allowed)}."
            mistakes.add(f"{key}.{each}" if key else each, f"is not a known key.{hint}")


def fill(
    form: type[D], values: Mapping[str, Any], key: str, mistakes: Mistakes, start: D | None = None
) -> D:
    """A dataclass from a table: plain fields by their type, `SecretSource` by `{from = …, name = …}`.

    `start`: where a field that the table lacks takes its value from, the form's defaults if None.
    """
    hints = typing.get_type_hints(form)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, form))}
    unknown_keys(values, fields, key, mistakes)
    taken: dict[str, Any] = {}
    for name in fields:
        if name in values:
            taken[name] = _value(values[name], hints[name], f"{key}.{name}", mistakes)
            is_own = taken[name] is not None and taken[name] != fields[name].default
            if is_own and (sentence := ill_formed(form, name, taken[name])):
                mistakes.add(f"{key}.{name}", sentence)
    given = {name: value for name, value in taken.items() if value is not None}
    return dataclasses.replace(typing.cast(Any, start if start is not None else form()), **given)  # type: ignore[no-any-return]  # replace keeps the type


def _value(value: Any, hint: Any, key: str, mistakes: Mistakes) -> Any:
    wanted = _plain_type(hint)
    if wanted is SecretSource:
        return secret_source(value, key, mistakes)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
        mistakes.add(key, f"must be {_WORDS[wanted]}, not {_name(value)}.")
        return None
    return wanted(value)


def secret_source(value: Any, key: str, mistakes: Mistakes) -> SecretSource | None:
    """`{from = "env"|"file"|"prompt"|"control-plane", name = …}`; a plain text would be a secret, and is refused.

    Only a join token comes from the control plane.
    """
    if not isinstance(value, Mapping):
        mistakes.add(
            key,
            'must say where the secret comes from, as {from = "env", name = "VARIABLE"}; the file never holds one.',
        )
        return None
    unknown_keys(value, ("from", "name"), key, mistakes)
    kind, name = value.get("from"), value.get("name", "")
    sources = _SOURCES if key.endswith(".token") else _SOURCES[:-1]
    if kind not in sources:
        mistakes.add(f"{key}.from", f"must be one of {', '.join(sources)}.")
        return None
    if not isinstance(name, str) or (kind == "file" and not name):
        mistakes.add(f"{key}.name", "must name the file." if kind == "file" else "must be a text.")
        return None
    if name and kind == "env" and not _VARIABLE.fullmatch(name):
        mistakes.add(f"{key}.name", "must be a variable's name.")
        return None
    return SecretSource(sources[sources.index(kind)], str(name))


_WORDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def _plain_type(hint: Any) -> Any:
    """The type itself, of an optional one the type that is not None."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(each for each in typing.get_args(hint) if each is not type(None))
    return hint


def _name(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        list: "a list",
    }
    return next((word for kind, word in names.items() if isinstance(value, kind)), "a table")


def _nearest(word: str, known: typing.Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, 1, 0.7)), "")
