"""The table of nodes: a row each, done ones in ranges, the chosen node's broken link in full, and the changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces.ranges import folded
from gpu_wizard.faces.status_words import next_step
from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import (
    BODY,
    CHOSEN,
    MUTED,
    RISK,
    STRONG,
    STYLES,
    Line,
    Part,
    cut_middle,
    wrap,
)
from gpu_wizard.faces.tui.watching.sight import FOLD, WORST_FIRST, Change, Sight, Told
from gpu_wizard.faces.words import Words

WIDE = 120
_STAGES = 9
_VERSIONS = (("k3s", 14), ("driver", 11), ("toolkit", 8), ("device-plugin", 8))
"""Columns that a wide screen adds, and their cells."""


def head_line(sight: Sight, pen: Pen) -> Line:
    """Over the rows."""
    words = pen.words
    name = words.of("word", "status.node").ljust(_name_cells(sight, pen))
    state = words.of("word", "status.state").ljust(_state_cells(words))
    left = f"   {name}  12345678 9  {state}  {words.of('word', 'status.first-open')}"
    return pen.look.ends(pen.width, [(left, MUTED)], [(_right_head(sight, pen), MUTED)])


def table(sight: Sight, cursor: str | None, pen: Pen) -> list[Line]:
    """The rows, then what is folded."""
    rows = sight.rows()
    cells = _name_cells(sight, pen)
    lines = [_row(sight, name, cells, pen, is_chosen=name == cursor) for name in rows.whole]
    if rows.folded:
        lines += _fold(sight, rows.folded, pen, is_chosen=cursor == FOLD)
    if not lines:
        code = "watch.no-match" if sight.query else "watch.all-done"
        lines = pen.look.wrapped(pen.words(code), pen.width, MUTED, "   ", "   ")
    return lines


def summary_line(sight: Sight, pen: Pen) -> Line:
    """How many nodes are in which state, and how many answered."""
    counts = sight.counts()
    parts: list[Part] = [("   ", BODY)]
    for state in WORST_FIRST:
        if counts.get(state):
            text = f"{pen.look.glyph(state)} {counts[state]} {pen.words.state(state)}   "
            parts.append((text, STYLES[state]))
    told = {"count": str(sight.answered), "all": str(len(sight.names))}
    right = pen.words.of("word", "status.answered", told)
    return pen.look.ends(pen.width, parts, [(right, MUTED)])


def detail_lines(seen: NodeSeen | None, setup: str, pen: Pen, rows: int) -> list[Line]:
    """The chosen node's broken link, and the next step where there is room for all of it."""
    if seen is None:
        return []
    if seen.first_open is None:
        return [pen.look.line((link_of(seen, pen.words), MUTED))]
    lines = pen.look.wrapped(link_of(seen, pen.words), pen.width, BODY)
    advice = next_step(seen.first_open.assessment, setup, pen.words.language)
    if not advice:
        return _at_most(lines, rows, pen)
    more = pen.look.wrapped(advice, pen.width, MUTED, "  ", "→ ")
    if len(lines) + len(more) <= rows:
        return [*lines, *more]
    opens = pen.look.line((pen.words("watch.enter-tells"), MUTED))
    return [*_at_most(lines, rows - 1, pen), opens]


def event_lines(events: Iterable[Change | Told], pen: Pen) -> list[Line]:
    """A line each: when, which node, what."""
    return [_change(e, pen) if isinstance(e, Change) else _told(e, pen) for e in events]


def last_change(sight: Sight, pen: Pen) -> list[Line]:
    """What happened last, since the watch began."""
    return [
        line
        for event in sight.events(1)
        if _is_new(event, sight)
        for line in event_lines([event], pen)
    ]


def _is_new(event: Change | Told, sight: Sight) -> bool:
    return isinstance(event, Change) or sight.began_at is None or event.at >= sight.began_at


def link_of(seen: NodeSeen, words: Words) -> str:
    """The first broken link as a sentence; of a node that is done what it is."""
    event = seen.first_open
    if event is None:
        return words.assessed(seen.stages[-1].assessment)
    said = words.assessed(event.assessment)
    if seen.error is not None:
        return said
    number = seen.stages.index(event) + 1
    return f"{number} {words(f'name.{event.stage}')}: {said}"


def gpus(seen: NodeSeen | None) -> str:
    """Offered of present cards, such as `0/2`; a question mark for what nobody could see."""
    if seen is None or not seen.overview.versions:
        return "?"
    return f"{sum(seen.overview.allocatable.values())}/{len(seen.overview.cards)}"


def matches(seen: NodeSeen, query: str) -> bool:
    """Whether names, state or a version of a node have this text, upper and lower case alike."""
    found = [row.found for row in seen.overview.versions]
    link = seen.first_open
    said = [link.stage, link.assessment.code] if link else []
    texts = (seen.node, seen.kubernetes_node, seen.state, *found, *said)
    return any(query.lower() in text.lower() for text in texts)


