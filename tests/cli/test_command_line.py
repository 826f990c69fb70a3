"""The command line from outside: help, version, usage errors, starter files, completion."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_wizard.cli.arguments import parser
from gpu_wizard.cli.keyring import secret_of

HEAVY = ("textual", "rich", "asyncssh", "kubernetes_asyncio", "aiohttp", "pynvml")


def gpu_wizard(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gpu_wizard", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_nothing_heavy(option: str) -> None:
    script = (
        "import json, sys\nfrom gpu_wizard.cli import main\n"
        f"try: main([{option!r}])\nexcept SystemExit as end: status = end.code\n"
        "print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    status, modules = json.loads(ran.stderr)
    assert status == 0
    assert [name for name in HEAVY if name in modules] == []


def test_help_documents_exit_statuses_and_variables() -> None:
    text = gpu_wizard("--help").stdout
    for word in ("exit status:", "130", "--auto FILE", "GPU_WIZARD_SUDO_PASSWORD", "demo --auto"):
        assert word in text


def test_bad_usage_is_2() -> None:
    assert gpu_wizard("--no-such-option").returncode == 2
    assert gpu_wizard("no-such-command").returncode == 2


def test_init_writes_a_file_that_is_read_and_never_overwrites(tmp_path: Path) -> None:
    first = gpu_wizard("init", cwd=tmp_path)
    assert (first.returncode, (tmp_path / "setup.toml").exists()) == (0, True)
    (tmp_path / "setup.toml").write_text("mine")
    again = gpu_wizard("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "setup.toml" in again.stderr
    assert (tmp_path / "setup.toml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["setup.toml"]


def test_init_names_every_node(tmp_path: Path) -> None:
    assert gpu_wizard("init", "many.toml", "--nodes", "a,b, c", cwd=tmp_path).returncode == 0
    text = (tmp_path / "many.toml").read_text()
    assert text.count("[[nodes]]") == 3
    assert 'name = "c"' in text


def test_a_missing_setup_file_is_named() -> None:
    ran = gpu_wizard("--auto", "/no/such/setup.toml")
    assert ran.returncode == 2
    assert "/no/such/setup.toml" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_prompt_without_a_terminal_names_the_variable(tmp_path: Path) -> None:
    setup = tmp_path / "setup.toml"
    setup.write_text(
        'version = 1\n[control_plane]\nhost = "a"\n[[nodes]]\nname = "b"\nhost = "b"\nsudo = {from = "prompt"}\n'
    )
    ran = gpu_wizard("--auto", str(setup))
    assert ran.returncode == 2
    assert "GPU_WIZARD_SUDO_PASSWORD" in ran.stderr


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    setup = tmp_path / "setup.toml"
    setup.write_text(
        'version = 1\n[control_plane]\nhost = "a"\n[[nodes]]\nhost = "b"\nsudo = {from = "env", name = "NO_SUCH"}\n'
    )
    ran = gpu_wizard("--auto", str(setup))
    assert ran.returncode == 2
    assert "NO_SUCH" in ran.stderr


def test_a_file_without_a_secret_in_it_is_told_before_anything_is_connected_to(
    tmp_path: Path,
) -> None:
    (tmp_path / "token").write_text("\n")
    setup = tmp_path / "setup.toml"
    setup.write_text(
        f'version = 1\n[control_plane]\nhost = "a"\n[[nodes]]\nhost = "b"\n'
        f'[stages.join]\ntoken = {{from = "file", name = "{tmp_path}/token"}}\n'
    )
    ran = gpu_wizard("--auto", str(setup))
    assert ran.returncode == 2
    assert f"The file is empty. ({tmp_path}/token)" in ran.stderr


def test_a_secret_may_be_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"GPU_WIZARD_SUDO_PASSWORD", b"pass\xffword")
    secret = secret_of(None, "sudo")
    assert secret is not None
    assert secret.reveal() == b"pass\xffword"


@pytest.mark.parametrize("command", [(), ("--plain",), ("status",), ("diagnose",)])
def test_a_standard_input_that_is_closed_is_an_empty_one(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    ran = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "gpu_wizard", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )
    assert "report" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_everything_that_a_file_names_is_looked_at_before_anything_is_connected_to(
    tmp_path: Path,
) -> None:
    setup = tmp_path / "setup.toml"
    setup.write_text("""\
