"""Which kinds of objects the API server knows, and what sets each apart."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from gpu_wizard.lab.ports import JsonObject

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Kind:
    """A kind of object and its resource."""

    group: str
    """API group; "" is the core group."""
    version: str
    name: str
    """For example `DaemonSet`."""
    plural: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    status: bool = False
    """True where `/status` exists and the main resource ignores a status."""
    generation: bool = False
    """True where a change of the spec counts `metadata.generation` up."""
    answers_object: bool = False
    """True where DELETE answers the object and not a Status."""
    verbs: tuple[str, ...] = VERBS
    custom: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def qualified(self) -> str:
        """`daemonsets.apps`, or `pods` in the core group: how error texts name the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def full_name(self) -> str:
        """`DaemonSet.apps`, or `Pod`: how validation errors name the kind."""
        return f"{self.name}.{self.group}" if self.group else self.name

    @property
    def storage_hash(self) -> str:
        text = f"{self.group}/{self.version}/{self.name}".encode()
        return base64.b64encode(hashlib.sha256(text).digest()[:8]).decode()


_CREATE = ("create",)
_RBAC = "rbac.authorization.k8s.io"

_BUILT_IN = (
    Kind("", "v1", "Node", "nodes", False, ("no",), status=True),
    Kind("", "v1", "Pod", "pods", True, ("po",), True, True, True),
    Kind("", "v1", "Namespace", "namespaces", False, ("ns",), True, answers_object=True),
    Kind("", "v1", "ConfigMap", "configmaps", True, ("cm",)),
    Kind("", "v1", "Secret", "secrets"),
    Kind("", "v1", "ServiceAccount", "serviceaccounts", True, ("sa",), answers_object=True),
    Kind("", "v1", "Service", "services", True, ("svc",), True, answers_object=True),
    Kind("", "v1", "Event", "events", True, ("ev",)),
    Kind("apps", "v1", "DaemonSet", "daemonsets", True, ("ds",), True, True),
    Kind("apps", "v1", "Deployment", "deployments", True, ("deploy",), True, True),
    Kind("apps", "v1", "ReplicaSet", "replicasets", True, ("rs",), True, True),
    Kind("apps", "v1", "StatefulSet", "statefulsets", True, ("sts",), True, True),
    Kind("apps", "v1", "ControllerRevision", "controllerrevisions"),
    Kind("batch", "v1", "Job", "jobs", True, (), True, True),
    Kind("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", False),
    Kind("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False, ("pc",)),
    Kind("coordination.k8s.io", "v1", "Lease", "leases"),
    Kind(_RBAC, "v1", "ClusterRole", "clusterroles", False),
    Kind(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", False),
    Kind(_RBAC, "v1", "Role", "roles"),
    Kind(_RBAC, "v1", "RoleBinding", "rolebindings"),
    Kind("resource.k8s.io", "v1", "DeviceClass", "deviceclasses", False),
    Kind("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", False),
    Kind(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        False,
        ("crd", "crds"),
        True,
        True,
    ),
    Kind(
        "authentication.k8s.io",
        "v1",
        "SelfSubjectReview",
        "selfsubjectreviews",
        False,
        verbs=_CREATE,
    ),
    Kind(
        "authorization.k8s.io",
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        False,
        verbs=_CREATE,
    ),
)


class Catalogue:
    """All kinds known now: the built-in ones and those of CustomResourceDefinitions."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        for kind in _BUILT_IN:
            self._kinds[kind.group, kind.version, kind.plural] = kind

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def resource(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind a path, or None."""
        return self._kinds.get((group, version, plural))

    def named(self, kind: str, api_version: str = "") -> Kind | None:
        """The kind of an object: by `kind`, and by `apiVersion` where one is given."""
        for each in self:
            if each.name == kind and api_version in ("", each.api_version):
                return each
        return None

    def typed(self, word: str) -> Kind | None:
        """The kind that a person means: plural, singular, short name, or with its group."""
        word, _, group = word.lower().partition(".")
        for each in self:
            if word in (each.plural, each.singular, *each.short) and (
                not group or group in (each.group, f"{each.version}.{each.group}")
            ):
                return each
        return None

    def define(self, definition: JsonObject) -> None:
        """Add the kinds of a CustomResourceDefinition."""
        spec = definition["spec"]
        names = spec["names"]
        for version in spec["versions"]:
            kind = Kind(
                spec["group"],
                version["name"],
                names["kind"],
                names["plural"],
                spec.get("scope") == "Namespaced",
                tuple(names.get("shortNames", ())),
                status="status" in version.get("subresources", {}),
                generation=True,
                custom=True,
            )
            self._kinds[kind.group, kind.version, kind.plural] = kind

    def withdraw(self, definition: JsonObject) -> None:
        """Forget the kinds of a CustomResourceDefinition that is gone."""
        spec = definition["spec"]
        for version in spec["versions"]:
            self._kinds.pop((spec["group"], version["name"], spec["names"]["plural"]), None)
