"""Pages on a terminal: width, shape, what can be copied, what is found, and what it costs to start."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from gpu_wizard.cli import main
from gpu_wizard.faces.explain import WIDTH, as_json, as_text
from gpu_wizard.knowledge.guide import PAGES, STAGE_PAGES, contents, page, tables
from gpu_wizard.knowledge.lookup import find, nearest, overview
from gpu_wizard.knowledge.store import names
from gpu_wizard.knowledge.texts import Language

LANGUAGES: tuple[Language, ...] = ("en", "ru")
TOPICS = [(topic, language) for topic in PAGES for language in LANGUAGES]
HEAVY = (
    "textual",
    "rich",
    "asyncssh",
    "kubernetes_asyncio",
    "aiohttp",
    "pynvml",
    "yaml",
    "gpu_wizard.stages",
)


def lines(topic: str, language: Language) -> list[str]:
    found = page(topic, language)
    assert found is not None
    return as_text(found, language).splitlines()


@pytest.mark.parametrize(("topic", "language"), TOPICS)
def test_prose_and_drawings_fit_80_columns(topic: str, language: Language) -> None:
    """Only code is longer: a command that is broken can't be copied, a path or word of it neither."""
    found = page(topic, language)
    assert found is not None
    code = {
        piece.strip()
        for block in found.blocks
        for piece in block.code.splitlines()
        if block.kind != "drawing"
    }
    names = {word for block in found.blocks for row in block.rows for word in row.name.split()}
    long = [
        line
        for line in lines(topic, language)
        if len(line) > WIDTH
        and line.strip().removeprefix("$ ") not in code
        and not names & set(line.split())
    ]
    assert long == []


@pytest.mark.parametrize("topic", PAGES)
def test_both_languages_have_the_same_shape(topic: str) -> None:
    english, russian = page(topic, "en"), page(topic, "ru")
    assert english is not None
    assert russian is not None
    assert [block.kind for block in english.blocks] == [block.kind for block in russian.blocks]
    shown = [
        [block.code for block in each.blocks if block.kind != "drawing"]
        for each in (english, russian)
    ]
    assert shown[0] == shown[1]


@pytest.mark.parametrize(("topic", "language"), TOPICS)
def test_every_row_means_something(topic: str, language: Language) -> None:
    found = page(topic, language)
    assert found is not None
    assert [
        row.name for block in found.blocks for row in block.rows if not row.meaning.strip()
    ] == []


@pytest.mark.parametrize("topic", STAGE_PAGES)
def test_a_stage_says_why_and_has_commands_to_look_with(topic: str) -> None:
    found = page(topic)
    assert found is not None
    assert found.blocks[0].kind == "text"
    assert any(
        block.kind == "command" and block.place in ("node", "server", "kubectl")
        for block in found.blocks
    )


def test_what_spans_lines_stands_at_the_margin() -> None:
    shown = lines("device-plugin", "en")
    start = shown.index("kubectl apply -f - <<'EOF'")
    assert shown[start + 1] == "apiVersion: apps/v1"
    assert "EOF" in shown[start:]


def test_stages_go_by_number_too() -> None:
    assert [page(str(number)) for number in range(1, 10)] == [page(topic) for topic in STAGE_PAGES]
    assert page("0") is None


def test_without_a_topic_the_theory_and_everything_that_can_be_asked() -> None:
    text = as_text(overview("ru"), "ru")
    assert "nvidia-container-runtime" in text
    for row in (*contents("ru"), *tables("ru")):
        assert f"    {row.name}" in text
    for name in names("commands"):
        assert f"    {name}" in text


def test_the_guide_page_names_a_source_for_each_claim() -> None:
    found = page("guide")
    assert found is not None
    rows = [row for block in found.blocks for row in block.rows]
    assert len(rows) >= 22
    assert all(row.source for row in rows)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-y"], "apt-get"),
        (["--dearmor"], "gpg"),
        (["signed-by"], "vouch"),
        (["[Install]"], "systemctl enable"),
        (["<<'EOF'"], "here-document"),
        (["heredoc"], "here-document"),
        (["json-patch"], "RFC 6902"),
        (["JSON", "Patch"], "RFC 6902"),
        (["op: add"], "sets or replaces"),
        (["-o wide"], "more columns"),
        (["-o", "wide"], "more columns"),
        (["-n kube-system"], "in this namespace"),
        (["--type='json'"], "JSON Patch"),
        (["--runtime=containerd"], "which kind of runtime"),
        (["-fsSL"], "error page"),
        (["DPkg::Lock::Timeout=300"], "another package tool"),
        (["libnvidia-container-tools=1.20.0-1"], "nvidia-container-cli"),
        (["runtime configure"], "every start"),
        (["device plugin"], "Stage 5"),
        (["stage 3"], "Stage 3"),
        (["CUDA Version"], "newest CUDA"),
        (["control", "plane"], "API server"),
        (["handler: nvidia"], "the runtime's name"),
        (['BinaryName = "/usr/bin/nvidia-container-runtime"'], "instead of runc"),
        (["Restart=always"], "started again"),
        (["/spec/template/spec/runtimeClassName"], "RuntimeClass"),
        (["node-token"], "server token"),
        (["nvidia.com/mig-1g.10gb"], "MIG"),
        (["Registered device plugin"], "kubelet knows"),
        (["enable_cdi"], "CDI"),
        (["sudo", "-k", "-S", "-p", "x", "--", "sh"], "from the input"),
        (["K3S_TOKEN=abc"], "join token"),
        (["токен"], "joins the cluster"),
        (["2>/dev/null"], "error output"),
        (["SystemdCgroup"], "cgroups"),
        (["spec.template.spec.runtimeClassName"], "RuntimeClass"),
        (["systemdcgroup"], "cgroups"),
        (["compute_cap"], "generation"),
        (["Failed to initialize NVML: Driver/library version mismatch"], "reboot the machine"),
        (["token CA hash does not match the Cluster CA certificate hash"], "another cluster"),
        (["CrashLoopBackOff"], "--previous"),
        (["VERSION"], "the server's K3s version"),
        (["nvidia.com/gpu.present"], "Helm"),
        (["allocatable"], "registered"),
        (["config.toml"], "BinaryName"),
        (["setup"], "stages.toolkit.version"),
        (["containerd"], "Stage 4"),
        (["MIG"], "divided"),
        (["join.token-rejected"], "k3s token create"),
        (["/etc/rancher/k3s/config.yaml"], "K3s's settings"),
        (["events"], "step-finished"),
        (["nvidia-smi"], "memory.total"),
        (["apt-get", "install", "-y", "curl"], "answers yes"),
        (["kubectl get nodes | jq ."], "a pipe"),
        (["/usr/local/bin/k3s", "--version"], "K3s: Kubernetes"),
    ],
)
def test_what_is_typed_is_found(words: list[str], expected: str) -> None:
    found = find(words)
    assert found is not None
    assert expected in as_text(found, "en").replace("\n" + " " * 28, " ")