version = 1
[control_plane]
host = "a"
sudo = {from = "env", name = "NO_SUCH"}
[cluster]
kubeconfig = "/no/such/kubeconfig"
[[nodes]]
host = "b"
identity_file = "/"
password = {from = "file", name = "/no/such/password"}
[stages.join]
images_file = "/no/such/images.tar"
[choices]
"labels.nvidia.com/gpu" = "kep"
nonsense = "x"
""")
    ran = gpu_wizard("--auto", str(setup))
    assert (ran.returncode, ran.stdout) == (2, "")
    for line in (4, 6, 9, 10, 12, 14, 15):
        assert f"{setup}:{line}, key " in ran.stderr


@pytest.mark.parametrize("names", ['a"b,c', "a b", "a,a", "a,-"])
def test_init_writes_no_file_that_would_not_be_read(tmp_path: Path, names: str) -> None:
    ran = gpu_wizard("init", "--nodes", names, cwd=tmp_path)
    assert (ran.returncode, list(tmp_path.iterdir())) == (2, [])
    assert ran.stderr.startswith("--nodes: ")


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf"])
def test_a_speed_that_is_none_is_bad_usage(speed: str) -> None:
    assert gpu_wizard("demo", "--auto", f"--speed={speed}").returncode == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--plan", "--plan goes with --auto FILE."),
        ("--keep-going --plain", "--keep-going goes with --auto FILE."),
        ("--auto x.toml demo --list", "--auto FILE goes without a command"),
        ("--prove status local", "--prove does not go with status."),
        ("--json init x.toml", "--json does not go with init."),
        ("demo --json", "--json goes with demo --auto."),
        ("--plan demo", "--plan goes with demo --auto."),
    ],
)
def test_what_would_be_ignored_is_bad_usage(tmp_path: Path, line: str, words: str) -> None:
    ran = gpu_wizard(*line.split(), cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(words)


def test_an_option_before_the_command_means_the_same_as_behind_it() -> None:
    before, behind = (
        gpu_wizard("--lang", "ru", "demo", "--list"),
        gpu_wizard("demo", "--list", "--lang", "ru"),
    )
    assert before.stdout == behind.stdout != gpu_wizard("demo", "--list").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell: str) -> None:
    text = gpu_wizard("completion", shell).stdout
    for word in ("init", "demo", "check-config"):
        assert word in text
    assert "scenario" in text


def test_bash_completion_completes(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(gpu_wizard("completion", "bash").stdout)
    asked = f'source {script}; COMP_WORDS=(gpu-wizard demo --sc); COMP_CWORD=2; _gpu_wizard; echo "${{COMPREPLY[@]}}"'
    ran = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["--scenario"]


@pytest.mark.parametrize(
    "words",
    [
        ["status", "gpu1", "--json"],
        ["explain", "toolkit"],
        ["--lang", "ru", "explain", "toolkit"],
        ["demo", "--auto", "--speed", "9"],
        ["--auto", "status", "--plan"],
        ["completion", "zsh"],
        ["bogus", "status"],
        ["status", "--bogus"],
        ["status", "--help"],
        ["--help", "status"],
        [],
    ],
)
def test_a_command_built_alone_reads_as_among_all(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def outcome(top: argparse.ArgumentParser) -> tuple[object, str, str]:
        try:
            read: object = vars(top.parse_args(words))
        except SystemExit as end:
            read = end.code
        return (read, *capsys.readouterr())

    assert outcome(parser(words)) == outcome(parser())
