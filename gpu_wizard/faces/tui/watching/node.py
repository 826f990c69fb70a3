"""One node: found of all stages, versions, and its cards live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.engine.gpu_watch import CardSource
from gpu_wizard.faces.tui.drawing.gpu import age_text
from gpu_wizard.faces.tui.live_cards import EVERY_SECONDS, LiveCards
from gpu_wizard.faces.tui.look import BODY, MUTED, STRONG, Line, Part
from gpu_wizard.faces.tui.telemetry_view import History
from gpu_wizard.faces.tui.watching import opened
from gpu_wizard.faces.tui.watching.nodes_view import NodesView
from gpu_wizard.faces.tui.watching.read_only_screen import HELP, QUIT
from gpu_wizard.faces.tui.watching.watch_screen import WatchScreen
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.drawn import Draw, Drawn

EVENT_ROWS, BESIDE_ROWS = 12, 4
VIEWS = ("stages", "versions", "cards")


class NodeScreen(WatchScreen):
    """Samples come while it is open, and stop when it closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "move(-1)", show=False),
        Binding("down,j,о", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("left,shift+tab", "view(-1)", show=False),
        Binding("right,tab", "view(1)", show=False),
        Binding("g,п", "cards", show=False),
        Binding("m,ь", "mig", show=False),
        Binding("h,р", "history", show=False),
        Binding("left_square_bracket,х", "node(-1)", show=False),
        Binding("right_square_bracket,ъ", "node(1)", show=False),
    ]

    def __init__(
        self, view: NodesView, node: str, shown: str = VIEWS[0], history: History | None = None
    ) -> None:
        """`shown`: the view that it begins with; `history`: samples that are known already."""
        super().__init__(view)
        self.node = node
        self.cards = LiveCards(history)
        self.shown = shown

    def body(self) -> Iterator[Widget]:
        """The verdict above; below one of three views, on a wide screen all."""
        with Vertical(id="node"):
            yield Drawn(self._verdict, id="node-verdict")
            yield Drawn(self._tabs, id="node-views")
            with Horizontal(id="node-panes"):
                with Vertical(id="node-left"):
                    yield from self._pane_of("stages", self._stages)
                with Vertical(id="node-right"):
                    yield from self._pane_of("versions", self._versions)
                    yield from self._pane_of("cards", self._cards)
            with Vertical(id="node-events"):
                yield Drawn(self._events)

    def _pane_of(self, name: str, draw: Draw) -> Iterator[Widget]:
        """A view with its title, which shows where all views do."""
        yield Drawn(self._title_of(name), classes="title")
        with VerticalScroll(id=f"node-{name}", can_focus=False):
            yield Drawn(draw)

    def on_mount(self) -> None:
        """Begin to sample; what gets old says so by itself."""
        self.add_class(f"-view-{self.shown}")
        self.set_interval(EVERY_SECONDS, self.values_came)
        self.sample()

    def looked_at(self) -> None:
        """The node was looked at: where it answers, samples that had ended are begun anew."""
        if self.cards.history.failure and self.seen is not None and self.seen.error is None:
            self.sample()

    @property
    def seen(self) -> NodeSeen | None:
        """The last look at this node."""
        return self.view.sight.seen.get(self.node)

    def sample(self) -> None:
        """Begin to sample, anew where it had ended."""
        make = self.view.eyes.telemetry
        if make is None:
            self.cards.history.failure = self.view.words("gpu.no-source")
            return
        self.run_worker(self._sample(make(self.node)), group="telemetry", exclusive=True)

    async def _sample(self, source: CardSource) -> None:
        news = self.cards.follow(source, self.view.now, self.view.words.trouble)
        async with aclosing(news):
            async for _ in news:
                self.values_came()

    def title_parts(self) -> list[Part]:
        """The node's names."""
        parts: list[Part] = [(self.node, BODY)]
        if self.seen is not None and self.seen.kubernetes_node not in ("", self.node):
            parts.append((f" ({self.seen.kubernetes_node})", MUTED))
        return parts

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        several = len(self.view.sight.names) > 1
        return (
            Hint("←→", "key.view"),
            Hint("↑↓", "key.card" if self._chooses_card else "watch.scroll"),
            Hint("g", "key.gpu", "screen.cards"),
            *((Hint("[ ]", "key.node"),) if several else ()),
            *((Hint("Esc", "key.back", "app.back"),) if several else ()),
            Hint("r", "key.refresh", "app.refresh"),
            HELP,
            QUIT,
        )

    @property
    def _chooses_card(self) -> bool:
        return self.shown == "cards" and self.cards.count > 2

    def action_move(self, by: int) -> None:
        """Another card where there are many; else the view scrolls."""
        if not self._chooses_card:
            self._pane().scroll_relative(y=by, animate=False)
            return
        self.cards.choose(by)
        self.paint()

    def action_page(self, by: int) -> None:
        """A screenful on."""
        pane = self._pane()
        pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)

    def action_view(self, by: int) -> None:
        """The next view."""
        self._show_view(VIEWS[(VIEWS.index(self.shown) + by) % len(VIEWS)])

    def action_cards(self) -> None:
        """The cards, or back to the stages."""
        self._show_view("stages" if self.shown == "cards" else "cards")

    def action_mig(self) -> None:
        """MIG instances shown or not."""
        self.cards.toggle_mig()
        self.paint()

    def action_history(self) -> None:
        """1, 10 or 60 minutes."""
        self.cards.next_window()
        self.paint()

    def action_node(self, by: int) -> None:
        """The node before or after, in the order of the table."""
        order = self.view.sight.order
        self.node = order[(order.index(self.node) + by) % len(order)]
        self.view.chosen = self.node
        self.cards = LiveCards()
        self._pane().scroll_home(animate=False)
        self.sample()
        self.paint()

    def _show_view(self, name: str) -> None:
        self.remove_class(f"-view-{self.shown}")
        self.shown = name
        self.add_class(f"-view-{name}")
        self.call_after_refresh(self.paint)

    def _pane(self) -> VerticalScroll:
        return self.query_one(f"#node-{self.shown}", VerticalScroll)

    def _verdict(self, width: int) -> list[Line]:
        return opened.verdict_lines(self.seen, self.view.setup, self.view.pen(width))

    def _tabs(self, width: int) -> list[Line]:
        """The views' names, the one shown in brackets."""
        parts = [part for name in VIEWS for part in (self._name_of(name), ("  ", BODY))]
        return [self.view.look.ends(width, parts, [self._age()])]

    def _name_of(self, name: str) -> Part:
        title = self.view.words(f"watch.{name}")
        return (f"[{title}]", STRONG) if name == self.shown else (f" {title} ", MUTED)

    def _title_of(self, name: str) -> Draw:
        def draw(width: int) -> list[Line]:
            right = [self._age()] if name == "cards" else []
            return [self.view.look.ends(width, [self._name_of(name)], right)]

        return draw

    def _age(self) -> Part:
        """How old the newest sample is; nothing where none will come."""
        if self.cards.history.failure:
            return "", MUTED
        return age_text(self.cards.panel, self.view.pen(80))

    def _stages(self, width: int) -> list[Line]:
        # A large screen has room for the events beside.
        is_beside = self.query_one("#node-events").display
        lines = [] if is_beside else self._happened(width, EVENT_ROWS)
        return [*opened.stage_lines(self.seen, self.view.pen(width)), *lines]

    def _events(self, width: int) -> list[Line]:
        return self._happened(width, BESIDE_ROWS)[1:]

    def _happened(self, width: int, rows: int) -> list[Line]:
        events = self.view.sight.events(rows, self.node)
        return opened.event_lines_of(self.seen, events, self.view.pen(width))

    def _versions(self, width: int) -> list[Line]:
        return opened.version_lines(self.seen, self.view.pen(width))

    def _cards(self, width: int) -> list[Line]:
        room = self.query_one("#node-cards").size.height or 20
        return opened.card_lines(self.seen, self.cards.panel, self.view.pen(width), room)
