"""Objects for the tables of stages 5 to 8 and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpu_wizard.facts.daemonsets import PluginSet, parse_plugin_sets
from gpu_wizard.facts.objects import NodeObject, PodObject
from gpu_wizard.model.fact import Known
from gpu_wizard.model.question import ObjectsFound
from gpu_wizard.model.spec import Spec

SPEC = Spec("gpu-1", kubernetes_node="gpu-1", run_id="run-1")


def node(
    name: str = "gpu-1", labels: Mapping[str, str] | None = None, **changes: Any
) -> NodeObject:
    values: dict[str, Any] = {
        "name": name,
        "uid": f"uid-{name}",
        "ready": "True",
        "boot_id": f"boot-{name}",
        "labels": {"kubernetes.io/hostname": name, **(labels or {})},
        "capacity": {},
        "allocatable": {},
        "kubelet_version": "v1.34.3+k3s1",
        "runtime_version": "containerd://2.1.5-k3s1",
        "handlers": ("", "runc", "nvidia"),
    }
    return NodeObject(**{**values, **changes})


def pod(name: str, **changes: Any) -> PodObject:
    values: dict[str, Any] = {
        "namespace": "default",
        "name": name,
        "uid": f"uid-{name}",
        "node": "gpu-1",
        "phase": "Running",
        "ready": True,
        "gpus": {},
        "images": ("busybox",),
        "labels": {},
        "runtime_class": "",
        "owner": "",
    }
    return PodObject(**{**values, **changes})


def daemonset(
    name: str = "nvidia-device-plugin-daemonset", namespace: str = "kube-system", **template: Any
) -> dict[str, Any]:
    labels, pod_labels = template.pop("labels", {}), template.pop("pod_labels", {})
    tag = template.pop("tag", "v0.17.0")
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": "u",
            "labels": labels,
            "generation": 1,
        },
        "spec": {
            "template": {
                "metadata": {"labels": pod_labels},
                "spec": {
                    "containers": [
                        {"name": "c", "image": f"nvcr.io/nvidia/k8s-device-plugin:{tag}"}
                    ],
                    **template,
                },
            }
        },
        "status": {
            "observedGeneration": 1,
            "desiredNumberScheduled": 1,
            "updatedNumberScheduled": 1,
        },
    }


def sets(*items: dict[str, Any]) -> Known[tuple[PluginSet, ...]]:
    parsed = parse_plugin_sets(ObjectsFound(items))
    assert isinstance(parsed, Known)
    return parsed


HELM_AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {
                            "key": "feature.node.kubernetes.io/pci-10de.present",
                            "operator": "In",
                            "values": ["true"],
                        }
                    ]
                },
                {
                    "matchExpressions": [
                        {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}
                    ]
                },
            ]
        }
    }
}
HELM = daemonset(
    "nvdp-nvidia-device-plugin",
    "nvidia",
    labels={"app.kubernetes.io/managed-by": "Helm"},
    affinity=HELM_AFFINITY,
)
OPERATORS = daemonset(
    "nvidia-device-plugin-daemonset",
    "gpu-operator",
    pod_labels={"app": "nvidia-device-plugin-daemonset"},
    nodeSelector={"nvidia.com/gpu.deploy.device-plugin": "true"},
    runtimeClassName="nvidia",
)
