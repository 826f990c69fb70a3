"""What leaves the machine in a bundle: no names, addresses and secrets; faults stay readable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from gpu_wizard.knowledge.anonymous import HIDDEN, Anonymizer
from gpu_wizard.knowledge.sources import content, files

SECRETS = (
    "K10" + "ab" * 32 + "::server:0123456789abcdef",
    "K10" + "ab" * 32 + "::node:hunter2",
    "abcdef.0123456789abcdef",
    "password=hunter2hunter2",
    'token: "swordfish"',
    "token: swordfish, agents: 3",
    "{token: swordfish, server: x}",
    "agent-token: 'swordfish hunter2'",
    'password: "hunter2 swordfish"',
    "export K3S_TOKEN=swordfish",
    "GPU_WIZARD_SUDO_PASSWORD='hunter2 swordfish'",
    "k3s agent --token swordfish --server x",
    "--agent-token=swordfish",
    'level=error token=swordfish err="x"',
    "The server does not accept the token: swordfish.",
    '"api_key":"swordfish","n":1',
    "token: nullswordfish",
    "https://bob:hunter2@proxy.lan:3128",
    "Authorization: Bearer sometoken",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA\n-----END OPENSSH PRIVATE KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabc bob@laptop",
    "ED25519 key fingerprint is SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
)
PARTS = "0123456789abcdef hunter2 swordfish sometoken c2lnbmF0dXJl b3BlbnNzaA C3NzaC1 abcdefghijklm"


def cleaned(text: str) -> str:
    anonymizer = Anonymizer(["atlas"])
    anonymizer.learn(text)
    return anonymizer.clean(text)


@pytest.mark.parametrize("text", SECRETS)
def test_secret_is_gone(text: str) -> None:
    result = cleaned(f'before\nmsg="{text}" after\nend')
    assert not [part for part in PARTS.split() if part in result]
    assert "end" in result


@pytest.mark.parametrize("text", SECRETS)
def test_secret_in_quoted_text_is_gone(text: str) -> None:
    result = cleaned(json.dumps({"text": f"before\n{text}\nend"}))
    assert not [part for part in PARTS.split() if part in result]


NAMES = {
    "address": ("dial tcp 192.168.7.20:6443: refused", "192.168.7.20"),
    "address of version 6": ("from fe80::1ff:fe23:4567:890a port 22", "fe80::"),
    "given name": ("the node atlas is not ready", "atlas"),
    "given name in a path": ("/var/log/pods/x_atlas/atlas.log", "/atlas.log"),
    "quoted name": ('{"text": "x\\\\natlas is"}', "atlas"),
    "prompt": ("bob@zeus:~$ nvidia-smi", "zeus"),
    "user": ("bob@zeus:~$ nvidia-smi", "bob"),
    "home": ("open /home/alice/.ssh/id_ed25519: denied", "alice"),
    "syslog": ("Jan  5 10:00:00 hera k3s[812]: starting", "hera"),
    "server": ("https://kube.example.lan:6443/cacerts", "example"),
    "short form": ("https://kube1.example.lan:6443/x and kube1 said", "kube1"),
    "sudo": ("carol is not in the sudoers file.", "carol"),
    "mac": ("link/ether 00:1a:2b:3c:4d:5e brd", "00:1a"),
    "machine": ("GPU-5fa1c1d0-1111-2222-3333-0123456789ab", "5fa1c1d0"),
}


@pytest.mark.parametrize(("text", "gone"), NAMES.values(), ids=NAMES)
def test_name_is_replaced(text: str, gone: str) -> None:
    assert gone not in cleaned(text)


KEPT = (
    "proxyconnect to https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized",
    "E: Failed to fetch https://nvidia.github.io/libnvidia-container/stable/deb/InRelease",
    "NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus",
    "Driver Version: 580.95.05  CUDA Version: 13.0",
    "nvcr.io/nvidia/k8s-device-plugin:v0.17.4: manifest unknown",
    "2026-01-05T10:00:00.123Z stderr F done",
    "mount path /var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    '{"has_token": false, "node_password": null}',
    "token-file: /etc/rancher/k3s/token",
    "kernel 6.8.0-45-generic, containerd 2.1.5-k3s1",
)


OWN = ("texts", "pages", "commands", "fields", "keys")
"""The folders of what the program says."""


def said(value: object) -> Iterator[str]:
    """Every text within."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from said(each)
    elif isinstance(value, list):
        for each in value:
            yield from said(each)


@pytest.mark.parametrize(
    ("folder", "file"), [(folder, file) for folder in OWN for file in files(folder)]
)
def test_nothing_that_the_program_says_itself_is_taken_for_a_secret(folder: str, file: str) -> None:
    hidden = [text for text in said(content(folder, file)) if HIDDEN in cleaned(text)]
    assert hidden == [], "say it without `token: word`: a secret looks the same"


@pytest.mark.parametrize("text", KEPT)
def test_what_tells_of_the_fault_stays(text: str) -> None:
    assert cleaned(text) == text


def test_the_same_is_replaced_alike_everywhere() -> None:
    anonymizer = Anonymizer(["atlas"])
    texts = ["bob@zeus: 10.0.0.7", "10.0.0.8 Zeus", "10.0.0.7 atlas bob"]
    for text in texts:
        anonymizer.learn(text)
    first, second, third = map(anonymizer.clean, texts)
    user, _, rest = first.partition("@")
    host, _, address = rest.partition(": ")
    assert second.split()[1] == host
    assert third.split()[0] == address != second.split()[0]
    assert third.split()[2] == user
    assert len({host, user, address, third.split()[1]}) == 4
