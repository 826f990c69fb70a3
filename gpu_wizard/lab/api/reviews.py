"""The reviews that a client makes of itself: who am I, may I do this.

Source: recorded a15-a18 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

from typing import Any

from gpu_wizard.lab.api import times
from gpu_wizard.lab.api.access import Access, Attributes, Identity
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject

_CREDENTIAL = "authentication.kubernetes.io/credential-id"


def is_review(kind: Kind) -> bool:
    return kind.name in ("SelfSubjectReview", "SelfSubjectAccessReview")


def review(kind: Kind, user: Identity, access: Access, body: Any) -> JsonObject:
    """The answer to a review; nothing is kept of it."""
    head: JsonObject = {"kind": kind.name, "apiVersion": kind.api_version}
    if kind.name == "SelfSubjectReview":
        info: JsonObject = {"username": user.name, "groups": list(user.groups)}
        if user.credential:
            info["extra"] = {_CREDENTIAL: [user.credential]}
        created = {"creationTimestamp": times.now()}
        return head | {"metadata": created, "status": {"userInfo": info}}
    asked = (body or {}).get("spec", {}).get("resourceAttributes") or {}
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource += f"/{asked['subresource']}"
    wanted = Attributes(
        asked.get("verb", ""),
        asked.get("group", ""),
        resource,
        asked.get("namespace", ""),
        asked.get("name", ""),
    )
    spec = {"resourceAttributes": {key: value for key, value in asked.items() if value}}
    allowed = access.allows(user, wanted)
    return head | {"metadata": {}, "spec": spec, "status": {"allowed": allowed}}
