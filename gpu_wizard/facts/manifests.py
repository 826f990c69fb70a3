"""The objects that we apply, written from the facts of domain.md: plugin, class, labels, short pods."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gpu_wizard.facts.daemonsets import MANAGED_BY, OURS, SHARING_ANNOTATION
from gpu_wizard.model.spec import Spec

PLUGIN_NAMESPACE = "kube-system"
PLUGIN_NAME = "nvidia-device-plugin-daemonset"
"""The name of NVIDIA's static manifest, so that the guide's commands find it."""
PLUGIN_POD_LABEL = ("name", "nvidia-device-plugin-ds")
GPU_LABEL = "nvidia.com/gpu"
GPU_VALUE = "present"
PRESENT_LABEL = "nvidia.com/gpu.present"
ROLE_LABEL = "node-role.kubernetes.io/gpu"
RUN_LABEL = "gpu-wizard/run"
PART_LABEL = "gpu-wizard/part"
CONFIG_VARIABLE = "CONFIG_FILE"
_CONFIG_FOLDER = "/etc/gpu-wizard"
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}

Manifest = dict[str, Any]


def plugin_manifest(spec: Spec, sharing: str = "") -> Manifest:
    """The device plugin: on GPU nodes alone, under the nvidia class, failing loudly where it finds no driver.

    `sharing`: the configuration that it has and keeps, where the Spec leaves that open.

    Source: k8s-device-plugin v0.20.0 static manifest's fields, with domain.md appendix G's deltas.
    """
    options, (label, value) = spec.options.device_plugin, PLUGIN_POD_LABEL
    manifest: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": PLUGIN_NAME,
            "namespace": PLUGIN_NAMESPACE,
            "labels": {MANAGED_BY: OURS, label: value},
        },
        "spec": {
            "selector": {"matchLabels": {label: value}},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": {label: value}},
                "spec": {
                    "runtimeClassName": spec.options.runtime_class.name,
                    "nodeSelector": {GPU_LABEL: GPU_VALUE},
                    "priorityClassName": "system-node-critical",
                    "tolerations": [TOLERATION],
                    "containers": [_plugin_container(f"{options.image}:{options.version}")],
                    "volumes": [
                        {
                            "name": "device-plugin",
                            "hostPath": {"path": "/var/lib/kubelet/device-plugins"},
                        }
                    ],
                },
            },
        },
    }
    if text := sharing_config(options.replicas, sharing):
        _share(manifest["spec"]["template"], text)
    return manifest


def sharing_config(replicas: int, kept: str = "") -> str:
    """The plugin's configuration for so many shares of each card, "" for whole cards; `kept` where it is 0.

    Source: k8s-device-plugin README, time-slicing.
    """
    if replicas < 2:
        return "" if replicas else kept
    resources = [{"name": GPU_LABEL, "replicas": replicas}]
    return json.dumps({"version": "v1", "sharing": {"timeSlicing": {"resources": resources}}})


def _share(template: Manifest, text: str) -> None:
    """Gives the plugin its configuration by an annotation of its pod: one object, and a change makes new pods."""
    template["metadata"]["annotations"] = {SHARING_ANNOTATION: text}
    (container,) = template["spec"]["containers"]
    container["env"].append({"name": CONFIG_VARIABLE, "value": f"{_CONFIG_FOLDER}/config.yaml"})
    container["volumeMounts"].append({"name": "config", "mountPath": _CONFIG_FOLDER})
    field = {"fieldPath": f"metadata.annotations['{SHARING_ANNOTATION}']"}
    item = {"path": "config.yaml", "fieldRef": field}
    template["spec"]["volumes"].append({"name": "config", "downwardAPI": {"items": [item]}})


def _plugin_container(image: str) -> Manifest:
    return {
        "name": "nvidia-device-plugin-ctr",
        "image": image,
        "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "true"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "device-plugin", "mountPath": "/var/lib/kubelet/device-plugins"}],
    }


def plugin_patch(namespace: str, name: str, fields: Mapping[str, Any]) -> Manifest:
    """An adopted DaemonSet with only the pod fields that we want to own."""
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": dict(fields)}},
    }


def runtime_class_manifest(name: str) -> Manifest:
    """The class of our own, marked as ours."""
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": name, "labels": {MANAGED_BY: OURS}},
        "handler": "nvidia",
    }


def node_labels(name: str, uid: str, labels: Mapping[str, str]) -> Manifest:
    """Labels of one Node; its uid keeps a deleted and made-again Node apart."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": uid, "labels": dict(labels)},
    }


def test_pod(spec: Spec, image: str, hostname: str, resource: str, attempt: int) -> Manifest:
    """The pod that asks for one GPU, under the class; `resource` such as `nvidia.com/gpu`."""
    pod = _pod(spec, f"gpu-wizard-proof-{spec.run_id}-{attempt}", "proof", image, hostname)
    pod["spec"]["runtimeClassName"] = spec.options.runtime_class.name
    pod["spec"]["containers"][0]["resources"]["limits"][resource] = "1"
    return pod


def control_pod(spec: Spec, image: str, hostname: str) -> Manifest:
    """The negative control: the same image, no class, no request; it must see no GPU."""
    return _pod(spec, f"gpu-wizard-control-{spec.run_id}", "control", image, hostname)


def _pod(spec: Spec, name: str, part: str, image: str, hostname: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": spec.options.proof.namespace,
            "labels": {MANAGED_BY: OURS, RUN_LABEL: spec.run_id, PART_LABEL: part},
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": int(spec.options.proof.timeout_seconds),
            "terminationGracePeriodSeconds": 5,
            "nodeSelector": {"kubernetes.io/hostname": hostname},
            "tolerations": [TOLERATION],
            "containers": [
                {
                    "name": "cuda",
                    "image": image,
                    "command": ["nvidia-smi", "-L"],
                    "resources": {"limits": {"cpu": "200m", "memory": "128Mi"}},
                }
            ],
        },
    }
