"""Objects that people of the lab's stories have put into their cluster."""

from __future__ import annotations

from typing import Any

from gpu_wizard.lab.ports import JsonObject

SYSTEM = "kube-system"
PLUGIN_IMAGE = "nvcr.io/nvidia/k8s-device-plugin"
GPU = "nvidia.com/gpu"
_TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
_SOCKETS = "/var/lib/kubelet/device-plugins"


def daemon_set(
    name: str,
    namespace: str,
    image: str,
    labels: dict[str, str],
    **pod: Any,  # fields of the pod's spec, of the API's many types
) -> JsonObject:
    """A DaemonSet of one container; `pod`: more fields of its pod's spec."""
    env = pod.pop("env", [])
    metadata = pod.pop("metadata", {})
    container = {
        "name": f"{name}-ctr",
        "image": image,
        "env": env,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "device-plugin", "mountPath": _SOCKETS}],
    }
    spec = {
        "tolerations": [_TOLERATION],
        "containers": [container],
        "volumes": [{"name": "device-plugin", "hostPath": {"path": _SOCKETS, "type": ""}}],
        **pod,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def hand_made_plugin() -> JsonObject:
    """NVIDIA's static manifest as somebody applied it, scoped and with the runtime class."""
    return daemon_set(
        "nvidia-device-plugin-daemonset",
        SYSTEM,
        f"{PLUGIN_IMAGE}:v0.20.0",
        {"name": "nvidia-device-plugin-ds"},
        priorityClassName="system-node-critical",
        runtimeClassName="nvidia",
        nodeSelector={GPU: "present"},
        env=[{"name": "FAIL_ON_INIT_ERROR", "value": "true"}],
    )


def helm_plugin() -> JsonObject:
    """The Helm chart's DaemonSet, installed without `runtimeClassName`. Source: domain.md, stage 5."""
    terms = [
        {
            "key": "feature.node.kubernetes.io/pci-10de.present",
            "operator": "In",
            "values": ["true"],
        },
        {"key": f"{GPU}.present", "operator": "In", "values": ["true"]},
    ]
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]} for term in terms]}
    labels = {
        "app.kubernetes.io/name": "nvidia-device-plugin",
        "app.kubernetes.io/instance": "nvdp",
    }
    return daemon_set(
        "nvdp-nvidia-device-plugin",
        "nvidia-device-plugin",
        f"{PLUGIN_IMAGE}:v0.17.4",
        labels,
        priorityClassName="system-node-critical",
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
        env=[{"name": "MIG_STRATEGY", "value": "none"}],
        metadata={
            "labels": {
                **labels,
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/version": "0.17.4",
                "helm.sh/chart": "nvidia-device-plugin-0.17.4",
            },
            "annotations": {
                "meta.helm.sh/release-name": "nvdp",
                "meta.helm.sh/release-namespace": "nvidia-device-plugin",
            },
        },
    )


def namespace(name: str) -> JsonObject:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def operator_objects() -> tuple[JsonObject, ...]:
    """GPU Operator's definitions and its policy. Source: domain.md, appendix C."""
    plural, group = "clusterpolicies", "nvidia.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {
                "plural": plural,
                "singular": "clusterpolicy",
                "kind": "ClusterPolicy",
                "listKind": "ClusterPolicyList",
            },
            "scope": "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
    policy = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": "cluster-policy"},
        "spec": {"driver": {"enabled": False}, "toolkit": {"enabled": True}},
        "status": {"state": "ready"},
    }
    return (namespace("gpu-operator"), definition, policy)


def operands(policy_uid: str) -> tuple[JsonObject, ...]:
    """The DaemonSets that GPU Operator makes for its policy."""
    operands = (
        ("nvidia-device-plugin-daemonset", "device-plugin", f"{PLUGIN_IMAGE}:v0.20.0"),
        (
            "nvidia-container-toolkit-daemonset",
            "container-toolkit",
            "nvcr.io/nvidia/k8s/container-toolkit:v1.20.0",
        ),
        (
            "nvidia-operator-validator",
            "operator-validator",
            "nvcr.io/nvidia/cloud-native/gpu-operator-validator:v26.7.0",
        ),
    )
    return tuple(
        daemon_set(
            name,
            "gpu-operator",
            image,
            {"app": name},
            priorityClassName="system-node-critical",
            runtimeClassName="nvidia",
            nodeSelector={f"nvidia.com/gpu.deploy.{operand}": "true"},
            metadata={
                "labels": {"app": name, "app.kubernetes.io/managed-by": "gpu-operator"},
                "ownerReferences": [
                    {
                        "apiVersion": "nvidia.com/v1",
                        "kind": "ClusterPolicy",
                        "name": "cluster-policy",
                        "uid": policy_uid,
                        "controller": True,
                    }
                ],
            },
        )
        for name, operand, image in operands
    )


OPERATOR_LABELS = {
    f"{GPU}.present": "true",
    f"{GPU}.count": "1",
    f"{GPU}.product": "NVIDIA-RTX-A6000",
    f"{GPU}.deploy.device-plugin": "true",
    f"{GPU}.deploy.container-toolkit": "true",
    f"{GPU}.deploy.operator-validator": "true",
    f"{GPU}.deploy.driver": "pre-installed",
}
PLAIN_LABELS = {
    GPU: "present",
    f"{GPU}.present": "true",
    "node-role.kubernetes.io/gpu": "true",
}


def runtime_class(handler: str) -> JsonObject:
    """A class `nvidia` of somebody's own."""
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia", "labels": {"team": "platform"}},
        "handler": handler,
    }


def gpu_pod(name: str) -> JsonObject:
    """A pod that computes on a card."""
    container = {
        "name": "train",
        "image": "nvidia/cuda:12.5.1-base-ubuntu22.04",
        "command": ["sleep", "infinity"],
        "resources": {"limits": {GPU: "1"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {
            "runtimeClassName": "nvidia",
            "containers": [container],
            "tolerations": [_TOLERATION],
        },
    }