def _row(sight: Sight, name: str, cells: int, pen: Pen, *, is_chosen: bool) -> Line:
    seen, state = sight.seen.get(name), sight.state(name)
    words, look = pen.words, pen.look
    left: list[Part] = [
        (f" {CHOSEN if is_chosen else ' '} ", STYLES["needed"]),
        (_padded(cut_middle(name, cells), cells), STRONG if is_chosen else BODY),
        ("  ", BODY),
        *_chain(seen, pen),
        ("  ", BODY),
        (words.state(state).ljust(_state_cells(words)), STYLES[state]),
    ]
    if seen is not None and seen.first_open is not None:
        left.append((f"  {_one_line(link_of(seen, words))}", BODY))
    elif seen is not None and seen.overview.gpu_pods:
        left.append((f"  {words.count('watch.pods', len(seen.overview.gpu_pods))}", MUTED))
    return look.ends(pen.width, left, _right(sight, seen, pen))


def _chain(seen: NodeSeen | None, pen: Pen) -> list[Part]:
    states = ["looking"] * _STAGES if seen is None else [s.assessment.state for s in seen.stages]
    parts: list[Part] = [(pen.look.glyph(state), STYLES[state]) for state in states]
    return [*parts[:-1], (" ", BODY), parts[-1]]


def _fold(sight: Sight, names: Sequence[str], pen: Pen, *, is_chosen: bool) -> list[Line]:
    """Done nodes as ranges, with all their cards."""
    seen = [sight.seen[name] for name in names]
    offered = sum(sum(one.overview.allocatable.values()) for one in seen)
    cards = sum(len(one.overview.cards) for one in seen)
    title = f"{pen.look.glyph('done')} {pen.words('watch.folded', n=len(names))}"
    head: list[Part] = [
        (f" {CHOSEN if is_chosen else ' '} ", STYLES["needed"]),
        (title, f"{STYLES['done']} bold" if is_chosen else STYLES["done"]),
    ]
    lines = [pen.look.ends(pen.width, head, [(f"{offered}/{cards}", BODY)])]
    text = folded(names).replace(", ", "  ").replace(",", ", ")
    names_at = (f"     {row}" for row in wrap(text, max(8, pen.width - 6)))
    return [*lines, *(pen.look.line((row, MUTED)) for row in names_at)]


def _right_head(sight: Sight, pen: Pen) -> str:
    words = pen.words
    columns = [f"{words(f'watch.column.{name}'):<{cells}}" for name, cells in _VERSIONS]
    wide = [*columns, ""] if pen.width >= WIDE else []
    return " ".join([*wide, words("gpu.title").rjust(_gpu_cells(sight))])


def _right(sight: Sight, seen: NodeSeen | None, pen: Pen) -> list[Part]:
    parts: list[Part] = [(" ", BODY)]
    if pen.width >= WIDE:
        parts += [part for name, cells in _VERSIONS for part in _version(seen, name, cells)]
        parts.append((" ", BODY))
    return [*parts, (gpus(seen).rjust(_gpu_cells(sight)), BODY)]


def _version(seen: NodeSeen | None, component: str, cells: int) -> list[Part]:
    rows = seen.overview.versions if seen else ()
    row = next((row for row in rows if row.component == component), None)
    if row is None or not row.found:
        return [(f"{'–':<{cells}} ", MUTED)]
    mark = "!" if row.verdict in ("insecure", "skew") else " "
    style = RISK if mark == "!" else MUTED
    return [(f"{row.found[: cells - 1] + mark:<{cells}} ", style)]


def _gpu_cells(sight: Sight) -> int:
    return max([3, *(len(gpus(seen)) for seen in sight.seen.values())])


def _change(change: Change, pen: Pen) -> Line:
    words = pen.words
    at = change.at.astimezone().strftime("%H:%M:%S")
    what: list[Part] = [(f"{at}  ", MUTED), (change.node, BODY), ("  ", BODY)]
    if not change.stage:
        style = STYLES["done" if change.after == "answered" else "unknown"]
        return pen.look.line(*what, (words(f"watch.{change.after}"), style))
    return pen.look.line(
        *what,
        (f"{words(f'name.{change.stage}')}: ", BODY),
        (words.state(change.before), STYLES[change.before]),
        (" → ", MUTED),
        (words.state(change.after), STYLES[change.after]),
    )


def _told(told: Told, pen: Pen) -> Line:
    event = told.event
    at = told.at.astimezone().strftime("%H:%M:%S")
    where = [(told.node, BODY)] if told.node else []
    about = "  ".join((*([""] if told.node else []), event.about)) if event.about else ""
    times = f"  ×{event.count}" if event.count > 1 else ""
    parts: list[Part] = [
        (f"{at}  ", MUTED),
        *where,
        (about, MUTED),
        (f"  {event.reason}", RISK if event.is_warning else BODY),
        (times, MUTED),
        (f"  {_one_line(event.message)}", MUTED),
    ]
    return pen.look.ends(pen.width, parts, [])


def _name_cells(sight: Sight, pen: Pen) -> int:
    longest = max(map(cell_len, (*sight.names, pen.words.of("word", "status.node"))))
    return min(longest, max(12, pen.width // 3))


def _state_cells(words: Words) -> int:
    names = [words.state(state) for state in WORST_FIRST]
    return max(map(cell_len, (*names, words.of("word", "status.state"))))


def _padded(text: str, cells: int) -> str:
    return text + " " * (cells - cell_len(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _at_most(lines: list[Line], rows: int, pen: Pen) -> list[Line]:
    """The first rows; the last of them says that there is more."""
    if len(lines) <= rows:
        return lines
    more = pen.look.text(" …")
    last = lines[rows - 1].rstrip()
    return [*lines[: rows - 1], last.truncate(pen.width - len(more)) + more]
