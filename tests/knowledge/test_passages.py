"""Words of output, of containerd's file and of commands, found where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_wizard.knowledge.passages import in_config, in_output


def texts(line: str, *, config: bool = False) -> list[str]:
    return [told.text for told in (in_config if config else in_output)(line)]


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("Setting up nvidia-container-toolkit (1.20.0-1) ...", ["nvidia-container-toolkit"]),
        ("Registered device plugin for 'nvidia.com/gpu' with Kubelet", ["Registered device plugin for 'nvidia.com/gpu' with Kubelet"]),
        ("ActiveState=active", ["ActiveState"]),
        ("wrote /etc/rancher/k3s/config.yaml.", ["/etc/rancher/k3s/config.yaml."]),
        ("the name of the state is not ready", []),
        ("", []),
    ],
)  # fmt: skip
def test_terms_fields_and_files_are_found_in_output(line: str, known: list[str]) -> None:
    assert texts(line) == known


def test_a_command_in_the_output_is_told_word_by_word() -> None:
    told = in_output("14:02:12  $ sudo apt-get install -y gnupg")
    assert [one.text for one in told] == ["sudo", "apt-get", "install", "-y", "gnupg"]
    assert all(one.meaning for one in told[:4])


def test_keys_of_the_configuration_are_known_by_their_names_alone() -> None:
    assert texts("[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'nvidia'.options]", config=True)  # fmt: skip
    assert texts("SystemdCgroup = true", config=True) == ["SystemdCgroup"]
    assert in_config("SystemdCgroup = true", "ru")[0].meaning != in_config("SystemdCgroup = true")[0].meaning  # fmt: skip


@given(st.text(st.sampled_from("ab $/=-.'SystemdCgroup\t")))
def test_what_is_told_stands_where_it_is_said_to(line: str) -> None:
    for told in (*in_output(line), *in_config(line)):
        assert 0 <= told.start <= told.end <= len(line)
        if told.meaning and told.start < told.end:
            assert line[told.start : told.end] == told.text
