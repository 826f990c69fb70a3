"""The dialogs' texts and buttons: approval of a risk, a choice, a host key, stopping, the keys."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

from gpu_wizard.engine.progress import NodeProgress
from gpu_wizard.faces.exchanged import ShownKey
from gpu_wizard.faces.glyphs import GLYPHS
from gpu_wizard.faces.risks import cannot_be_undone
from gpu_wizard.faces.tui.asked import Asked
from gpu_wizard.faces.tui.live_keys import LiveKey, rows
from gpu_wizard.faces.tui.look import BODY, HEADING, KEY, MUTED, RISK, STRONG, STYLES, Line
from gpu_wizard.faces.tui.order import number_of
from gpu_wizard.faces.tui.screens.dialogs import Dialog, Said, plain
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.buttons import Action
from gpu_wizard.faces.tui.widgets.drawn import Draw
from gpu_wizard.facts.objects import NODE_PODS, PodObject, gpu_pods
from gpu_wizard.model.fact import Known


def approval(ui: Ui, asked: Asked) -> Dialog:
    """A stage that disturbs running work, or holds a step without undo."""

    def draw(width: int) -> list[Line]:
        look, words = ui.look, ui.words
        number = number_of(asked.stage)
        head = words("ask.risk", n=number, name=words(f"title.{asked.stage}"), node=asked.node)
        lines = look.wrapped(head, width, STRONG)
        for step in asked.plan:
            if step.risk is not None:
                lines += look.wrapped(words.risk(step), width, RISK, "  ", "! ")
            if cannot_be_undone(step):
                text = f"{words.step(step)}. {words('plan.no-undo')}"
                lines += look.wrapped(text, width, RISK, "  ", "! ")
        return [*lines, *_pod_lines(ui, ui.control.progress.node(asked.node), width)]

    def say() -> Said:
        actions = [
            Action("stop", ui.words("button.back"), "primary"),
            Action("approve", f"y  {ui.words('ask.go-on')}", "risk"),
            Action("skip", ui.words("ask.skip-stage")),
        ]
        return Said(ui.words("ask.risk-title"), draw, actions)

    keys = {"y": "approve", "н": "approve"}
    return Dialog(say, escape="stop", risk=True, focus="stop", keys=keys)


def _pod_lines(ui: Ui, node: NodeProgress, width: int) -> list[Line]:
    fact = node.facts.get(NODE_PODS.id)
    pods: tuple[PodObject, ...] = fact.value if isinstance(fact, Known) else ()  # type: ignore[assignment]  # this probe's facts are pods
    mine = gpu_pods(pods)
    if not mine:
        return []
    lines = [ui.look.line(""), ui.look.line((ui.words.count("ask.pods", len(mine)), HEADING))]
    for pod in mine:
        count = f"{sum(pod.gpus.values())} GPU"
        lines.append(
            ui.look.ends(width, [(f"  {pod.namespace}/{pod.name}", BODY)], [(count, MUTED)])
        )
    return lines


_DISTURBS = ("overwrite", "reboot")
"""Options that touch what somebody else may rely on: never what Enter alone chooses."""


def question(ui: Ui, asked: Asked) -> Dialog:
    """A question with its own options; what is recommended has the focus, unless it disturbs."""
    put = asked.question
    safe = [option.id for option in put.options if option.id not in _DISTURBS] or ["stop"]
    focus = put.default if put.default in safe else safe[0]

    def say() -> Said:
        words = ui.words
        text = words.of("question", put.id, dict(put.params))
        actions = [
            Action(
                option.id,
                words.of("option", option.id, {**put.params, **option.params}),
                "primary" if option.id == focus else "risk" if option.id in _DISTURBS else "",
            )
            for option in put.options
        ]
        if all(option.id != "stop" for option in put.options):
            actions.append(Action("stop", words.of("option", "stop")))
        number = number_of(asked.stage) if asked.stage else 0
        name = words(f"title.{asked.stage}") if asked.stage else ""
        title = words("ask.question-title", n=number, name=name)
        return Said(title, plain(ui, text), actions)

    return Dialog(say, escape="stop", focus=focus)


def host_key(ui: Ui, key: ShownKey) -> Dialog:
    """First contact: the fingerprint, how to compare it, and two buttons, the safe one focused."""

    def draw(width: int) -> list[Line]:
        look, words = ui.look, ui.words
        algorithm = key.algorithm.removeprefix("ssh-").upper()
        return [
            *look.wrapped(words("trust.text"), width),
            look.line(""),
            *look.wrapped(f"{algorithm}  {grouped(key.fingerprint)}", width, STRONG),
            look.line(""),
            *look.wrapped(words("trust.compare"), width, MUTED),
            *look.wrapped("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", width, BODY, "  "),
        ]

    def say() -> Said:
        words = ui.words
        actions = [
            Action("refuse", words("trust.no"), "primary"),
            Action("trust", f"t  {words('trust.yes')}", "risk"),
        ]
        return Said(words("trust.title", host=key.host), draw, actions)

    keys = {"t": "trust", "е": "trust"}
    return Dialog(say, escape="refuse", focus="refuse", keys=keys)


def grouped(fingerprint: str) -> str:
    """`SHA256:` and the characters in groups of four, for eyes that compare."""
    kind, _, text = fingerprint.partition(":")
    return f"{kind}:" + " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def stopping(ui: Ui) -> Dialog:
    """How to stop what runs."""
    running = ui.shown.running

    def say() -> Said:
        words = ui.words
        what = words(f"title.{running.id}") if running else ""
        number = number_of(running.id) if running else 0
        text = words("stop.text", n=number, name=what)
        actions = [
            Action("go-on", words("stop.go-on"), "primary"),
            Action("finish", words("stop.finish")),
            Action("abandon", f"^C  {words('stop.abandon')}", "risk"),
        ]
        return Said(words("stop.title"), plain(ui, text, words("stop.warning")), actions)

    return Dialog(say, escape="go-on", risk=True, focus="go-on", interrupt="abandon")


def help_lines(ui: Ui, keys: Mapping[str, LiveKey]) -> Draw:
    """The keys that can be pressed now, and what the glyphs mean."""

    def draw(width: int) -> list[Line]:
        look, words = ui.look, ui.words
        told = rows(keys, words)
        column = max(cell_len(look.text(names)) for names, _ in told) + 2
        lines: list[Line] = []
        for names, text in told:
            first, *rest = look.wrapped(text, width - column)
            pad = " " * (column - cell_len(look.text(names)))
            lines.append(look.line((names + pad, KEY)) + first)
            lines += [look.line(" " * column) + row for row in rest]
        lines.append(look.line(""))
        states = [state for state in GLYPHS if words.has("state", state)]
        for at in range(0, len(states), 5):
            signs = (
                (f"{look.glyph(s)} {words.state(s):<10}", STYLES[s]) for s in states[at : at + 5]
            )
            lines.append(look.line(*signs))
        return lines

    return draw
