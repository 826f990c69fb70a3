"""What K3s's journal lines mean: one table from text to a code, for both wordings of 1.34 and 1.36.

The codes are knowledge ids behind a stage's prefix; the words of K3s stand here and nowhere else.
Source: K3s v1.34.3+k3s1 and v1.36.2+k3s1 as recorded (03-join-failures, 04-containerd,
06-restart-and-uninstall), the ways of a start that were not recorded from K3s's and Kubernetes' own texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Phase(IntEnum):
    """How far a start came. Progress past a phase voids the faults of that phase: the retry succeeded."""

    CONTACT = 1
    CONTAINERD = 2
    KUBELET = 3
    END = 4


PROGRESS: tuple[tuple[Phase, re.Pattern[str]], ...] = (
    (Phase.KUBELET, re.compile(r"Successfully registered node|k3s(?: agent)? is up and running")),
    (Phase.CONTAINERD, re.compile(r"containerd is now running")),
    (
        Phase.CONTACT,
        re.compile(r"Running containerd -c|Running kubelet |Getting list of apiserver"),
    ),
)
UP = re.compile(r"k3s(?: agent)? is up and running")
CONTAINERD_UP = re.compile(r"containerd is now running")
ENDED = re.compile(r"Shutdown request received|level=fatal|^panic: ")


@dataclass(frozen=True)
class Sign:
    """One text and its meaning. Named groups of `pattern` become parameters.

    `times`: how often it must stand in the journal before it counts, since K3s tries again by itself.
    `general`: says only where it happened; a sign that says why goes before it.
    """

    code: str
    phase: Phase
    pattern: re.Pattern[str]
    times: int = 1
    general: bool = False


def _text(pattern: str) -> re.Pattern[str]:
    """Ends of lines count, so that it is found in many messages at once as in each of them."""
    return re.compile(pattern, re.MULTILINE)


def _contact(code: str, pattern: str, times: int = 1) -> Sign:
    return Sign(code, Phase.CONTACT, _text(pattern), times)


def _end(code: str, pattern: str) -> Sign:
    return Sign(code, Phase.END, _text(pattern))


_CA_CERTS = r"failed to get CA certs: "

SIGNS: tuple[Sign, ...] = (
    _contact(
        "token-other-cluster",
        r"token CA hash does not match the Cluster CA certificate hash: (?P<have>\w{1,12})\w* != (?P<want>\w{1,12})",
    ),
    _contact("token-malformed", r"invalid token (?:format|CA hash length)"),
    _contact("token-empty", r"token must not be empty"),
    _contact("token-missing", r"--token is required"),
    _contact(
        "token-file-missing",
        r'Waiting for (?:file )?"?(?P<file>/[^"]+?)"? to be (?:created|available)',
        times=2,
    ),
    _contact("token-file-missing", r"Timeout while trying to read the file"),
    _contact("server-missing", r"--server is required"),
    _contact("server-not-https", r"only https:// URLs are supported"),
    _contact("server-not-tls", _CA_CERTS + r".*first record does not look like a TLS handshake"),
    _contact("server-not-k3s", _CA_CERTS + r"https?://\S+/cacerts: (?P<status>[1-4]\d\d)"),
    _contact("server-unreachable", _CA_CERTS, times=3),
    _contact(
        "certificate-time",
        r"certificate has expired or is not yet valid: current time (?P<now>\S+) is (?P<side>before|after) (?P<limit>[\w:.+-]+)",
    ),
    _contact("certificate-name", r"x509: certificate is (?:not )?valid for (?P<names>[^\"]{1,120})"),
    _contact("certificate-untrusted", r"x509: certificate signed by unknown authority"),
    _contact("node-password-rejected", r"Node password rejected", times=2),
    _contact("node-deleted", r"serving-kubelet\.crt.* with Body length 0", times=2),
    _contact(
        "token-rejected",
        r"server is not ready: .*(?:not authorized|401 Unauthorized)|token is not valid",
        times=2,
    ),
    _end("flag-unknown", r"flag provided but not defined: (?P<flag>-[\w.-]+)"),
    _end("config-broken", r'level=fatal msg="(?:Error: )?(?P<text>(?:error converting )?(?:yaml|YAML)[^"]{1,160})'),
    _end(
        "label-refused",
        r"unknown 'kubernetes\.io' or 'k8s\.io' labels specified with --node-labels: \[(?P<labels>[^\]]*)\]",
    ),
    _end("label-invalid", r"invalid node labels: (?P<text>[^;]{1,60}?)(?: - |$)"),
    _end("kubelet-flag-unknown", r"failed to parse kubelet flag: (?:unknown flag: )?(?P<flag>[\w.-]+)"),
    _end("cgroup-v1", r"kubelet is configured to not run on a host using cgroup v1"),
    _end("cgroup-memory", r"ailed to find memory cgroup"),
    _end("default-runtime-missing", r"default runtime (?P<runtime>\S+?)\"? was not found"),
    _end("template-broken", r"(?:panic: |failed to start container runtime: )template: (?P<text>[^\n]{1,160})"),
    _end("containerd-exited", r"containerd exited: (?P<text>[^\"]{1,80})"),
    _end("default-route-missing", r"unable to select an IP from default routes|no default routes found"),
    Sign("port-in-use", Phase.KUBELET, _text(r"listen tcp \S*?:(?P<port>\d+): bind: address already in use")),
    Sign("disk-full", Phase.KUBELET, _text(r"no space left on device")),
    Sign(
        "name-invalid",
        Phase.KUBELET,
        _text(r"Unable to register node .*metadata\.name: Invalid value: \"(?P<name>[^\"]+)\""),
    ),
    Sign(
        "register-refused",
        Phase.KUBELET,
        _text(r"Unable to register node with API server\" err(?:or)?=\"(?P<text>[^\n]{1,160})"),
        times=3,
        general=True,
    ),
    Sign(
        "connection-refused",
        Phase.CONTACT,
        _text(r"Failed to validate connection to cluster at \S+: (?P<text>[^\n]{1,160})"),
        times=3,
        general=True,
    ),
    Sign(
        "server-not-ready",
        Phase.CONTACT,
        _text(r"agent configuration; server is not ready: (?P<text>[^\n]{1,160})"),
        times=4,
        general=True,
    ),
    Sign(
        "shut-down",
        Phase.END,
        _text(r"Shutdown request received: \"?(?P<text>[^\n\"]{1,160})"),
        general=True,
    ),
    Sign(
        "start-failed",
        Phase.END,
        _text(r"level=fatal msg=\"(?:Error: )?(?P<text>[^\n]{1,160}?(?=\"?$)|[^\n]{160})"),
        general=True,
    ),
)  # fmt: skip
"""In this order: of one line the first sign counts."""

CODES = tuple(dict.fromkeys(sign.code for sign in SIGNS))


def signs_in(messages: Iterable[str]) -> tuple[Sign, ...]:
    """The signs that may stand among these messages: all are searched for at once, where most journals hold none."""
    text = "\n".join(messages)
    return tuple(sign for sign in SIGNS if sign.pattern.search(text))


def sign_of(message: str, signs: Sequence[Sign] = SIGNS) -> tuple[Sign, dict[str, str]] | None:
    """The meaning of one cleaned message, with its parameters; None where it is none of these faults."""
    for sign in signs:
        match = sign.pattern.search(message)
        if match:
            return sign, {key: value for key, value in match.groupdict().items() if value}
    return None
