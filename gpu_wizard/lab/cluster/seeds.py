"""The objects that a new cluster starts with."""

from __future__ import annotations

from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.ports import JsonObject

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_PRIORITIES = {"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}


def plant(registry: Registry, authority_pem: str) -> None:
    """Make the namespaces, their service accounts and CA bundles, and the priority classes."""
    caller = Caller(manager="k3s")
    for name in NAMESPACES:
        registry.create(registry.kind("Namespace"), "", {"metadata": {"name": name}}, caller)
        furnish(registry, name, authority_pem)
    for name, value in _PRIORITIES.items():
        body: JsonObject = {"metadata": {"name": name}, "value": value}
        registry.create(registry.kind("PriorityClass"), "", body, caller)


def furnish(registry: Registry, namespace: str, authority_pem: str) -> None:
    """Give a namespace what its controllers give each: an account, and the cluster's CA."""
    caller = Caller(manager="kube-controller-manager")
    wanted: dict[str, JsonObject] = {
        "ServiceAccount": {"metadata": {"name": "default"}},
        "ConfigMap": {
            "metadata": {"name": "kube-root-ca.crt"},
            "data": {"ca.crt": authority_pem},
        },
    }
    for kind, body in wanted.items():
        name = body["metadata"]["name"]
        if registry.find(kind, namespace, name) is None:
            registry.create(registry.kind(kind), namespace, body, caller)
