"""What the API server refuses or adds before it validates: namespaces, service accounts, classes.

Source: recorded c49, f03, f30, f35, f42, f46 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

from gpu_wizard.lab.api import errors, times
from gpu_wizard.lab.api.kinds import Catalogue, Kind
from gpu_wizard.lab.api.store import Store
from gpu_wizard.lab.ports import JsonObject

_TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
_SYSTEM_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_NODE_MAY_LABEL = ("kubelet.kubernetes.io/", "node.kubernetes.io/")


class Admission:
    """The admission plugins that matter here."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def namespace(self, kind: Kind, namespace: str, name: str) -> None:
        """Refuse new objects in a namespace that is absent or going.

        Raises:
            ApiError: 404 or 403.
        """
        if not kind.namespaced:
            return
        found = self._find("Namespace", "", namespace)
        if found is None:
            namespaces = self._catalogue.named("Namespace")
            raise errors.not_found(namespaces or kind, namespace)
        if found["metadata"].get("deletionTimestamp"):
            why = (
                f"unable to create new content in namespace {namespace} because it is being "
                "terminated"
            )
            refusal = errors.forbidden(kind, name, why)
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            refusal.details = (refusal.details or {}) | {"causes": [cause]}
            raise refusal

    def create(self, kind: Kind, obj: JsonObject) -> None:
        """Complete a new object, or refuse it.

        Raises:
            ApiError: 403.
        """
        if kind.name == "Pod":
            self._pod(kind, obj)
        elif kind.name == "Node" and not obj["spec"].get("taints"):
            # The TaintNodesByCondition plugin: no new node is ready.
            taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
            obj["spec"]["taints"] = [taint]

    def update(self, kind: Kind, old: JsonObject, new: JsonObject, user: str) -> None:
        """Refuse what a node may not change about itself (NodeRestriction).

        Raises:
            ApiError: 403.
        """
        if kind.name != "Node" or not user.startswith("system:node:"):
            return
        before = old["metadata"].get("labels", {})
        after = new["metadata"].get("labels", {})
        bad = sorted(
            key
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key) and _restricted(key)
        )
        if bad:
            why = f"is not allowed to modify labels: {', '.join(bad)}"
            raise errors.forbidden(kind, new["metadata"]["name"], why)

    def _pod(self, kind: Kind, pod: JsonObject) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        shown = metadata.get("name") or metadata.get("generateName", "")
        self._priority(kind, shown, spec)
        self._service_account(kind, shown, metadata["namespace"], spec)
        wanted = spec.get("runtimeClassName")
        if wanted and self._find("RuntimeClass", "", wanted) is None:
            why = f'pod rejected: RuntimeClass "{wanted}" not found'
            raise errors.forbidden(kind, shown, why)
        tolerations = spec.setdefault("tolerations", [])
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
            if not any(
                each.get("key") in (key, None) and each.get("effect") in ("NoExecute", None)
                for each in tolerations
            ):
                added = {"key": key, "operator": "Exists", "effect": "NoExecute"}
                tolerations.append(added | {"tolerationSeconds": 300})

    def _priority(self, kind: Kind, shown: str, spec: JsonObject) -> None:
        wanted = spec.get("priorityClassName", "")
        value = _SYSTEM_PRIORITIES.get(wanted, 0)
        found = self._find("PriorityClass", "", wanted) if wanted else None
        if found is not None:
            value = found["value"]
        elif wanted and wanted not in _SYSTEM_PRIORITIES:
            raise errors.forbidden(kind, shown, f"no PriorityClass with name {wanted} was found")
        spec["priority"] = value
        spec.setdefault("preemptionPolicy", "PreemptLowerPriority")

    def _service_account(self, kind: Kind, shown: str, namespace: str, spec: JsonObject) -> None:
        name = spec.setdefault("serviceAccountName", "default")
        spec.setdefault("serviceAccount", name)
        account = self._find("ServiceAccount", namespace, name)
        if account is None:
            why = (
                f"error looking up service account {namespace}/{name}: serviceaccount "
                f'"{name}" not found'
            )
            raise errors.forbidden(kind, shown, why)
        mounts = spec.get("automountServiceAccountToken")
        if mounts is None:
            mounts = account.get("automountServiceAccountToken", True)
        if mounts:
            _mount_token(spec)

    def _find(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        found = self._catalogue.named(kind)
        return self._store.get(found, namespace, name) if found else None


def _mount_token(spec: JsonObject) -> None:
    containers = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    name = f"kube-api-access-{times.suffix()}"
    needed = False
    for container in containers:
        mounts = container.setdefault("volumeMounts", [])
        if all(mount.get("mountPath") != _TOKEN_FOLDER for mount in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": _TOKEN_FOLDER})
            needed = True
    if needed:
        spec.setdefault("volumes", []).append({"name": name, "projected": _token_volume()})


def _token_volume() -> JsonObject:
    namespace = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    certificate = {
        "name": "kube-root-ca.crt",
        "items": [{"key": "ca.crt", "path": "ca.crt"}],
    }
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": certificate},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
        ],
        "defaultMode": 420,
    }


def _restricted(key: str) -> bool:
    """Whether a node may not set this label on itself."""
    domain = key.partition("/")[0]
    if domain == "node-restriction.kubernetes.io":
        return True
    if not domain.endswith(("kubernetes.io", "k8s.io")) or key.startswith(_NODE_MAY_LABEL):
        return False
    return domain == "node-role.kubernetes.io"
