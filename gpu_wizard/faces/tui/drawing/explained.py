"""What can be explained word by word: the commands of a stage, containerd's keys, lines of the output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpu_wizard.engine.stage_progress import StageProgress
from gpu_wizard.faces.tui.drawing.command import command_words
from gpu_wizard.faces.words import Words
from gpu_wizard.facts.containerd import CONFIG, ContainerdFiles
from gpu_wizard.facts.containerd_rows import config_rows
from gpu_wizard.facts.containerd_situation import Situation
from gpu_wizard.knowledge.diagnosis.text import line_as_shown
from gpu_wizard.knowledge.guide import page
from gpu_wizard.knowledge.passages import Told, in_config, in_output, places
from gpu_wizard.knowledge.words import explain_command, explain_line
from gpu_wizard.model.action import Run
from gpu_wizard.model.fact import value_or


@dataclass(frozen=True)
class Passage:
    """A line whose words can be walked. `lead`: what stands before it, such as `$ `."""

    title: str
    text: str
    words: tuple[Told, ...]
    lead: str = ""


def commands(stage: StageProgress, words: Words) -> tuple[Passage, ...]:
    """The commands of a stage's plan, or of the one that was performed."""
    plan = stage.plan or tuple(one.step for one in stage.steps)
    runs = [(words.step(step), step.action) for step in plan if isinstance(step.action, Run)]
    return tuple(_command(title, run, words) for title, run in runs)


def looking(stage: str, words: Words) -> tuple[Passage, ...]:
    """The commands by which a person looks at a stage, as its page has them."""
    guide = page(stage, words.language)
    blocks = (each for each in (guide.blocks if guide else ()) if each.kind == "command")
    return tuple(
        Passage(
            each.text,
            each.code,
            tuple(places(each.code, explain_line(each.code, words.language))),
            "$ ",
        )
        for each in blocks
        if "\n" not in each.code
    )


def _command(title: str, run: Run, words: Words) -> Passage:
    environment = [f"{key}={value}" for key, value in run.environment]
    lead = [*(["sudo"] if run.root else []), *(["env", *environment] if environment else [])]
    text = " ".join(command_words(run))
    explained = explain_command([*lead, *run.argv], words.language)
    return Passage(title, text, tuple(places(text, explained)), "$ ")


def configuration(situation: Situation | None, words: Words) -> tuple[Passage, ...]:
    """The lines of containerd's file that are told of, those of the nvidia section first."""
    files = value_or(situation.files, ContainerdFiles({})) if situation else ContainerdFiles({})
    rendered = files.at(CONFIG)
    if rendered is None or situation is None:
        return ()
    judged = {row.line: row for row in config_rows(situation) if row.line}
    ours: list[Passage] = []
    others: list[Passage] = []
    inside = False
    for number, line in enumerate(rendered.text.splitlines(), 1):
        inside = "nvidia" in line if line.startswith("[") else inside
        told = in_config(line.strip(), words.language)
        row = judged.get(number)
        if row is not None:
            params = {"found": row.found, "wanted": row.wanted, "file": row.file}
            meaning = words.of("finding", f"containerd.{row.meaning}", params)
            told += _value(line.strip(), row.found, meaning)
        if told:
            (ours if inside else others).append(Passage(f"{CONFIG}:{number}", line.strip(), told))
    return (*ours, *others)


def _value(line: str, found: str, meaning: str) -> tuple[Told, ...]:
    """What the value in this line means, as it was judged."""
    at = line.rfind(found) if found else -1
    return (Told(at, at + len(found), found, meaning),) if at >= 0 else ()


def output(lines: Iterable[str], words: Words) -> tuple[Passage, ...]:
    """Lines of the output of which something is told, as they are shown."""
    shown = [_shown(line) for line in lines]
    passages = (Passage("", line, in_output(line, words.language)) for line in shown)
    return tuple(passage for passage in passages if any(told.meaning for told in passage.words))


def _shown(line: str) -> str:
    """A line without what a terminal would obey; the two blanks before a command stay."""
    head, mark, command = line.partition("  $ ")
    return f"{line_as_shown(head)}{mark}{line_as_shown(command)}" if mark else line_as_shown(line)