def test_what_is_not_known_is_said_with_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert find(["no-such-word"]) is None
    assert "dpkg" in nearest("dpgk")
    assert main(["explain", "dpgk"]) == 2
    assert "dpkg" in capsys.readouterr().err


def test_json_is_the_same_as_data() -> None:
    found = page("toolkit", "ru")
    assert found is not None
    data: dict[str, Any] = json.loads(as_json(found))
    assert (data["topic"], data["title"]) == ("toolkit", found.title)
    assert [block["kind"] for block in data["blocks"]] == [block.kind for block in found.blocks]
    rows = [row["name"] for block in data["blocks"] for row in block.get("rows", ())]
    assert rows == [row.name for block in found.blocks for row in block.rows]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["explain", "-y", "--lang", "ru"], "отвечает"),
        (["explain", "--dearmor"], "gpg"),
        (["explain", "apt-get", "install", "-y", "--lang=ru"], "устанавливает"),
        (["explain", "--guide"], "source:"),
        (["explain", "--json", "labels"], '"topic": "labels"'),
        (["explain", "--", "--version"], "k3s"),
    ],
)
def test_words_that_begin_with_a_dash_are_topics(
    argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 0
    assert expected in capsys.readouterr().out


def test_a_pipe_gets_no_colour_and_a_terminal_bold_headings() -> None:
    found = page("labels")
    assert found is not None
    assert "\x1b" not in as_text(found, "en")
    assert "\x1b[1m" in as_text(found, "en", styled=True)
    assert re.sub(r"\x1b\[\d*m", "", as_text(found, "en", styled=True)) == as_text(found, "en")


def test_it_starts_light() -> None:
    code = (
        "import sys; from gpu_wizard.cli import main; status = main(['explain', 'join']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], len(sys.modules), status, file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded, _, rest = ran.stderr.rpartition("]")
    modules, status = rest.split()
    assert (loaded, status) == ("[", "0")
    assert int(modules) < 200


def meanings(line: str) -> dict[str, str]:
    found = find([line])
    assert found is not None
    return {row.name: row.meaning for block in found.blocks for row in block.rows}


def test_a_long_command_is_shown_as_code_under_a_short_title() -> None:
    line = "kubectl apply -f - <<'EOF'\napiVersion: v1\nkind: Pod\nEOF"
    found = find([line])
    assert found is not None
    shown = as_text(found, "en").splitlines()
    assert shown[0] == "What this command means"
    assert set(line.splitlines()) <= set(shown)


def test_the_fields_that_a_command_carries_are_told_of() -> None:
    told = meanings(
        "kubectl create -f - <<'EOF'\napiVersion: v1\nkind: RuntimeClass\nhandler: nvidia\nEOF"
    )
    assert {"apiVersion", "kind", "handler"} <= told.keys()
    settings = meanings("sudo tee /tmp/c.yaml <<'EOF'\nserver: https://a:6443\ntoken-file: /b\nEOF")
    assert {"server", "token-file"} <= settings.keys()
    overridden = meanings(
        """kubectl run a --overrides='{"spec":{"runtimeClassName":"nvidia","resources":{}}}' -- nvidia-smi"""
    )
    assert {"runtimeClassName", "resources"} <= overridden.keys()


def test_the_command_of_a_container_is_a_command() -> None:
    assert meanings("kubectl run a -- nvidia-smi")["nvidia-smi"].startswith("NVIDIA's program")


def test_a_path_that_is_known_says_what_it_is() -> None:
    told = meanings("sudo cat /var/lib/rancher/k3s/server/node-token")
    assert "cluster's admin" in told["/var/lib/rancher/k3s/server/node-token"]


def test_what_is_to_be_filled_in_is_no_redirection() -> None:
    told = meanings("K3S_TOKEN=<TOKEN> sh -")
    assert told["K3S_TOKEN=<TOKEN>"].startswith("the join token")
    assert told["-"] == "reads the script from the pipe"
