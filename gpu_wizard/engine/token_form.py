"""What kind of K3s token a secret is, told by its marks alone."""

from __future__ import annotations

from typing import Literal, TypeAlias

from gpu_wizard.model.secret import Secret

TokenForm: TypeAlias = Literal["bootstrap", "password", "short", "malformed"]
_BOOTSTRAP = rb"^(?:K10[0-9a-f]{64}::)?([a-z0-9]{6})\.[a-z0-9]{16}\s*$"
_PASSWORD = rb"^K10([0-9a-f]{64})::[^:\s]+:\S+\s*$"
_FULL = rb"^(K10)"


def token_form(token: Secret) -> TokenForm:
    """`short`: a bare password; `malformed`: begins like a full token and is none, so it was cut or mistyped.

    Source: K3s pkg/clientaccess/token.go.
    """
    if token.public_part(_BOOTSTRAP):
        return "bootstrap"
    if token.public_part(_PASSWORD):
        return "password"
    return "malformed" if token.public_part(_FULL) else "short"
