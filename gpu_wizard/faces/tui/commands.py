"""The command palette: every action and every theme by name, in the language chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from gpu_wizard.faces.tui import themes
from gpu_wizard.faces.tui.live_keys import MOVES, TABLE, live_keys

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.app import WizardApp

_SCREENS = ("bundle", "finish")
"""What no key opens everywhere."""


class Everything(Provider):
    """All that the keys of the screen do, from its live bindings; the screens without a key; the themes."""

    def _entries(self) -> list[tuple[str, Callable[[], object]]]:
        app = cast("WizardApp", self.app)
        words = app.ui.words
        entries = self._of_keys()
        if app.ui.setup is not None:
            entries += [(words(f"command.{name}"), partial(app.open, name)) for name in _SCREENS]
        for theme in themes.OFFERED:
            entries.append(
                (words("command.theme", name=theme), partial(setattr, app, "theme", theme))
            )
        return entries

    def _of_keys(self) -> list[tuple[str, Callable[[], object]]]:
        app = cast("WizardApp", self.app)
        words = app.ui.words
        keys = live_keys(self.screen, words)
        entries: dict[str, Callable[[], object]] = {}
        for name in chain.from_iterable(TABLE):
            if name in keys and name not in MOVES:
                key, text = keys[name], words(keys[name].code)
                text = f"{text[0].upper()}{text[1:]}"
                entries.setdefault(text, partial(app.run_action, key.action, key.owner))
        return list(entries.items())

    async def discover(self) -> Hits:
        """Everything."""
        for name, act in self._entries():
            yield DiscoveryHit(name, act)

    async def search(self, query: str) -> Hits:
        """What was typed."""
        matcher = self.matcher(query)
        for name, act in self._entries():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), act)
