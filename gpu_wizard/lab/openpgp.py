"""OpenPGP public keys of the simulated internet: enough for gpg and apt to tell one from another."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

_PACKET = b"\x99lab-key "
_BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_END = "-----END PGP PUBLIC KEY BLOCK-----"


@dataclass(frozen=True)
class Key:
    """A signing key: 40 hexadecimal digits and its user id."""

    fingerprint: str
    uid: str

    @property
    def long_id(self) -> str:
        """The last 16 digits, as apt and gpg print them."""
        return self.fingerprint[-16:]

    def binary(self) -> bytes:
        """The key as a keyring file holds it."""
        return _PACKET + f"{self.fingerprint} {self.uid}\n".encode()

    def armored(self) -> str:
        """The key as a web server gives it out."""
        body = base64.b64encode(self.binary()).decode()
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        return "\n".join([_BEGIN, "", *lines, "=lab0", _END, ""])


NVIDIA_KEY = Key(
    "C95B321B61E88C1809C4F759DDCAE044F796ECB0",
    "NVIDIA CORPORATION (Open Source Projects) <cudatools@nvidia.com>",
)
"""Source: domain.md, stage 3: the fingerprint that dnf reports for NVIDIA's gpgkey."""


def dearmor(text: bytes) -> bytes | None:
    """Undo the armour; None where there is no OpenPGP data in it."""
    if text.startswith(_PACKET):
        return text
    lines = text.decode(errors="replace").splitlines()
    if _BEGIN not in lines or _END not in lines:
        return None
    body = lines[lines.index(_BEGIN) + 1 : lines.index(_END)]
    try:
        return base64.b64decode("".join(line for line in body if not line.startswith("=")))
    except binascii.Error:
        return None


def keys(data: bytes) -> tuple[Key, ...]:
    """The keys of a keyring, binary or armoured; empty where it holds none."""
    binary = dearmor(data) or b""
    found = []
    for packet in binary.split(_PACKET)[1:]:
        fingerprint, _, uid = packet.decode(errors="replace").strip().partition(" ")
        found.append(Key(fingerprint, uid))
    return tuple(found)
