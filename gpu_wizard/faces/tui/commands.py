"""The command palette: every action and every theme by name, in the language chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from gpu_wizard.faces.tui import themes

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.app import WizardApp

_SCREENS = ("plan", "output", "config", "gpu", "trouble", "bundle", "finish")


class Everything(Provider):
    """All that keys do, and the themes."""

    def _entries(self) -> list[tuple[str, Callable[[], object]]]:
        app = cast("WizardApp", self.app)
        words = app.ui.words
        entries: list[tuple[str, Callable[[], object]]] = [
            (words(f"command.{name}"), partial(app.action_open, name)) for name in _SCREENS
        ]
        entries += [
            (words("command.language"), partial(app.run_action, "language")),
            (words("command.help"), app.action_help),
            (words("command.quit"), app.action_leave),
        ]
        for theme in themes.OFFERED:
            entries.append(
                (words("command.theme", name=theme), partial(setattr, app, "theme", theme))
            )
        return entries

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
