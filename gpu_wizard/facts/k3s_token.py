"""Where a join token comes from: never its value, only the action that will fetch it."""

from __future__ import annotations

from gpu_wizard.facts.k3s import BINARY
from gpu_wizard.model.action import Run, SecretFrom, SecretNamed
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.version import Version

USER_TOKEN = "token"  # noqa: S105 -- a name, not a token
LIFETIME = "1h"
_FIRST_WITH_COMMAND = "1.26.2"
"""Source: domain.md stage 1: agents keep working on an expired bootstrap token since v1.26.2."""

TokenSource = SecretFrom | SecretNamed


def token_source(
    spec: Spec, server: Fact[Version], files: Fact[tuple[str, ...]], ca_sha256: str
) -> TokenSource | None:
    """How to get a token: the user's, else a bootstrap token of one hour from the control plane, else the
    server's own file there, the agents' before the servers'. None: there is no way.

    `ca_sha256`: of the cluster, to be compared with the token's before it is written anywhere; "" not known.
    Source: K3s v1.34.3 as recorded (01-server/c): `k3s token create` prints a token that can join agents only.
    """
    if spec.options.join.token.kind != "control-plane":
        return SecretNamed(USER_TOKEN, ca_sha256)
    if not spec.has_control_plane:
        return None
    if isinstance(server, Known) and server.value.at_least(_FIRST_WITH_COMMAND):
        return _bootstrap(spec.kubernetes_node, ca_sha256)
    paths = files.value if isinstance(files, Known) else ()
    return SecretFrom(Run(("cat", paths[0]), on="control_plane"), ca_sha256) if paths else None


def _bootstrap(node: str, ca_sha256: str) -> SecretFrom:
    create = (BINARY, "token", "create", "--ttl", LIFETIME)
    described = (*create, "--description", f"gpu-wizard joins {node}")
    run = Run(described, on="control_plane", timeout_seconds=60)
    return SecretFrom(run, ca_sha256, undo_argv=(BINARY, "token", "delete", "{id}"))
