"""Which cards containers see: from cgroups and from their own /dev."""

from __future__ import annotations

import pytest

from gpu_wizard.facts.exposure import (
    CONTAINER_PIDS,
    devices_question,
    parse_container_pids,
    seen_cards,
)
from gpu_wizard.model.fact import Known
from gpu_wizard.model.question import FileFound, FilesFound

UID = "0356c095-0c98-40da-9789-dbeb07b5a687"
ID = "dfaf29a1398d58ff95540089092381c05547958661b1c23009f0ebeb5cd84132"
OTHER = "b587b1dea175d76e201e28fce0b692d78ece703eef7243e49485fe9017158cb3"
CGROUPFS = f"/sys/fs/cgroup/kubepods/besteffort/pod{UID}"
SLICE = "/sys/fs/cgroup/kubepods.slice/kubepods-pod70db0f54_fafc_4f36_8be8_ea6418bba7a9.slice"


def procs(path: str, text: str) -> FileFound:
    return FileFound(f"{path}/cgroup.procs", "file", 0o644, "root", 0, 0, content=text.encode())


def device(path: str, kind: str = "device") -> FileFound:
    return FileFound(path, kind, 0o666, "root", 0, 0)


@pytest.mark.parametrize(
    ("files", "pids"),
    [
        ([procs(f"{CGROUPFS}/{ID}", "9864\n9870\n")], {9864: UID}),
        (
            [procs(f"{SLICE}/cri-containerd-{ID}.scope", "2447\n")],
            {2447: "70db0f54-fafc-4f36-8be8-ea6418bba7a9"},
        ),
        (
            [procs(f"{CGROUPFS}/{ID}", "9864\n"), procs(f"{CGROUPFS}/{OTHER}", "9800\n")],
            {9864: UID, 9800: UID},
        ),
        ([procs(f"{CGROUPFS.replace('cgroup/', 'cgroup/pids/')}/{ID}", "9864\n")], {9864: UID}),
        ([procs(f"{CGROUPFS}/{ID}", "")], {}),
        ([procs(CGROUPFS, "1\n")], {}),
        ([procs("/sys/fs/cgroup/kubepods/besteffort", "1\n")], {}),
        ([procs(f"{CGROUPFS}/{ID}", "odd\n")], {}),
        ([], {}),
    ],
)
def test_a_process_of_each_container_is_found(files: list[FileFound], pids: dict[int, str]) -> None:
    assert parse_container_pids(FilesFound(tuple(files))) == Known(pids)


def test_cards_are_counted_for_each_pod_and_control_devices_are_not() -> None:
    pids = {9864: UID, 9800: UID, 77: "other"}
    found = FilesFound(
        (
            device("/proc/9864/root/dev/nvidia0"),
            device("/proc/9864/root/dev/nvidia1"),
            device("/proc/9864/root/dev/nvidiactl"),
            device("/proc/9864/root/dev/nvidia-uvm"),
            device("/proc/9864/root/dev/nvidia-caps", "directory"),
            device("/proc/9800/root/dev/nvidia1"),
            device("/proc/1/root/dev/nvidia0"),
            device("/proc/77/root/dev/nvidia3", "file"),
        )
    )
    assert seen_cards(pids, found) == {UID: frozenset({0, 1}), "other": frozenset()}


def test_only_the_devices_are_roots_to_ask() -> None:
    question = devices_question({12: UID, 7: UID})
    assert question.patterns == ("/proc/7/root/dev/nvidia*", "/proc/12/root/dev/nvidia*")
    assert (question.root, question.content) == (True, False)
    assert getattr(CONTAINER_PIDS.ask, "root", None) is False
