"""Names, addresses and secrets out of a text, the same one replaced alike everywhere.

What tells of a fault stays: loopback addresses, public download hosts, versions, PCI addresses, times. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

_EDGE = r"(?:(?<=\\[nrt])|\b(?!(?<=\\)[nrt]))"
"""Where a word begins, in a text that is quoted in JSON, too."""
_OF_SECRETS = (
    r"(?i)(?:(?<![\w-])|(?<=\\[nrt]))(?:[\w-]+[_-])?(?:password|passwd|secret|api[_-]?key|token)"
)
_KEY = _OF_SECRETS + r"\\*[\"']?"
_FLAG = r"(?i)(?<![\w-])--(?:[\w-]+-)?(?:password|secret|token) +(?![-/<{$])"
_ELSE = r"(?!\\*[\"']|\*\*\*|/|\{|(?:null|true|false)(?![^\s,;}\])\"'\\]))"
"""What stands where a secret would: nothing, what hid it, the path of its file, an object, whether there is one."""
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL),
    re.compile(_EDGE + r"K10[0-9a-f]{6,}(?:::[^\s\\\"]+)?"),
    re.compile(_EDGE + r"[a-z0-9]{6}\.[a-z0-9]{16}\b"),
    re.compile(_EDGE + r"eyJ[\w-]{10,}\.[\w-]+(?:\.[\w-]*)?"),
    re.compile(_EDGE + r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-\S+) AAAA[\w+/=]+(?: \S+)?"),
    re.compile(_EDGE + r"SHA256:[\w+/]{20,}=?"),
    re.compile(r"(?i)(?<=authorization: )(?:bearer|basic) [^\s\"']+"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
    re.compile(_KEY + r"\s*[:=]\s*(?:\\*\"" + _ELSE + r"[^\"\n]{4,}|'" + _ELSE + r"[^'\n]{4,}|" + _ELSE + r"[^\s\",}]{4,})"),
    re.compile(_FLAG + r"[^\s\",}]{4,}"),
)  # fmt: skip
_NAMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("user", re.compile(r"(?:/home/|/Users/|\\Users\\+)([\w.-]+)")),
    ("user", re.compile(r"(?:password for|Invalid user|\bsudo(?:\[\d+\])?:) +([\w.-]+)(?: :|:| from|$)", re.MULTILINE)),
    ("user", re.compile(_EDGE + r"([\w.-]+) is not (?:in the sudoers|allowed to run sudo)")),
    ("user", re.compile(_EDGE + r"([\w.-]{2,32})@[\w.-]+\b")),
    ("user", re.compile(_EDGE + r"(?:for|from) user ([\w.-]+)")),
    ("host", re.compile(_EDGE + r"[\w.-]{1,32}@([\w.-]+)")),
    ("host", re.compile(r'"(?:node|host|kubernetes_node|hostname|nodeName)": ?"([^"@\s]{2,})"')),
    ("host", re.compile(r"(?m)^(?:\w{3} +\d+ [\d:]{8}|\d{4}-\d\d-\d\dT\S+|\d+\.\d+) ([\w.-]+) [\w@./-]+(?:\[\d+\])?: ")),
    ("host", re.compile(r"--hostname-override=([\w.-]+)|kubernetes\.io/hostname[=:] ?\"?([\w.-]+)")),
    ("host", re.compile(_EDGE + r"node-name: ?\"?([\w.-]+)|nodes? \"([\w.-]+)\"")),
    ("host", re.compile(r"https?://(?:[^\s/@]+@)?([a-zA-Z][\w.-]*)")),
)  # fmt: skip
_PUBLIC = re.compile(
    r"(?:^|\.)(?:k3s\.io|rancher\.com|rke2\.io|github\.com|githubusercontent\.com|github\.io|nvcr\.io|nvidia\.com|docker\.io"
    r"|docker\.com|k8s\.io|kubernetes\.io|quay\.io|ghcr\.io|gcr\.io|ubuntu\.com|debian\.org|fedoraproject\.org|centos\.org"
    r"|rockylinux\.org|opensuse\.org|kernel\.org|cloudflare\.com|cluster\.local|svc)$"
)
_KEPT_WORDS = (
    "localhost root local node host server agent control_plane control-plane null none true k3s k3s-agent nvidia gpu kubernetes"
    " kubelet systemd kernel default kube-system nodes system unknown rke2 docker containerd git"
)
_KEPT = frozenset(_KEPT_WORDS.split())
_MAC = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.IGNORECASE)
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b")
HIDDEN = "<secret>"


class Anonymizer:
    """Replaces with one memory for many texts: `learn` all of them first, then `clean` each."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names`: hosts and users known from elsewhere, such as a setup file."""
        self._given: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._pattern = re.compile(r"(?!)")
        for name in names:
            self._name("host", name)

    @property
    def replaced(self) -> Mapping[str, str]:
        """Name or address → what stands for it."""
        return self._given

    def learn(self, text: str) -> None:
        """Note the names in a text."""
        for kind, pattern in _NAMES:
            for match in pattern.finditer(text):
                self._name(kind, next((each for each in match.groups() if each), ""))

    def clean(self, text: str) -> str:
        """The text without secrets, names and addresses."""
        for secret in _SECRETS:
            text = secret.sub(HIDDEN, text)
        text = _UUID.sub(lambda match: self._stand_in("id", match[0].lower()), text)
        text = _MAC.sub(lambda match: self._stand_in("mac", match[0].lower()), text)
        text = _IPV4.sub(self._address, text)
        text = _IPV6.sub(self._address, text)
        known = sorted((name for name in self._given if _is_name(name)), key=len, reverse=True)
        if known:
            words = "|".join(re.escape(name) for name in known)
            named = re.compile(rf"(?:(?<![\w-])|(?<=\\[nrt]))(?:{words})(?![\w-])", re.IGNORECASE)
            text = named.sub(lambda match: self._given[match[0].lower()], text)
        return text

    def _name(self, kind: str, name: str) -> None:
        plain = name.strip(".").lower()
        if len(plain) < 2 or plain in _KEPT or _PUBLIC.search(plain) or _IPV4.fullmatch(plain):
            return
        if not _is_name(plain):
            return
        self._stand_in(kind, plain)
        short = plain.split(".")[0]
        if short != plain and kind == "host" and len(short) > 2 and short not in _KEPT:
            self._given.setdefault(short, self._given[plain])

    def _address(self, match: re.Match[str]) -> str:
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            return match[0]
        if address.is_loopback or address.is_unspecified or str(address).startswith("255."):
            return match[0]
        return self._stand_in("address", str(address))

    def _stand_in(self, kind: str, value: str) -> str:
        if value not in self._given:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._given[value] = f"<{kind}-{self._counts[kind]}>"
        return self._given[value]


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[a-z_][\w.-]*|\d+[a-z][\w.-]*", text) is not None
