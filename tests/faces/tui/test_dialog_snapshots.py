"""The dialogs at 80×24 in both languages and at 160×45; the safe button has the focus, or the field."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest
from textual.widgets import Input

from gpu_wizard.faces.tui import asking
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.faces.tui.asked import Asked
from gpu_wizard.faces.tui.widgets.buttons import ActionButton
from gpu_wizard.facts.objects import NODE_PODS, PodObject
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.action import Risk
from gpu_wizard.model.events import FactRead, PlanMade
from gpu_wizard.model.fact import Known
from gpu_wizard.model.stage import Option, Question
from tests.faces.tui.bench import as_text, recorded_app, settle
from tests.faces.tui.stage_states import fresh
from tests.faces.tui.test_tui_snapshots import LARGE, SMALL, compare


class Shown(NamedTuple):
    """A host key on no record."""

    host: str = "gpu-node-1"
    algorithm: str = "ssh-ed25519"
    fingerprint: str = "SHA256:9kq2bXo17dRwVt0eJcYh3mPzQ5sLuA8nGf6KiTrWxB4"
    file: str = "~/.ssh/known_hosts"


def pod(namespace: str, name: str, gpus: int) -> PodObject:
    """A running pod with cards."""
    return PodObject(
        namespace, name, f"uid-{name}", "gpu1", "Running", True, {"nvidia.com/gpu": gpus}, (), {}, "nvidia", ""
    )  # fmt: skip


PODS = (pod("ml", "trainer-7c9f-x2l", 2), pod("ml", "serve-0", 1), pod("dev", "notebook-anna", 1))


def approval(app: WizardApp) -> Awaitable[object]:
    (step,) = next(e.plan for e in fresh() if isinstance(e, PlanMade) and e.stage == "runtime")
    names = ", ".join(f"{each.namespace}/{each.name}" for each in PODS)
    params = {"unit": "k3s-agent", "count": str(len(PODS)), "pods": names}
    plan = (replace(step, risk=Risk("restarts-agent-gpu-pods", params)),)
    options = (Option("approve"), Option("skip"), Option("stop"))
    question = Question("approve", options, "approve", {"stage": "runtime"})
    return asking.put(app, Asked(question, "gpu1", "runtime", plan))


def label(*offered: str) -> Callable[[WizardApp], Awaitable[object]]:
    params = {"node": "gpu1", "label": "nvidia.com/gpu", "have": "a6000", "want": "present"}
    options = tuple(Option(each, params if each != "stop" else {}) for each in offered)
    question = Question("labels.nvidia.com/gpu", options, offered[0], params)
    return lambda app: asking.put(app, Asked(question, "gpu1", "labels"))


def daemon_set(app: WizardApp) -> Awaitable[object]:
    params = {"name": "kube-system/nvidia-device-plugin", "labels": "nvidia.com/gpu=present"}
    options = (Option("join", params), Option("own", params), Option("stop"))
    question = Question("device-plugin.foreign", options, "join", params)
    return asking.put(app, Asked(question, "gpu1", "device-plugin"))


async def again(app: WizardApp) -> None:
    """The first password was not accepted."""
    for refused in range(2):
        await app.asker.secret("sudo password on gpu-node-1", refused)


DIALOGS: Mapping[str, tuple[Callable[[WizardApp], Awaitable[object]], str]] = {
    "approval": (approval, "stop"),
    "label": (label("keep", "overwrite", "stop"), "keep"),
    "label-no-keeping": (label("overwrite", "stop"), "stop"),
    "daemon-set": (daemon_set, "join"),
    "host-key": (lambda app: app.asker.trust(Shown()), "refuse"),
    "login": (lambda app: app.asker.secret("SSH password of anna@gpu-node-1"), ""),
    "sudo": (lambda app: app.asker.secret("sudo password on gpu-node-1"), ""),
    "sudo-again": (again, ""),
}
"""Name → what asks, and the button with the focus; "" for the field."""


async def shown(name: str, language: Language, size: tuple[int, int]) -> None:
    ask, focus = DIALOGS[name]
    events = fresh()
    app = recorded_app(
        [*events, FactRead(node="gpu1", probe=NODE_PODS.id, fact=Known(PODS), at=events[-1].at)],
        language=language,
    )

    async def asked() -> None:
        await ask(app)

    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        app.run_worker(asked())
        await pilot.pause(0.2)
        if name == "sudo-again":
            await pilot.press(*"wrong", "enter")
            await pilot.pause(0.2)
        elif not focus:
            await pilot.press(*"secret")
        await pilot.pause()
        focused = app.focused
        if focus:
            assert isinstance(focused, ActionButton)
            assert focused.means == focus
        else:
            assert isinstance(focused, Input)
        text = as_text(app)
        assert "secret" not in text
        assert "wrong" not in text
        compare(f"{language}-{size[0]}-dialog-{name}", text)


async def said(name: str, language: Language, *keys: str) -> tuple[str, object]:
    """A dialog in a language after these keys, and what has the focus."""
    ask, _ = DIALOGS[name]
    app = recorded_app(fresh(), language=language)

    async def asked() -> None:
        await ask(app)

    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        app.run_worker(asked())
        await pilot.pause(0.2)
        await pilot.press(*keys)
        await pilot.pause(0.2)
        focused = app.focused
        held = focused.value if isinstance(focused, Input) else getattr(focused, "means", None)
        return as_text(app), held


@pytest.mark.parametrize("name", sorted(DIALOGS.keys() - {"sudo-again"}))
async def test_f2_says_a_dialog_in_the_other_language_and_keeps_what_was_typed(name: str) -> None:
    keys = () if DIALOGS[name][1] else tuple("secret")
    russian = await said(name, "ru", *keys)
    assert await said(name, "en", *keys, "f2") == russian
    assert await said(name, "en", *keys, "f2", "f2") == await said(name, "en", *keys)


@pytest.mark.parametrize("name", DIALOGS)
async def test_a_dialog(name: str) -> None:
    await shown(name, "en", SMALL)
    await shown(name, "ru", SMALL)
    await shown(name, "en", LARGE)
