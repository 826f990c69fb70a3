"""Where each kind stands in the API, and the query that a question becomes."""

from __future__ import annotations

from gpu_wizard.model.question import Objects

PAGE = 500
"""Objects of a list that travel at once. Source: kubectl's own default."""
_ONLY_METADATA = "application/json;as={};g=meta.k8s.io;v=v1"
METADATA = _ONLY_METADATA.format("PartialObjectMetadata")
METADATA_LIST = _ONLY_METADATA.format("PartialObjectMetadataList")
"""Content types of objects without anything but metadata. Source: Kubernetes API concepts, alternate representations."""

_KINDS: dict[str, tuple[str, str, bool]] = {
    "ClusterPolicy": ("/apis/nvidia.com/v1", "clusterpolicies", False),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "CustomResourceDefinition": (
        "/apis/apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        False,
    ),
    "DaemonSet": ("/apis/apps/v1", "daemonsets", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "DeviceClass": ("/apis/resource.k8s.io/v1", "deviceclasses", False),
    "Event": ("/api/v1", "events", True),
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "Pod": ("/api/v1", "pods", True),
    "RuntimeClass": ("/apis/node.k8s.io/v1", "runtimeclasses", False),
    "Secret": ("/api/v1", "secrets", True),
    "Service": ("/api/v1", "services", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
}


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """The path of an object, or of the list of its kind (namespace "": of all namespaces).

    Raises: KeyError: a kind that is not used by any stage.
    """
    prefix, plural, namespaced = _KINDS[kind]
    scope = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{prefix}{scope}/{plural}" + (f"/{name}" if name else "")


def query_of(ask: Objects) -> dict[str, str]:
    """The selectors of a list, and the size of its pages."""
    selectors = {"labelSelector": ask.labels, "fieldSelector": ask.fields, "limit": str(PAGE)}
    return {key: value for key, value in selectors.items() if value}
