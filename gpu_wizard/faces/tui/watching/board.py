"""All nodes: a row each, the broken ones first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Input

from gpu_wizard.faces.tui.look import HEADING, MUTED, Line, Part
from gpu_wizard.faces.tui.watching import rows
from gpu_wizard.faces.tui.watching.nodes_view import CursorMoved, NodeWanted
from gpu_wizard.faces.tui.watching.read_only_screen import HELP, QUIT
from gpu_wizard.faces.tui.watching.sight import FOLD, FOLD_ABOVE
from gpu_wizard.faces.tui.watching.watch_screen import WatchScreen
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.tui.widgets.field import Field

_DETAIL_ROWS = 3
_EVENT_ROWS = 8


class BoardScreen(WatchScreen):
    """The table, the chosen node's broken link under it, and what changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "move(-1)", show=False),
        Binding("down,j,о", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("enter", "enter", show=False),
        Binding("g,п", "cards", show=False),
        Binding("slash,full_stop", "filter", show=False),
        Binding("f,а", "unfinished", show=False),
        Binding("escape", "close", show=False),
    ]

    def body(self) -> Iterator[Widget]:
        """Summary of many nodes, head, rows; on a large screen the changes below."""
        with Vertical(id="board"):
            if len(self.view.sight.names) > FOLD_ABOVE:
                yield Drawn(self._summary, id="board-summary")
            yield Drawn(self._head, id="board-head")
            with VerticalScroll(id="board-rows", can_focus=False):
                yield Drawn(self._rows)
            yield Drawn(self._detail, id="board-detail")
            with Vertical(id="board-events"):
                yield Drawn(self._events)

    def above_footer(self) -> Iterator[Widget]:
        """What changed last, or the field of the filter in the same row."""
        yield from super().above_footer()
        yield Field(id="filter")

    def on_mount(self) -> None:
        """The filter shows when it is asked for."""
        self.query_one(Input).display = False

    def title_parts(self) -> list[Part]:
        """What this is."""
        return [(self.view.words("watch.title"), HEADING)]

    def narrowing(self) -> str:
        """The filter, and whether done nodes are left out."""
        words, sight = self.view.words, self.view.sight
        filtered = f" · {words('watch.filtered', query=sight.query)}" if sight.query else ""
        return filtered + (f" · {words('watch.unfinished')}" if sight.is_unfinished_only else "")

    def hints(self) -> Sequence[Hint]:
        """The keys; letters type while the filter has the focus."""
        if self.query_one(Input).has_focus:
            return (Hint("Enter", "key.choose"), Hint("Esc", "key.back"), Hint("F1", "key.help"))
        return (
            Hint("↑↓", "key.node"),
            Hint("Enter", "key.open", "screen.enter"),
            Hint("/", "key.filter", "screen.filter"),
            Hint("f", "key.unfinished", "screen.unfinished"),
            Hint("r", "key.refresh", "app.refresh"),
            HELP,
            QUIT,
        )

    def action_move(self, by: int) -> None:
        """Another node."""
        self.view.moved(by)
        self.app.post_message(CursorMoved())
        self.paint()
        self.show_cursor()

    def action_page(self, by: int) -> None:
        """A screenful on."""
        self.action_move(by * max(1, self.query_one("#board-rows").size.height - 1))

    def show_cursor(self) -> None:
        """Bring the chosen row into sight."""
        cursor, choices = self.view.cursor, self.view.sight.rows().choices
        if cursor is not None:
            pane = self.query_one("#board-rows", VerticalScroll)
            below = pane.size.height if cursor == FOLD else 1
            region = Region(0, choices.index(cursor), 1, below)
            pane.scroll_to_region(region, animate=False)

    def action_enter(self) -> None:
        """Open the node, or unfold the ranges."""
        cursor = self.view.cursor
        if cursor == FOLD:
            self.view.sight.is_unfolded = True
            self.view.chosen = next(iter(self.view.sight.rows().whole), None)
            self.paint()
        elif cursor is not None:
            self.post_message(NodeWanted(cursor))

    def action_cards(self) -> None:
        """Open the node with its cards before the eye."""
        if self.view.cursor:
            self.post_message(NodeWanted(self.view.cursor, "cards"))

    def action_filter(self) -> None:
        """Type what the nodes shown have in common."""
        field = self.query_one(Input)
        field.placeholder = self.view.words("watch.filter")
        field.display, self.query_one("#last-change").display = True, False
        field.focus()
        self.call_after_refresh(self.paint)

    def action_unfinished(self) -> None:
        """Only nodes that are not done, or all."""
        self.view.sight.is_unfinished_only ^= True
        self._narrowed()

    def action_close(self) -> None:
        """Esc: all nodes again, and done ones folded."""
        sight = self.view.sight
        self.query_one(Input).value = ""
        sight.query, sight.is_unfolded, sight.is_unfinished_only = "", False, False
        self._end_typing()
        self._narrowed()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list narrows as one types."""
        self.view.sight.query = event.value.strip()
        self._narrowed()

    def on_input_submitted(self) -> None:
        """Back to the rows, which stay narrowed."""
        self._end_typing()

    def _end_typing(self) -> None:
        self.set_focus(None)
        self.query_one(Input).display, self.query_one("#last-change").display = False, True
        self.call_after_refresh(self.paint)

    def _narrowed(self) -> None:
        self.paint()
        self.call_after_refresh(self.show_cursor)

    def _summary(self, width: int) -> list[Line]:
        return [rows.summary_line(self.view.sight, self.view.pen(width)), self.view.look.line("")]

    def _head(self, width: int) -> list[Line]:
        return [rows.head_line(self.view.sight, self.view.pen(width))]

    def _rows(self, width: int) -> list[Line]:
        return rows.table(self.view.sight, self.view.cursor, self.view.pen(width))

    def _detail(self, width: int) -> list[Line]:
        seen = self.view.sight.seen.get(self.view.cursor or "")
        lines = rows.detail_lines(seen, self.view.setup, self.view.pen(width), _DETAIL_ROWS)
        blank = self.view.look.line("")
        return [*lines, *[blank] * (_DETAIL_ROWS - len(lines))]

    def _events(self, width: int) -> list[Line]:
        view, words = self.view, self.view.words
        lines = rows.event_lines(view.sight.events(_EVENT_ROWS - 1), view.pen(width))
        title = view.look.line((words("watch.events"), HEADING))
        return [title, *(lines or [view.look.line((words("watch.no-events"), MUTED))])]
