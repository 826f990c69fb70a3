"""Templates as Go reads and fills them: held to what Go's own text/template made of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpu_wizard.facts.go_action import NoTemplate
from gpu_wizard.facts.go_render import NotExecuted, Renderer
from gpu_wizard.facts.go_template import parse
from gpu_wizard.facts.go_values import FUNCTIONS, Guess, Struct, Table

CASES = json.loads(
    (Path(__file__).parents[1] / "recorded" / "go-template" / "cases.json").read_text()
)


def runtime(kind: str, binary: str) -> Struct:
    return Struct("templates.ContainerdRuntimeConfig", {"RuntimeType": kind, "BinaryName": binary})


RUNC = "io.containerd.runc.v2"
DATA = Struct(
    "templates.ContainerdConfig",
    {
        "NodeConfig": Guess(),
        "DisableCgroup": False,
        "SystemdCgroup": True,
        "IsRunningInUserNS": False,
        "EnableUnprivileged": True,
        "NoDefaultEndpoint": False,
        "NonrootDevices": False,
        "Program": "k3s",
        "ExtraRuntimes": Table(
            {
                "nvidia": runtime(RUNC, "/usr/bin/nvidia-container-runtime"),
                "crun": runtime(RUNC, "/usr/bin/crun"),
            },
            runtime("", ""),
        ),
    },
)


@pytest.mark.parametrize("case", CASES, ids=[case["template"][:40] for case in CASES])
def test_as_go_does(case: dict[str, str]) -> None:
    fails, out, guessed = rendered(case["template"])

    assert guessed or fails == case["fails"], out
    if fails:
        # The words may be others; the line is Go's.
        line = out.partition(":")[0]
        assert f"compiled_template:{line}:" in case["out"] or fails == "execute"
    elif not guessed:
        assert out == case["out"]


def rendered(text: str) -> tuple[str, str, bool]:
    try:
        renderer = Renderer(parse(text, FUNCTIONS), "BASE")
        return "", renderer.render(DATA), renderer.guessed
    except NoTemplate as wrong:
        return "parse", str(wrong), False
    except NotExecuted as wrong:
        return "execute", str(wrong), False


def test_few_are_guessed() -> None:
    """What K3s alone knows is; nothing else."""
    guessed = [case["template"] for case in CASES if rendered(case["template"])[2]]
    assert [text for text in guessed if "NodeConfig" not in text] == [
        '{{ template "base" }}',
        '{{ html "<" }}',
    ]


def test_a_value_that_is_not_known_counts_as_there_and_is_owned_up() -> None:
    assert rendered("{{ if .NodeConfig.SELinux }}a{{ else }}b{{ end }}") == ("", "a", True)
    assert rendered("{{ range .NodeConfig.X }}a{{ else }}b{{ end }}") == ("", "b", True)
    assert rendered('{{ printf "%s" .NodeConfig.X }}')[2]
    assert not rendered("{{ if .SystemdCgroup }}a{{ end }}")[2]


_DOUBLING = "".join(
    f'{{{{define "a{n + 1}"}}}}{{{{template "a{n}"}}}}{{{{template "a{n}"}}}}{{{{end}}}}'
    for n in range(40)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}', "maximum template depth"),
        ("{{if true}}" * 3000 + "{{end}}" * 3000, "nested too deep"),
        ("{{" + "(" * 3000 + "1" + ")" * 3000 + "}}", "nested too deep"),
        (f'{{{{define "a0"}}}}x{{{{end}}}}{_DOUBLING}{{{{template "a40"}}}}', "too many turns"),
        ('{{$a := "xxxx"}}{{range 100}}{{$a = print $a $a}}{{end}}', "too much text"),
        ("{{range 9000}}" + "y" * 10_000 + "{{end}}", "too much text"),
    ],
    ids=["itself", "blocks", "parentheses", "doubled", "value", "output"],
)
def test_a_template_without_an_end_is_an_answer_in_a_moment(text: str, said: str) -> None:
    fails, words, _ = rendered(text)
    assert fails
    assert said in words
