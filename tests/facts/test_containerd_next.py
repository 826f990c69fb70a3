"""What K3s would render next: its own part out of files that real K3s rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_wizard.facts.containerd import CONFIG, TEMPLATE_V2, TEMPLATE_V3, ContainerdFiles
from gpu_wizard.facts.containerd_next import base_of, foresee
from gpu_wizard.facts.containerd_toml import Document, read_toml
from gpu_wizard.model.question import FileFound

RECORDED = Path(__file__).parents[1] / "recorded" / "containerd"
FOUND = (RECORDED / "k3s-1.34.3-config.toml").read_text()
V2_FOUND = (RECORDED / "inputs" / "k3s-v2-nvidia.toml").read_text()
V2_PLAIN = (RECORDED / "inputs" / "k3s-v2-plain.toml").read_text()
V3_FOUND = (RECORDED / "inputs" / "k3s-v3-nvidia.toml").read_text()
V3_PLAIN = (RECORDED / "inputs" / "k3s-v3-plain.toml").read_text()
BASE = '{{ template "base" . }}\n'
NVIDIA = "/usr/bin/nvidia-container-runtime"
EXTRA = """[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'extra']
  runtime_type = "io.containerd.runc.v2"
"""


def tree(text: str) -> object:
    document = read_toml(text.encode(), lenient=False)
    assert isinstance(document, Document), document
    return document.tree


def files(**texts: str) -> ContainerdFiles:
    places = {"config": CONFIG, "template": TEMPLATE_V3, "old": TEMPLATE_V2}
    return ContainerdFiles(
        {
            places[name]: FileFound(
                places[name], "file", 0o644, "root", len(text), 1, content=text.encode()
            )
            for name, text in texts.items()
        }
    )


@pytest.mark.parametrize(
    ("rendered", "binary", "wanted"),
    [
        (FOUND, NVIDIA, FOUND),
        (V3_PLAIN, "", V3_PLAIN),
        (V2_PLAIN, "", V2_PLAIN),
        (FOUND + "\n" + EXTRA, NVIDIA, FOUND),
        ('imports = ["x"]\n' + FOUND, NVIDIA, FOUND),
    ],
    ids=["found", "plain", "plain, v2", "without a template's", "without what is before"],
)
def test_own_part(rendered: str, binary: str, wanted: str) -> None:
    assert tree(base_of(rendered, binary).text) == tree(wanted)


@pytest.mark.parametrize("rendered", [V2_FOUND, V3_FOUND, FOUND])
def test_runtime_comes_and_goes_with_the_program(rendered: str) -> None:
    without = base_of(rendered, "").text
    assert NVIDIA + '"' not in without
    assert tree(base_of(without, NVIDIA).text) == tree(base_of(rendered, NVIDIA).text)
    assert tree(base_of(rendered, NVIDIA).text) == tree(rendered)


def test_a_file_that_is_not_k3ss_tells_nothing() -> None:
    assert base_of("version = 3\n", NVIDIA).version == 0


def test_next_start_of_an_untouched_node_is_fine() -> None:
    for text, version in ((FOUND, "2.1.5"), (V3_FOUND, "2.3.2")):
        start = foresee(files(config=text), version, NVIDIA)
        assert start.fault is None
        assert not start.guessed
        assert start.verdict is not None
        assert start.verdict.nvidia is not None
        assert start.verdict.nvidia.binary == NVIDIA


def test_table_that_stands_twice_once_k3s_finds_the_runtime() -> None:
    """Source: K3s v1.34.3 as recorded (04-containerd/07b)."""
    own = BASE + EXTRA.replace("extra", "nvidia")
    before = foresee(files(config=V3_PLAIN, template=own), "2.3.2", "")
    after = foresee(files(config=V3_PLAIN, template=own), "2.3.2", NVIDIA)
    assert before.fault is None
    assert after.fault is not None
    assert after.fault.code == "toml-duplicate"


def test_template_that_k3s_was_started_with_does_not_count_twice() -> None:
    rendered = FOUND + "\n" + EXTRA
    start = foresee(files(config=rendered, template=BASE + EXTRA), "2.1.5", NVIDIA)
    assert start.fault is None
    assert start.verdict is not None
    assert "extra" in start.verdict.runtimes


def test_own_part_of_the_other_version_is_a_guess() -> None:
    assert foresee(files(config=FOUND, old=BASE), "2.1.5", NVIDIA).guessed
    assert not foresee(files(config=V2_FOUND, old=BASE), "2.1.5", NVIDIA).guessed


def test_import_that_was_not_read_is_a_guess() -> None:
    text = 'imports = ["/etc/other/*.toml"]\n' + BASE
    assert foresee(files(config=FOUND, template=text), "2.1.5", NVIDIA).guessed
