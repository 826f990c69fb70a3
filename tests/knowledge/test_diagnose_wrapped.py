"""A line that a terminal, a mail, a quotation or a frame broke is read as the line that it was; others are left apart."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from gpu_wizard.knowledge.diagnose import diagnose

Lines = list[str]


def cut(text: str) -> Lines:
    return [text[at : at + 80] for at in range(0, len(text), 80)]


def wrapped(text: str, width: int = 70) -> Lines:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


WAYS: dict[str, Callable[[str], Lines]] = {
    "whole": lambda text: [text],
    "cut by an 80 columns wide terminal": cut,
    "wrapped between words": wrapped,
    "quoted": lambda text: [f"> {line}" for line in wrapped(text)],
    "quoted twice": lambda text: [f"> > {line}" for line in wrapped(text)],
    "in a frame": lambda text: [f"  │ {line:<72} │" for line in wrapped(text)],
    "indented": lambda text: [f"      {line}" for line in wrapped(text, 60)],
    "after a line of its own": lambda text: [
        "Unpacking linux-headers-generic (6.8.0-52.53) over (6.8.0-51.52)",
        *wrapped(text),
    ],
    "as HTML": lambda text: [text.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")],
}
TEXTS = {
    "runc-config-refused": "OCI runtime create failed: runc create failed: invalid settings of the pod:"
    ' sysctl "kernel.shm_rmid_forced" is not in a separate kernel namespace: unknown',
    "image-transfer-broken": "failed to pull and unpack image: failed to copy: httpReadSeeker: failed open:"
    " unexpected status code https://reg.example.org/v2/tools/blobs/sha256:1: 503 Service Unavailable",
    "container-workdir": "OCI runtime create failed: runc create failed: unable to start container process:"
    " error during container init: mkdir /workspace/data: read-only file system: unknown",
    "k3s-token-rejected": 'level=error msg="Waiting to retrieve agent configuration; server is not ready: failed to'
    ' retrieve configuration from server: https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized"',
    "toolkit-packages-mixed": "error running createContainer hook #1: exit status 1, stdout: , stderr: of the hook:"
    " Incorrect Usage: flag provided but not defined: -host-driver-version",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TEXTS)
def test_a_broken_line_tells_what_the_whole_one_tells(name: str, way: str) -> None:
    found = diagnose(WAYS[way](TEXTS[name])).findings
    assert found[0].id == name


@pytest.mark.parametrize(
    "lines",
    [
        [
            "failed to copy the journal of the last boot to the disk that was named for the backups",
            "Mar  3 10:11:12 gpu1 backup[912]: the list of mirrors: 503 Service Unavailable",
        ],
        [
            "nvidia-persistenced[812]: device 0000:3b:00.0 is started, its state is read from disk",
            "systemd[1]: Dependency failed for multipathd.service - Device-Mapper Multipath Device",
        ],
        [
            "The image was fetched; failed to copy nothing, all layers of httpReadSeeker are in place.",
            "unexpected status code of the mirror list: 503 Service Unavailable, tried the next one",
        ],
    ],
)
def test_lines_of_their_own_are_not_read_as_one(lines: Lines) -> None:
    assert [each.id for each in diagnose(lines).findings if each.severity != "info"] == []


def test_a_break_after_a_point_within_a_name_or_an_address_ends_no_sentence() -> None:
    lines = [
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to resolve "k8s.gcr.',
        'io/pause:3.9": failed to do request: Head https://k8s.gcr.io/v2/pause: dial tcp 203.0.',
        "113.9:443: i/o timeout",
    ]
    assert diagnose(lines).findings[0].id == "image-registry-unreachable"
