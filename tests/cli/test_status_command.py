"""The `status` command from outside: usage, exit statuses, and what it loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_wizard.cli.status import exit_of
from gpu_wizard.model.stage import Assessment, blocked, needed, unknown, waiting
from tests.faces.test_status_text import seen, unreached

LOADED = (
    "import json, sys\nfrom gpu_wizard.cli import main\n"
    "status = main(json.loads(sys.argv[1]))\n"
    "print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)"
)


def status(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gpu_wizard", "status", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--setup"),
        (("--setup", "/no/such/setup.toml"), "/no/such/setup.toml"),
        (("--setup", "setup.toml", "gpu1"), "--setup"),
        (("--setup", "setup.toml", "--control-plane", "k3s"), "--setup"),
        (("gpu1", "gpu1"), "twice"),
        (("not a host",), "user@host"),
        (("gpu1", "--control-plane", "a:b:c@d:99999"), "user@host"),
        (("gpu1", "--timeout", "0"), "--timeout"),
        (("gpu1", "--timeout", "nan"), "--timeout"),
        (("127.0.0.1:1", "--kubeconfig", "/no/such/kubeconfig"), "/no/such/kubeconfig"),
        (("gpu1", "--ask-sudo"), "GPU_WIZARD_SUDO_PASSWORD"),
        (("--no-such-option",), "--no-such-option"),
    ],
)
def test_bad_usage_is_2_and_says_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    ran = status(*arguments)
    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr


def test_a_kubeconfig_whose_login_program_is_missing_is_told_once(tmp_path: Path) -> None:
    login = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login"}
    cluster = {"server": "https://127.0.0.1:1"}
    config = {
        "clusters": [{"name": "a", "cluster": cluster}],
        "users": [{"name": "a", "user": {"exec": {**login, "interactiveMode": "Never"}}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    ran = status("127.0.0.1:1", "--kubeconfig", str(tmp_path / "config"), HOME=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("no-such-login") == 1
    assert "kubectl --kubeconfig" in ran.stderr


def test_a_control_plane_that_refuses_is_named_in_every_fact_it_would_tell(tmp_path: Path) -> None:
    ran = status("local", "--control-plane", "anna@127.0.0.1:1", "--json", HOME=str(tmp_path))
    (node,) = json.loads(ran.stdout)["nodes"]
    told = {stage["text"] for stage in node["stages"] if stage["code"] == "connection-refused"}
    assert told
    assert all("127.0.0.1" in text and "<" not in text for text in told)


def test_a_host_that_does_not_answer_is_a_row_of_its_own(tmp_path: Path) -> None:
    ran = status("anna@127.0.0.1:1", "--json", HOME=str(tmp_path))
    assert ran.returncode == 1, ran.stderr
    (node,) = json.loads(ran.stdout)["nodes"]
    assert (node["node"], node["kubernetes_node"]) == ("anna@127.0.0.1:1", None)
    assert (node["state"], node["error"]["code"]) == ("unknown", "connection-refused")
    assert {stage["code"] for stage in node["stages"]} == {"connection-refused"}
    assert len(node["stages"]) == 9
    text = status("anna@127.0.0.1:1", "anna@127.0.0.1:2", HOME=str(tmp_path))
    assert text.returncode == 1
    assert "answered 0 of 2" in text.stdout


def test_this_machine_without_a_cluster_loads_neither_screens_nor_kubernetes(
    tmp_path: Path,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(["status", "local", "--json"])],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    code, modules = json.loads(ran.stderr.splitlines()[-1])
    (node,) = json.loads(ran.stdout)["nodes"]
    assert code in (1, 3)
    assert node["node"] == "local"
    assert node["error"] is None
    heavy = ("textual", "rich", "kubernetes_asyncio", "aiohttp", "pynvml", "tomlkit")
    assert [name for name in heavy if name in modules] == []
    writing = ("setup", "stage_run", "perform", "steps")
    assert [name for name in writing if f"gpu_wizard.engine.{name}" in modules] == []
    assert [name for name in modules if name.startswith("gpu_wizard.journal")] == []


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        ({}, 0),
        ({"proof": unknown("no-cluster")}, 1),
        ({"driver": needed("labels.missing")}, 3),
        ({"driver": waiting("proof.no-node")}, 3),
        ({"driver": blocked("driver.no-card")}, 3),
        ({"join": unknown("no-cluster"), "labels": needed("labels.missing")}, 3),
    ],
)
def test_what_is_to_be_done_wins_over_what_could_not_be_seen(
    judged: dict[str, Assessment], expected: int
) -> None:
    assert exit_of([seen("a"), seen("b", (), 1, **judged)]) == expected
    assert exit_of([seen("b", (), 1, **judged), unreached("c")]) == (expected or 1)


def test_help_documents_exit_statuses_and_the_document() -> None:
    text = status("--help").stdout
    for word in ("3 wins over 1", "kubernetes_node", "--control-plane", "--ask-sudo", "--json"):
        assert word in text
