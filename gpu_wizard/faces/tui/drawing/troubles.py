"""Troubleshooting: what was recognised, causes before symptoms, and the whole catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.engine.progress import NodeProgress
from gpu_wizard.faces.diagnose import unknown_text
from gpu_wizard.faces.tui.drawing.command import broken
from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import BODY, CHOSEN, HEADING, MUTED, STRONG, STYLES, Line
from gpu_wizard.faces.tui.order import ORDER, number_of
from gpu_wizard.faces.tui.output_log import OutputLog
from gpu_wizard.facts.k3s_journal import JOURNAL, K3sJournal
from gpu_wizard.facts.objects import PLUGIN_LOGS
from gpu_wizard.knowledge.diagnose import Finding, diagnose
from gpu_wizard.knowledge.diagnosis.catalogue import Signature, catalogue
from gpu_wizard.knowledge.diagnosis.layers import Layer, LayerGuess
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.fact import Known

_READ_LINES = 20_000
"""Of a run's output, from its end."""


@dataclass(frozen=True)
class Entry:
    """A row of the list. `finding` None: an entry of the catalogue that was not recognised here."""

    signature: Signature
    finding: Finding | None = None

    @property
    def stage(self) -> str:
        """The wizard's stage that cures it, "" for none."""
        return self.signature.ours if self.signature.ours in ORDER else ""


def recognised(node: NodeProgress, log: OutputLog) -> tuple[Finding, ...]:
    """What the run's output, the errors' last lines and the facts tell of, best first."""
    lines = log.read(max(0, log.lines - _READ_LINES), _READ_LINES)
    lines += [line for error in errors(node) for line in _said(error)]
    return diagnose([*lines, *_told(node)], node.facts).findings


def unrecognised(node: NodeProgress) -> Layer | None:
    """Where the errors' text comes from, for a run in which nothing was recognised; None where nothing went wrong."""
    told = errors(node)
    if not told:
        return None
    guess = LayerGuess()
    guess.feed([line for error in told for line in _said(error)])
    return guess.layer()


def errors(node: NodeProgress) -> list[WizardError]:
    """What went wrong in the stages and in the run as a whole, in their order."""
    told = [stage.error for stage in node.stages.values()]
    told.append(node.finished.error if node.finished is not None else None)
    return [error for error in told if error is not None]


def _said(error: WizardError) -> list[str]:
    return [*error.lines, str(error)]


def unrecognised_lines(layer: Layer, pen: Pen) -> list[Line]:
    """The layer, and what to run next; commands whole, on lines of their own."""
    lines = pen.look.wrapped(unknown_text(layer, pen.words.language), pen.width)
    for command in layer.commands:
        first, *rest = broken(command.split(" "), pen.width - 4)
        lines.append(pen.look.line(("  $ ", MUTED), (first, BODY)))
        lines += [pen.look.line("    ", (row, BODY)) for row in rest]
    return lines


def _told(node: NodeProgress) -> list[str]:
    """What the node's own logs said: the unit's last start where it did not end well, and the plugin."""
    lines: list[str] = []
    journal, logs = node.facts.get(JOURNAL.id), node.facts.get(PLUGIN_LOGS.id)
    if isinstance(journal, Known) and isinstance(journal.value, K3sJournal):
        k3s = journal.value
        told = [k3s.cause.line] if k3s.cause else []
        told += k3s.tail if not k3s.healthy else ()
        lines += [f"k3s: {line}" for line in told]
    if isinstance(logs, Known) and isinstance(logs.value, tuple):
        lines += [line for log in logs.value for line in log.text.splitlines()]
    return lines


def entries(found: tuple[Finding, ...], query: str, pen: Pen) -> tuple[Entry, ...]:
    """What was recognised; while something is searched for, the whole catalogue behind it."""
    rows = [Entry(finding.signature, finding) for finding in found]
    if query:
        known = {finding.id for finding in found}
        rows += [Entry(each) for each in catalogue().signatures if each.id not in known]
        rows = [row for row in rows if query.lower() in _text_of(row, pen).lower()]
    return tuple(rows)


def catalogue_size() -> int:
    """How many entries there are."""
    return len(catalogue().signatures)


def _text_of(entry: Entry, pen: Pen) -> str:
    language = pen.words.language
    texts = entry.signature.texts
    return " ".join((entry.signature.id, texts[f"title_{language}"], texts[f"cause_{language}"]))


def _title(entry: Entry, pen: Pen) -> str:
    if entry.finding is not None:
        return entry.finding.title(pen.words.language)
    return entry.signature.texts[f"title_{pen.words.language}"]


def list_lines(rows: tuple[Entry, ...], chosen: int, pen: Pen) -> tuple[list[Line], dict[int, int]]:
    """The list, and where each entry begins."""
    words, look = pen.words, pen.look
    lines: list[Line] = []
    places: dict[int, int] = {}
    for index, entry in enumerate(rows):
        places[index] = len(lines)
        mark = CHOSEN if index == chosen else " "
        finding = entry.finding
        symptom = finding is not None and bool(finding.explained_by)
        glyph = "│" if symptom else look.glyph("blocked" if finding else "waiting")
        style = STYLES["blocked"] if finding and not symptom else MUTED
        title = STRONG if index == chosen else BODY
        text = look.wrapped(_title(entry, pen), pen.width - 3, title)
        for number, row in enumerate(text):
            head = look.line((mark, STYLES["needed"]), (glyph if number == 0 else " ", style), " ")
            lines.append(head + row)
        kind = words("trouble.symptom" if symptom else "trouble.cause") if finding else ""
        stage = words("trouble.stage", n=number_of(entry.stage)) if entry.stage else ""
        can_fix = words("trouble.can-fix") if finding and entry.stage else ""
        about = " · ".join(part for part in (kind, stage, can_fix) if part)
        if about:
            lines.append(look.line((mark, STYLES["needed"]), (f"  {about}", MUTED)))
        lines.append(look.line(""))
    return lines, places


def detail_lines(entry: Entry, pen: Pen) -> list[Line]:
    """One entry: seen, why, the fixes in order, the source."""
    words, look, width = pen.words, pen.look, pen.width
    language, finding = words.language, entry.finding
    lines = look.wrapped(_title(entry, pen), width, HEADING)
    if finding is not None and finding.text:
        lines += [look.line(""), look.line((words("trouble.seen"), HEADING))]
        lines += look.wrapped(finding.text, width, BODY, "│ ", "│ ")
    elif finding is not None:
        lines += [look.line(""), *look.wrapped(words("trouble.by-facts"), width, MUTED)]
    cause = finding.cause(language) if finding else entry.signature.texts[f"cause_{language}"]
    lines += [look.line(""), look.line((words("trouble.why"), HEADING))]
    lines += look.wrapped(cause, width)
    fixes = finding.fixes() if finding else entry.signature.fixes
    lines += [look.line(""), look.line((words("trouble.fix"), HEADING))]
    for number, fix in enumerate(fixes, 1):
        said = fix.ru if language == "ru" else fix.en
        lines += look.wrapped(said, width, BODY, "  ", f"{number} ") if said else []
        lines += look.wrapped(fix.run, width, STRONG, "      ", "  $ ") if fix.run else []
    for source in entry.signature.sources[:2]:
        text = words("trouble.source", source=source)
        lines += [look.line(""), *look.wrapped(text, width, MUTED)]
    return lines
