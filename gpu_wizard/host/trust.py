"""Whether a host key is the one expected: judged before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gpu_wizard.host.known_hosts import HostKey, KnownKey
from gpu_wizard.model.errors import TrustError, Where

Verdict = Literal["known", "unknown"]


def judge(shown: HostKey, known: Sequence[KnownKey], pinned: str) -> Verdict:
    """`known`: on record or pinned; `unknown`: a person decides.

    A machine that has keys on record and shows another one is never merely unknown, whatever the key's type.

    Raises: TrustError: changed, revoked, or not the pinned one.
    """
    for one in known:
        if one.marker == "@revoked" and one.key == shown.key:
            raise _error("host-key-revoked", f"The key of {shown.host} is revoked", shown, one)
    if pinned and not _is_pinned(shown, pinned):
        message = f"{shown.host} shows {shown.fingerprint}, not the key that is pinned for it"
        raise _error("host-key-not-pinned", message, shown, None)
    recorded = [one for one in known if not one.marker]
    if any(one.key == shown.key for one in recorded):
        return "known"
    if recorded:
        message = f"The host key of {shown.host} has changed; nothing was sent to it"
        raise _error("host-key-changed", message, shown, _likeliest(shown, recorded))
    return "known" if pinned else "unknown"


def refused(shown: HostKey) -> TrustError:
    """An unknown key that nobody trusted."""
    message = f"The host key of {shown.host} is not known: {shown.algorithm} {shown.fingerprint}"
    return _error("host-key-unknown", message, shown, None)


def _is_pinned(shown: HostKey, pinned: str) -> bool:
    words = pinned.split()
    return shown.fingerprint in words or shown.key in words


def _likeliest(shown: HostKey, recorded: Sequence[KnownKey]) -> KnownKey:
    same = (one for one in recorded if one.algorithm == shown.algorithm)
    return next(same, recorded[0])


def _error(code: str, message: str, shown: HostKey, line: KnownKey | None) -> TrustError:
    where = Where(
        host=shown.host,
        file=line.file if line else "",
        line=line.line if line else None,
    )
    params = {
        "host": shown.host,
        "entry": shown.entry,
        "fingerprint": shown.fingerprint,
        "algorithm": shown.algorithm,
        "file": where.file,
        "line": str(where.line or ""),
    }
    return TrustError(code, f"{message}.", where, _NEXT[code].format(entry=shown.entry), (), params)


_NEXT = {
    "host-key-revoked": "Do not connect; ask whoever runs the machine.",
    "host-key-not-pinned": "Compare the fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the "
    "machine's console, then correct host_key in the setup file.",
    "host-key-changed": "If the machine was installed anew, run `ssh-keygen -R '{entry}'`; if not, somebody may be "
    "listening in.",
    "host-key-unknown": "Compare the fingerprint with the machine's console, then trust it or pin it as host_key "
    "in the setup file.",
}
