"""Events, plans and errors in words, for every face that writes plain text."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from gpu_wizard.faces.glyphs import GLYPHS
from gpu_wizard.faces.printable import printable as printable
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue
from gpu_wizard.knowledge.diagnosis.ranking import Finding
from gpu_wizard.knowledge.texts import Language, next_step, sentence
from gpu_wizard.knowledge.translated import translated
from gpu_wizard.model.action import (
    Action,
    ApplyObject,
    DeleteObject,
    LocalFile,
    PutFile,
    RestoreFile,
    Run,
    SecretFrom,
    SecretNamed,
    Step,
)
from gpu_wizard.model.errors import InputListError, WizardError
from gpu_wizard.model.events import NOT_LOOKED_AT, Diagnosed
from gpu_wizard.model.stage import Assessment, Found, Question

_UNFILLED = re.compile(r"<[a-z_]+>")
"""A parameter that an error does not bring."""


def assessed(assessment: Assessment, language: Language) -> str:
    """An assessment as a sentence."""
    return sentence("reason", assessment.code, assessment.params, language)


def settling(assessment: Assessment, language: Language) -> str:
    """What is waited for."""
    told = assessed(assessment, language)
    if assessment.state not in ("unknown", "blocked"):
        return told
    return f"{told} {sentence('word', 'asked-again', {}, language)}"


def advice(assessment: Assessment, language: Language) -> str:
    """What a person does next about an assessment; "" where nothing is to be done."""
    return next_step("reason", assessment.code, assessment.params, language)


def notes(assessment: Assessment, language: Language) -> list[str]:
    """What else is worth saying."""
    return [sentence("note", note.code, note.params, language) for note in assessment.notes]


def row(found: Found, language: Language) -> tuple[str, str]:
    """A row of *Found*: label and value."""
    return sentence("found", found.id, {}, language), found.value or sentence(
        "word", "none", {}, language
    )


def step_title(step: Step, language: Language) -> str:
    """What a step does and why."""
    return sentence("step", step.id, step.params, language)


def risk(step: Step, language: Language) -> str:
    """What else a step disturbs; "" for nothing."""
    return sentence("risk", step.risk.code, step.risk.params, language) if step.risk else ""


def command(action: Action, language: Language) -> str:
    """An action as the command that it is, behind a `$`, or as the act."""
    if isinstance(action, Run):
        return f"$ {_run(action)}"
    told = act(action, language)
    if isinstance(action, PutFile) and action.content is not None:
        return f"{told} ({sentence('ui', 'plan.mode', {'mode': f'{action.mode:04o}'}, language)})"
    return told


def act(action: PutFile | RestoreFile | ApplyObject | DeleteObject, language: Language) -> str:
    """What is done where that is no command."""
    match action:
        case PutFile(content=None) | RestoreFile(backup=""):
            code, params = "plan.remove-file", {"path": action.path}
        case PutFile():
            code, params = "plan.write-file", {"path": action.path}
        case RestoreFile():
            code, params = "plan.put-back", {"path": action.path}
        case ApplyObject():
            code, params = "plan.apply", {"object": _object(action)}
        case DeleteObject():
            code, params = "plan.delete", {"object": _object(action)}
    return sentence("ui", code, params, language)


def diff(text: str, language: Language) -> str:
    """A plan's diff, with what could not be looked at told in words."""
    return text.replace(NOT_LOOKED_AT, f"? {sentence('ui', 'plan.not-looked', {}, language)}", 1)


def unseen(action: Action, language: Language) -> str:
    """What is said in place of a diff that can't be shown: a secret, or a file of this machine; "" for others."""
    match action:
        case PutFile(content=SecretFrom() | SecretNamed()):
            return sentence("ui", "plan.secret", {}, language)
        case PutFile(content=LocalFile(path=path)):
            return sentence("ui", "plan.uploaded", {"path": path}, language)
    return ""


def words_of(run: Run) -> tuple[str, ...]:
    """The words of a command as they are run, sudo and environment before it."""
    environment = [f"{key}={value}" for key, value in run.environment]
    sudo = ("sudo",) if run.root else ()
    return (*sudo, *(("env", *environment) if environment else ()), *run.argv)


def _run(run: Run) -> str:
    """A command line that could be pasted; a script with quotes or lines of its own as a here-document."""
    words = words_of(run)
    if run.argv[:2] == ("sh", "-c") and ("\n" in run.argv[2] or "'" in run.argv[2]):
        # `sh -c SCRIPT NAME ARGUMENT…` and `sh -s ARGUMENT…` with the script as input are the same to a script.
        before = words[: len(words) - len(run.argv)]
        line = shlex.join((*before, "sh", "-s", "--", *run.argv[4:]))
        return f"{line} <<'EOF'\n{run.argv[2].rstrip()}\nEOF"
    return shlex.join(words)


def _object(action: ApplyObject | DeleteObject) -> str:
    kind, namespace, name = action.kind, action.namespace, action.name
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def place(action: Action, language: Language) -> str:
    """Where an action happens, if not on the node itself; "" there."""
    on = getattr(action, "on", "node")
    return sentence("word", "on-control-plane", {}, language) if on == "control_plane" else ""


def error_lines(error: WizardError, language: Language) -> list[str]:
    """An error for a person: what happened and where, its last lines, what to do next."""
    if isinstance(error, InputListError):
        return [line for each in error.errors for line in error_lines(each, language)]
    lines = [error_text(error, language), *(f"  | {line}" for line in error.lines[-10:])]
    following = error_advice(error, language)
    return [printable(line) for line in (*lines, *((f"  {following}",) if following else ()))]


def error_text(error: WizardError, language: Language) -> str:
    """What happened and where. An error's own words are English; in the other language its code has a text, or they have."""
    text = sentence("reason", error.code, error.params, language)
    if language == "en" or text == error.code or _UNFILLED.search(text):
        text = translated(error.message, language)
    # What a sentence says need not be said behind it.
    place = replace(error.where, host="") if _names(text, error.where.host) else error.where
    where = ", ".join(translated(part, language) for part in place.parts())
    return f"{text} ({where})" if where else text


def _names(text: str, host: str) -> bool:
    """Whether a sentence has this host, and not only a word that holds its letters."""
    return bool(re.search(rf"(?<![\w.:-]){re.escape(host)}(?![\w:-]|\.\w)", text))


def error_advice(error: WizardError, language: Language) -> str:
    """What a person does next about an error; "" where nothing is said."""
    known = next_step("reason", error.code, error.params, language)
    usable = "" if _UNFILLED.search(known) else known
    if language == "en":
        return error.next_step or usable
    return usable or translated(error.next_step, language)


def diagnosed(event: Diagnosed, language: Language) -> list[str]:
    """A recognised error: what it is, the line that told it, its cause and what mends it."""
    signature = catalogue().by_id.get(event.signature)
    if signature is None:
        return [f"{GLYPHS['failed']} {event.signature}"]
    finding = Finding(signature)
    fixes = [f"  {number}. {fix.text(language)}" for number, fix in enumerate(finding.fixes(), 1)]
    line = [f"  | {event.line}"] if event.line else []
    return [
        f"{GLYPHS['failed']} {finding.title(language)}",
        *line,
        f"  {finding.cause(language)}",
        *fixes,
    ]


def recording_line(question: Question, language: Language) -> str:
    """The line of a setup file that answers a question, for whoever runs without a person."""
    options = ", ".join(option.id for option in question.options if option.id != "stop")
    head = sentence("word", "add-choice", {"options": options}, language)
    return (
        f'{head}\n  [choices]\n  "{question.id}" = "{question.default or question.options[0].id}"'
    )
