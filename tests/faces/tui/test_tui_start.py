"""The first screen against real SSH servers: typed names, first contact, passwords, refusals."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml
from textual.widgets import Input

from gpu_wizard.cli import tui
from gpu_wizard.cli.tui_files import (
    FINISHED_NAME,
    SETUP_NAME,
    recent_runs,
    ssh_config_hosts,
    unfinished_runs,
)
from gpu_wizard.faces.machines import Machine, named_in, setup_of
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.faces.tui.screens.start import TEST_AFTER_SECONDS, StartScreen
from gpu_wizard.faces.tui.widgets.buttons import ActionButton
from gpu_wizard.journal.rendering import render
from gpu_wizard.lab.serve import Lab
from gpu_wizard.lab.system import USERS
from gpu_wizard.model.setup_file import ClusterEntry
from tests.faces.tui.bench import SETUP, as_text, recorded_app, settle
from tests.faces.tui.journeys import SPEED, Journey


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no known host, no agent of the person who runs the tests."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


async def _typed(journey: Journey, text: str) -> None:
    await journey.press(*("full_stop" if c == "." else "at" if c == "@" else "colon" if c == ":" else c for c in text))  # fmt: skip


async def _password(journey: Journey, title: str, password: str) -> None:
    await journey.until(lambda: title in as_text(journey.app), title)
    await journey.press(*password, "enter")


def _tested(app: WizardApp, machine: str) -> bool:
    start = app.screen_stack[1]
    assert isinstance(start, StartScreen)
    return start.fields["gpu" if machine == "gpu1" else "control"].tested is not None


async def test_first_contact_with_two_machines_by_keys(tmp_path: Path) -> None:
    async with Lab("fresh", tmp_path / "lab", speed=SPEED) as lab:
        app = WizardApp(tui.services())
        password = USERS["anna"].password or ""
        async with app.run_test(size=(80, 24)) as pilot:
            journey = Journey(app, pilot, lab)
            for name in ("gpu1", "control"):
                await _typed(journey, f"anna@127.0.0.1:{lab.ssh[name].port}")
                await journey.press("enter")
                await journey.until(lambda: _asked(app, "First contact"), "the host key")
                assert "SHA256:" in as_text(app)
                await journey.press("t")
                await _password(journey, "Password of anna", password)
                await journey.until(partial(_tested, app, name), "the test")
            await settle(pilot)
            assert "Debian" in as_text(app)
            assert "RTX A6000" in as_text(app)
            await journey.press("enter")
            for host in ("control", "gpu1"):
                asks = f"sudo on anna@127.0.0.1:{lab.ssh[host].port}"
                await _password(journey, asks, password)
            await journey.looked()
            assert journey.state("driver") == "done"
            assert password not in as_text(app)
        known = (tmp_path / "home" / ".ssh" / "known_hosts").read_text()
        assert known.count("[127.0.0.1]") == 2


def _asked(app: WizardApp, title: str) -> bool:
    """Whether a dialog is there and takes keys: before its button has the focus they are lost."""
    return title in as_text(app) and isinstance(app.focused, ActionButton)


async def test_an_unknown_key_that_is_not_trusted_is_not_connected_to(tmp_path: Path) -> None:
    async with Lab("fresh", tmp_path / "lab", speed=SPEED) as lab:
        app = WizardApp(tui.services())
        async with app.run_test(size=(80, 24)) as pilot:
            journey = Journey(app, pilot, lab)
            await _typed(journey, f"anna@127.0.0.1:{lab.ssh['gpu1'].port}")
            await journey.press("enter")
            await journey.until(lambda: _asked(app, "First contact"), "the host key")
            await journey.press("enter")
            await journey.until(
                lambda: "SHA256:" in as_text(app) and "× " in as_text(app), "the reason"
            )
        assert not (tmp_path / "home" / ".ssh" / "known_hosts").exists()


async def test_the_first_machine_is_tried_also_where_the_second_is_typed_at_once() -> None:
    app = recorded_app([], setup=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        start = app.screen
        assert isinstance(start, StartScreen)
        fields = start.fields
        for name, host in (("gpu", "anna@gpu-7"), ("control", "anna@k3s-7")):
            start.query_one(f"#field-{name}", Input).value = host
        async with asyncio.timeout(60):
            while not all(fields[name].tested for name in ("gpu", "control")):
                await pilot.pause(0.05)
        assert [fields[name].host for name in ("gpu", "control")] == ["anna@gpu-7", "anna@k3s-7"]


async def test_a_name_that_was_erased_at_once_is_not_tried() -> None:
    app = recorded_app([], setup=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*"gpu1", "full_stop", *"lan", "ctrl+u")
        start = app.screen_stack[1]
        assert isinstance(start, StartScreen)
        await asyncio.sleep(2 * TEST_AFTER_SECONDS)
        assert start.fields["gpu"] == Machine()


async def test_a_machine_that_does_not_answer_is_said_in_its_row(tmp_path: Path) -> None:
    app = WizardApp(tui.services())
    async with app.run_test(size=(80, 24)) as pilot:
        journey = Journey(app, pilot, None)  # type: ignore[arg-type]  # no lab is there
        await _typed(journey, "anna@127.0.0.1:1")
        await journey.press("enter")
        await journey.until(lambda: "× " in as_text(app), "the reason")
        await journey.press("escape")
        assert app.screen.name == "start"


async def test_a_kubeconfig_is_asked_for_its_context_and_its_api_is_tried(tmp_path: Path) -> None:
    async with Lab("done", tmp_path / "lab", speed=SPEED) as lab:
        path = tmp_path / "two-contexts"
        document = yaml.safe_load((lab.directory / "kubeconfig").read_text())
        (context,) = document["contexts"]
        document["contexts"].append({**context, "name": "other"})
        path.write_text(yaml.safe_dump(document))
        app = WizardApp(tui.services())
        async with app.run_test(size=(80, 24)) as pilot:
            journey = Journey(app, pilot, lab)
            start = app.screen_stack[1]
            assert isinstance(start, StartScreen)
            await journey.press("tab", *["down"] * 5, "enter")
            await _entered(journey, "The path of the kubeconfig", str(path))
            await _entered(journey, "Which context?", "other")
            await journey.until(lambda: start.fields["control"].tested is not None, "the API")
            assert "Kubernetes v1.34.3+k3s1 · the API answers" in as_text(app)
            setup = setup_of(Machine("gpu1"), start.fields["control"])
            assert setup is not None
            assert setup.cluster == ClusterEntry(str(path), "other")
            path.write_text("nothing: of the kind")
            await journey.press("shift+tab", *["down"] * 5, "enter")
            await _entered(journey, "The path of the kubeconfig", str(path))
            await journey.until(lambda: "This is not a kubeconfig." in as_text(app), "the reason")


async def _entered(journey: Journey, title: str, text: str) -> None:
    await journey.until(lambda: title in as_text(journey.app), title)
    journey.app.screen.query_one("#entry", Input).value = text
    await journey.press("enter")


def test_the_machines_of_an_ssh_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "Host *\n  User anna\n\nHost gpu-node-1 gpu1\n  HostName 192.168.20.225\n"
        "host=k3s-1\n\tHostname 192.168.20.221\nHost 10.* !10.9.9.9\n"
    )
    found = [(one.target, one.address) for one in ssh_config_hosts(path)]
    assert found == [
        ("gpu-node-1", "192.168.20.225"),
        ("gpu1", "192.168.20.225"),
        ("k3s-1", "192.168.20.221"),
    ]
    assert ssh_config_hosts(tmp_path / "none") == ()


def test_a_run_folder_that_is_damaged_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (node,) = SETUP.nodes
    homeless = replace(node, host=replace(node.host, identity_file="~nobody-here/key"))
    for name, setup in (("1-whole", SETUP), ("2-no-home", replace(SETUP, nodes=(homeless,)))):
        (tmp_path / name).mkdir()
        (tmp_path / name / SETUP_NAME).write_text(render(setup))
        begin = '{"record": "begin", "stage": "runtime"}\n'
        (tmp_path / name / "journal.jsonl").write_text(begin + '[1]\n"x"\n{"record": ')
    (tmp_path / "3-unreadable" / SETUP_NAME).mkdir(parents=True)
    (found,) = unfinished_runs(tmp_path)
    assert (found.node, found.stage) == ("gpu1", "runtime")


def test_runs_that_ended_well_are_listed_once_for_the_same_machine(tmp_path: Path) -> None:
    for name in ("1-older", "2-newer", "3-broken"):
        (tmp_path / name).mkdir()
        text = "not a setup" if "broken" in name else render(SETUP)
        (tmp_path / name / FINISHED_NAME).write_text(text)
    (found,) = recent_runs(tmp_path)
    assert Path(found.setup.path).parent.name == "2-newer"
    named = named_in(found.setup)
    assert named is not None
    assert [machine.host for machine in named] == ["anna@10.20.0.21", "anna@10.20.0.10"]
    assert recent_runs(tmp_path / "none") == ()


def test_a_run_whose_key_is_not_at_hand_is_kept_until_it_is(tmp_path: Path) -> None:
    (node,) = SETUP.nodes
    key, runs = tmp_path / "stick" / "key", tmp_path / "runs"
    (runs / "1").mkdir(parents=True)
    setup = replace(SETUP, nodes=(replace(node, host=replace(node.host, identity_file=str(key))),))
    (runs / "1" / SETUP_NAME).write_text(render(setup))
    assert unfinished_runs(runs) == ()
    key.parent.mkdir()
    key.touch()
    assert [found.node for found in unfinished_runs(runs)] == ["gpu1"]
