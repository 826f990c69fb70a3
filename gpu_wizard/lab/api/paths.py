"""Which object or collection a request's path means."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from gpu_wizard.lab.api import errors
from gpu_wizard.lab.api.access import Attributes
from gpu_wizard.lab.api.kinds import Catalogue, Kind

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_SUBRESOURCES = {"Pod": ("status", "log", "eviction")}


@dataclass(frozen=True)
class Target:
    """A resource, and one object of it where `name` is set."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    watch: bool = False
    """True with the old path `/api/v1/watch/…`."""

    def verb(self, method: str, *, watch: bool) -> str:
        """What the request does, as authorization calls it.

        Raises:
            ApiError: 405.
        """
        if method in ("GET", "HEAD"):
            if watch or self.watch:
                return "watch"
            return "get" if self.name else "list"
        if method == "DELETE":
            return "delete" if self.name else "deletecollection"
        verb = _VERBS.get(method, "")
        creates = not self.name or self.subresource == "eviction"
        if not verb or (verb == "create") != creates:
            text = "the server does not allow this method on the requested resource"
            raise errors.ApiError(405, "MethodNotAllowed", text, {})
        return verb

    def attributes(self, verb: str) -> Attributes:
        resource = self.kind.plural
        if self.subresource:
            resource += f"/{self.subresource}"
        return Attributes(verb, self.kind.group, resource, self.namespace, self.name)


def target(catalogue: Catalogue, path: str) -> Target:
    """What a path below `/api` or `/apis` means.

    Raises:
        ApiError: 404, the server has no such resource.
    """
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api":
        group, version, rest = "", parts[1] if len(parts) > 1 else "", parts[2:]
    else:
        group, version, rest = parts[1], parts[2] if len(parts) > 2 else "", parts[3:]
    watch = rest[:1] == ["watch"]
    rest = rest[1:] if watch else rest
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    kind = catalogue.resource(group, version, rest[0]) if rest else None
    if kind is None or len(rest) > 3 or (bool(namespace) and not kind.namespaced):
        raise errors.no_such_resource()
    name, subresource = [*rest[1:], "", ""][:2]
    known = _SUBRESOURCES.get(kind.name, ("status",) if kind.status else ())
    if (subresource and subresource not in known) or (kind.namespaced and name and not namespace):
        raise errors.no_such_resource()
    return Target(kind, namespace, name, subresource, watch)
