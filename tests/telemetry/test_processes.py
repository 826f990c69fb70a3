"""What may be shown of a command line, and which cgroup path tells the most."""

from __future__ import annotations

import pytest

from gpu_wizard.telemetry.processes import kubernetes_path, program_name

POD = "/kubepods/besteffort/pod0356c095-0c98-40da-9789-dbeb07b5a687/dfaf29a1398d58ff95540089092381c05547958661b1c23009f0ebeb5cd84132"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["./cuburn", "40", "512"], "cuburn"),
        (["/usr/bin/python3.11", "-u", "/srv/train.py", "--token=secret"], "python3.11 train.py"),
        (["python", "-m", "vllm.entrypoints", "--api-key", "secret"], "python -m vllm.entrypoints"),
        (["python3", "-c", "password = 'x.py'"], "python3"),
        (["python3", "secret"], "python3"),
        (["python3"], "python3"),
        (["/usr/lib/xorg/Xorg", ":0"], "Xorg"),
        ([""], ""),
        ([], ""),
    ],
)
def test_a_program_is_named_and_its_arguments_are_not(words: list[str], name: str) -> None:
    assert program_name(words) == name


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"0::{POD}\n", POD),
        (f"12:pids:{POD}\n11:memory:{POD}\n1:name=systemd:{POD}\n0::/\n", POD),
        (f"12:devices:/user.slice\n4:memory:{POD}\n", POD),
        ("0::/system.slice/of-the-host\n", "/system.slice/of-the-host"),
        ("3:cpu,cpuacct:/\n0::/user.slice/a:b\n", "/user.slice/a:b"),
        ("", ""),
        ("nonsense\n", ""),
    ],
)
def test_the_path_of_either_version_is_found(text: str, path: str) -> None:
    assert kubernetes_path(text) == path
