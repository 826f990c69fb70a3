"""The lab's network: which address and port answers, as seen from one of its machines."""

from __future__ import annotations

from enum import Enum


class Reply(Enum):
    """What a connection attempt meets."""

    K3S = "k3s"
    PLAIN = "plain"
    """Something that speaks no TLS: an SSH server."""
    OTHER_TLS = "other-tls"
    """TLS, but not K3s's port: a kubelet."""
    WEB = "web"
    """A server of the simulated internet."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
