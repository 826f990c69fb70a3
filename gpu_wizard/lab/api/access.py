"""Who asks, and what they may do: certificates, tokens, and the part of RBAC that matters here.

Source: recorded a04-a18, c49, i08, j26, j33 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpu_wizard.lab.api.errors import ApiError
from gpu_wizard.lab.api.kinds import Catalogue, Kind
from gpu_wizard.lab.api.store import Store
from gpu_wizard.lab.ports import JsonObject

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
_READING = ("get", "list", "watch")
# The built-in role `view`: most namespaced things, and neither secrets, RBAC nor cluster scope.
_VIEW = {
    "": ("pods", "pods/log", "services", "configmaps", "serviceaccounts", "events", "namespaces"),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets", "controllerrevisions"),
    "batch": ("jobs",),
}


@dataclass(frozen=True)
class Identity:
    """A user as the API server knows it."""

    name: str
    groups: tuple[str, ...] = ()
    credential: str = ""
    """Where the identity comes from, as `X509SHA256=…`; "" with a token."""


ADMIN = Identity("system:admin", (MASTERS, AUTHENTICATED))


@dataclass
class Access:
    """Tokens that are known, and the rules of who may do what."""

    store: Store
    catalogue: Catalogue
    _tokens: dict[str, Identity] = field(default_factory=dict, repr=False)

    def token(self, user: str, groups: Sequence[str] = ()) -> str:
        """A new bearer token for a user."""
        secret = secrets.token_urlsafe(24)
        self._tokens[secret] = Identity(user, (*groups, AUTHENTICATED))
        return secret

    def bearer(self, secret: str) -> Identity | None:
        """Whose token this is; None if nobody's."""
        for known, identity in self._tokens.items():
            if secrets.compare_digest(known.encode(), secret.encode()):
                return identity
        return None

    def allows(self, who: Identity, request: Attributes) -> bool:
        """Whether a user may do this."""
        if MASTERS in who.groups or request.resource.startswith("selfsubject"):
            return True
        if "system:nodes" in who.groups and _node_may(who, request):
            return True
        return any(_permits(rule, request) for rule in self._rules(who, request.namespace))

    def demand(self, who: Identity, kind: Kind, request: Attributes) -> None:
        """Refuse what a user may not do.

        Raises:
            ApiError: 403.
        """
        if not self.allows(who, request):
            raise _refusal(who, kind, request)

    def _rules(self, who: Identity, namespace: str) -> list[JsonObject]:
        rules: list[JsonObject] = []
        for bindings, where in (("ClusterRoleBinding", ""), ("RoleBinding", namespace)):
            kind = self.catalogue.named(bindings)
            if kind is None or (kind.namespaced and not where):
                continue
            for binding in self.store.all(kind, where):
                if any(_means(subject, who) for subject in binding.get("subjects") or ()):
                    rules += self._role(binding["roleRef"], where)
        return rules

    def _role(self, reference: Mapping[str, str], namespace: str) -> list[JsonObject]:
        kind = self.catalogue.named(reference["kind"])
        role = self.store.get(kind, namespace, reference["name"]) if kind else None
        if role is not None:
            return list(role.get("rules") or ())
        if reference["name"] == "cluster-admin":
            return [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        if reference["name"] == "view":
            return [
                {"apiGroups": [group], "resources": list(resources), "verbs": list(_READING)}
                for group, resources in _VIEW.items()
            ]
        return []


@dataclass(frozen=True)
class Attributes:
    """What is asked for, as authorization sees it. `resource` with its subresource: `pods/log`."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


def _node_may(who: Identity, request: Attributes) -> bool:
    own = who.name.removeprefix("system:node:")
    if request.resource in ("nodes", "nodes/status"):
        return request.verb in _READING or request.name == own
    return request.verb in _READING and request.resource in ("pods", "runtimeclasses", "services")


def _permits(rule: Mapping[str, Any], request: Attributes) -> bool:
    def has(name: str, wanted: str) -> bool:
        values = rule.get(name) or ()
        return "*" in values or wanted in values

    if rule.get("resourceNames") and request.name not in rule["resourceNames"]:
        return False
    return (
        has("verbs", request.verb)
        and has("apiGroups", request.group)
        and has("resources", request.resource)
    )


def _means(subject: Mapping[str, str], who: Identity) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in who.groups
    if subject["kind"] == "ServiceAccount":
        name = f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
        return name == who.name
    return subject["name"] == who.name


def _refusal(who: Identity, kind: Kind, request: Attributes) -> ApiError:
    scope = (
        f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    )
    name = f' "{request.name}"' if request.name else ""
    text = (
        f'{kind.qualified}{name} is forbidden: User "{who.name}" cannot {request.verb} resource '
        f'"{request.resource}" in API group "{request.group}" {scope}'
    )
    details: JsonObject = {"name": request.name} if request.name else {}
    if kind.group:
        details["group"] = kind.group
    return ApiError(403, "Forbidden", text, details | {"kind": kind.plural})
