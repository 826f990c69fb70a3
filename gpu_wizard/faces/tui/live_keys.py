"""The keys of a screen as they are bound at this moment: what `?` shows and the command palette offers.

A binding of ours has the code of a word in place of a description, so that both speak the language chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from textual.keys import key_to_character

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.dom import DOMNode
    from textual.screen import Screen

    from gpu_wizard.faces.words import Words

_DIGITS = tuple("123456789")
TABLE: tuple[tuple[str, ...], ...] = (
    ("up", "down", *_DIGITS),
    ("pageup", "pagedown"),
    ("left", "right", "tab"),
    ("enter", "escape"),
    ("a", "s", "x"),
    ("r",),
    ("p", "o", "c", "g", "d"),
    ("e",),
    ("slash", "n", "f"),
    ("y", "w"),
    ("left_square_bracket", "right_square_bracket"),
    ("m", "h", "b"),
    ("question_mark", "f1", "f2"),
    ("ctrl+p",),
    ("q", "ctrl+c"),
)
"""The key table's order; keys of one row are told of together."""
MOVES = frozenset((*TABLE[0], *TABLE[1], *TABLE[2], "enter", "ctrl+p"))
"""Keys that only move about, or open the palette itself: it does not offer them."""
_TOOLKIT = {
    "command_palette": "does.palette",
    "app.focus_next": "does.focus",
    "submit": "does.take",
}
"""What Textual itself binds."""
_SHOWN = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "tab": "Tab",
    "enter": "Enter",
    "escape": "Esc",
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "f1": "F1",
    "f2": "F2",
    "ctrl+p": "Ctrl+P",
    "ctrl+c": "Ctrl+C",
}


class LiveKey(NamedTuple):
    """One key. `code`: the word of what it does; `action` is carried out on `owner`."""

    key: str
    code: str
    action: str
    owner: DOMNode

    @property
    def shown(self) -> str:
        """As it is written on a keyboard."""
        return _SHOWN.get(self.key, self.key)


def live_keys(screen: Screen[Any], words: Words) -> dict[str, LiveKey]:
    """What can be pressed now, by the key's name; a key that a field would take as a letter is not among them."""
    focused = screen.focused
    found: dict[str, LiveKey] = {}
    for key, (owner, binding, enabled, _) in screen.active_bindings.items():
        code = _TOOLKIT.get(binding.action, binding.description)
        letter = focused is not None and focused.check_consume_key(key, _character(key))
        if enabled and not letter and words.has("ui", code):
            found[key] = LiveKey(key, code, binding.action, owner)
    return found


def _character(key: str) -> str | None:
    """What it types; Textual knows the slash by no character."""
    return "/" if key == "slash" else key_to_character(key)


def rows(keys: Mapping[str, LiveKey], words: Words) -> list[tuple[str, str]]:
    """Keys and what they do, a line each, in the table's order."""
    told: list[tuple[str, str]] = []
    for names in TABLE:
        here = [keys[name] for name in names if name in keys]
        if here:
            texts = [words(code) for code in dict.fromkeys(each.code for each in here)]
            mark = "; " if any("," in text for text in texts) else ", "
            told.append((_named(here), mark.join(texts)))
    return told


def _named(keys: list[LiveKey]) -> str:
    shown = [each.shown for each in keys if each.key not in _DIGITS]
    digits = [each.key for each in keys if each.key in _DIGITS]
    return " ".join([*shown, *([f"{digits[0]}–{digits[-1]}"] if digits else [])])
