"""One node opened: where its chain breaks, what was found of every stage, versions, and its cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces.status_words import error_next, next_step
from gpu_wizard.faces.tui.drawing.gpu import Panel, panel_lines
from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import BODY, HEADING, MUTED, RISK, STRONG, STYLES, Line, Part
from gpu_wizard.faces.tui.watching.rows import event_lines, link_of
from gpu_wizard.faces.tui.watching.sight import Change, Told
from gpu_wizard.facts.overview import Overview
from gpu_wizard.facts.versions import VersionRow
from gpu_wizard.model.events import StageAssessed

_VERDICTS = {
    "ok": "done",
    "old": "needed",
    "insecure": "blocked",
    "skew": "blocked",
    "unknown": "unknown",
}
_LABEL_CELLS = 18
_INDENT = "    "


def verdict_lines(seen: NodeSeen | None, setup: str, pen: Pen) -> list[Line]:
    """State, the first broken link and the next step."""
    look, words = pen.look, pen.words
    if seen is None:
        return [look.line((words("watch.first-look"), MUTED))]
    style = STYLES[seen.state]
    glyph = look.glyph(seen.state)
    lead = f"{glyph} {words.state(seen.state)}  "
    lines = look.wrapped(link_of(seen, words), pen.width, style, "  ", lead)
    if seen.error is not None:
        advice = error_next(seen.error, seen.stages[0].assessment, words.language)
    elif seen.first_open is not None:
        advice = next_step(seen.first_open.assessment, setup, words.language)
    else:
        return lines
    return [*lines, *(look.wrapped(advice, pen.width, BODY, "  ", "→ ") if advice else [])]


def stage_lines(seen: NodeSeen | None, pen: Pen) -> list[Line]:
    """Every stage with what was found, then who else owns GPUs here."""
    look, words = pen.look, pen.words
    if seen is None:
        return []
    if seen.error is not None:
        return [look.line((words("watch.no-answer"), MUTED))]
    lines: list[Line] = []
    for number, event in enumerate(seen.stages, 1):
        lines += [*([look.line("")] if lines else []), *_stage(number, event, pen)]
    return [*lines, *_owners(seen.overview, pen)]


def event_lines_of(seen: NodeSeen | None, events: Sequence[Change | Told], pen: Pen) -> list[Line]:
    """A blank line, the title, then what changed and what the cluster tells; why it tells nothing."""
    look, words = pen.look, pen.words
    inner = pen._replace(width=pen.width - 2)
    lines = [look.line("  ") + line for line in event_lines(events, inner)]
    if seen is not None and seen.events_unknown:
        unknown = seen.events_unknown
        why = words.of("reason", unknown.code, {"detail": unknown.detail})
        text = words("watch.events-unknown", why=why)
        lines += look.wrapped(text, pen.width, MUTED, "  ", "  ")
    if not lines:
        lines = look.wrapped(words("watch.no-events"), pen.width, MUTED, "  ", "  ")
    return [look.line(""), look.line((words("watch.events"), HEADING)), *lines]


def _stage(number: int, event: StageAssessed, pen: Pen) -> Iterator[Line]:
    look, words = pen.look, pen.words
    state = event.assessment.state
    glyph: Part = (f"{look.glyph(state)} ", STYLES[state])
    name: Part = (f"{number} {words(f'name.{event.stage}')}", STRONG)
    yield look.ends(pen.width, [glyph, name], [(words.state(state), STYLES[state])])
    said = words.assessed(event.assessment)
    yield from look.wrapped(said, pen.width, BODY, _INDENT, _INDENT)
    for note in words.notes(event.assessment):
        yield from look.wrapped(note, pen.width, RISK, f"{_INDENT}  ", f"{_INDENT}! ")
    yield from _found(event, pen)


def _found(event: StageAssessed, pen: Pen) -> Iterator[Line]:
    look, words = pen.look, pen.words
    rows = [(*words.found(found), found.state) for found in event.found]
    cells = min(_LABEL_CELLS, max((cell_len(label) for label, _, _ in rows), default=0))
    for label, value, state in rows:
        glyph: Part = (look.glyph(state), STYLES[state]) if state else (" ", BODY)
        head = look.line(_INDENT, glyph, (f" {label:<{cells}}  ", MUTED))
        style = STRONG if state and state != "done" else BODY
        room = max(8, pen.width - head.cell_length)
        first, *rest = look.wrapped(value, room, style)
        yield head + first
        yield from (look.line(" " * head.cell_length) + line for line in rest)


def _owners(glance: Overview, pen: Pen) -> Iterator[Line]:
    words, look = pen.words, pen.look
    if glance.owners:
        yield look.line("")
        yield look.line((words.of("word", "status.owners"), HEADING))
    for owner in glance.owners:
        text = f"{words.of('owner', owner.id)}: {words.of('owns', owner.id, {'name': owner.name})}"
        yield from look.wrapped(text, pen.width, BODY, "    ", "  ")


def version_lines(seen: NodeSeen | None, pen: Pen) -> list[Line]:
    """A component a line: found, what it is held to, and a word where that does not hold."""
    rows = seen.overview.versions if seen else ()
    if not rows:
        return [pen.look.line((pen.words("watch.versions-unknown"), MUTED))] if seen else []
    names = [pen.words.of("component", row.component) for row in rows]
    cells = max(cell_len(name) for name in names), max(cell_len(row.found) for row in rows)
    return [
        line
        for row, name in zip(rows, names, strict=True)
        for line in _version(row, name, cells, pen)
    ]


def _version(row: VersionRow, name: str, cells: tuple[int, int], pen: Pen) -> list[Line]:
    words, look = pen.words, pen.look
    state = _VERDICTS[row.verdict]
    held = [
        words(f"watch.{what}", version=version)
        for what, version in (
            ("recommended", row.recommended),
            ("floor", row.security_floor),
            ("skew", row.skew),
        )
        if version
    ]
    fits = row.verdict in ("ok", "unknown")
    parts: list[Part] = [
        (look.glyph(state), STYLES[state]),
        (f" {name:<{cells[0]}}  ", MUTED),
        (f"{row.found or '–':<{cells[1]}}  ", BODY if fits else STRONG),
        (" · ".join(held), MUTED),
    ]
    lines = [look.ends(pen.width, parts, [])]
    if not fits:
        text = words.of("verdict", row.verdict)
        lines += look.wrapped(text, pen.width, STYLES[state], "  ", f"  {' ' * cells[0]}  ")
    return lines


def card_lines(seen: NodeSeen | None, panel: Panel, pen: Pen, rows: int) -> list[Line]:
    """The live panel; the cards as the last look saw them while nothing comes."""
    look, words = pen.look, pen.words
    if panel.history.samples and not panel.history.failure:
        return panel_lines(panel, pen, rows)
    cards = seen.overview.cards if seen else ()
    lines: list[Line] = []
    for card in cards:
        memory = (
            f"  {card.memory_bytes / (1 << 30):.1f} {words('unit.gib')}"
            if card.memory_bytes
            else ""
        )
        lines.append(look.line((f"{card.index} {card.name}", STRONG), (memory, BODY)))
        lines += look.wrapped(card.uuid, pen.width, MUTED, "  ", "  ")
    if not cards:
        lines.append(look.line((words("watch.no-cards"), MUTED)))
    return [*lines, look.line(""), *panel_lines(panel, pen, rows)]
