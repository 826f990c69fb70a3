"""Text that no signature knows: the layer that it comes from, and the commands that would tell more.

No guess at a cause is made here.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("driver", re.compile(r"\bNVRM\b|nvidia-smi|nvidia-modeset|nvidia_uvm|\bNVML\b|nvidia-installer|\bXid\b|nvidia-persistenced|mokutil|nouveau", re.I)),
    ("kernel", re.compile(r"\bdkms\b|modprobe|insmod|Kbuild|/lib/modules/|kernel:|vfio|IOMMU|depmod", re.I)),
    ("toolkit", re.compile(r"nvidia-container-(?:cli|runtime|toolkit)|nvidia-ctk|libnvidia-container|\bCDI\b|/etc/cdi", re.I)),
    ("plugin", re.compile(r"device[- ]plugin|nvidia\.com/gpu|gpu-operator|gpu-feature-discovery|dcgm", re.I)),
    ("containerd", re.compile(r"containerd|\bCRI\b|runc\b|crictl|OCI runtime|dockerd|docker:", re.I)),
    ("k3s", re.compile(r"\bk3s\b|\brke2\b|\bk0s\b|kubeadm|k3s-agent|supervisor", re.I)),
    ("kubelet", re.compile(r"kubelet|eviction|cgroup|pod_workers|kuberuntime|cadvisor|\bCNI\b", re.I)),
    ("image", re.compile(r"ImagePull|registry|manifest|nvcr\.io|docker\.io|pull(?:ing)? image", re.I)),
    ("packages", re.compile(r"\bapt(?:-get)?\b|\bdpkg\b|\bdnf\b|\byum\b|zypper|\bgpg\b|\.deb\b|\.rpm\b|InRelease|curl:|wget", re.I)),
    ("ssh", re.compile(r"\bssh(?:d)?\b|known_hosts|publickey|\bsudo:|asyncssh|paramiko", re.I)),
    ("api", re.compile(r"kubectl|apiserver|\bRBAC\b|admission|Error from server|etcd", re.I)),
    ("pod", re.compile(r"CrashLoopBackOff|FailedScheduling|\bpod\b|containers?\b|CUDA|cudart", re.I)),
)  # fmt: skip
_TROUBLE = re.compile(
    r"error|fail|fatal|panic|cannot|can't|unable|denied|refused|invalid|not found|missing|timed? ?out|abort",
    re.I,
)
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "ssh": (
        "ssh -v USER@HOST true",
        "sudo journalctl -u ssh -u sshd -n 50 --no-pager",
        "sudo -l",
    ),
    "packages": (
        "sudo apt-get update",
        "apt-cache policy nvidia-container-toolkit",
        "sudo tail -n 50 /var/log/apt/term.log",
    ),
    "kernel": (
        "sudo dmesg | tail -n 50",
        "dkms status",
        "uname -r; mokutil --sb-state",
    ),
    "driver": (
        "nvidia-smi",
        "sudo dmesg | grep -iE 'nvrm|nvidia|nouveau' | tail -n 30",
        "lspci -nnk -d 10de:",
    ),
    "toolkit": (
        "sudo nvidia-container-cli --load-kmods info",
        "nvidia-ctk --version",
        "cat /etc/nvidia-container-runtime/config.toml",
    ),
    "containerd": (
        "sudo tail -n 50 /var/lib/rancher/k3s/agent/containerd/containerd.log",
        "sudo k3s crictl info",
        "sudo grep -n nvidia /var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    ),
    "k3s": (
        "sudo journalctl -u k3s-agent -u k3s -n 100 --no-pager",
        "systemctl status k3s-agent k3s --no-pager",
        "curl -vk https://SERVER:6443/cacerts",
    ),
    "kubelet": (
        "kubectl describe node NODE",
        "sudo journalctl -u k3s-agent -u kubelet -n 100 --no-pager",
        "df -h; free -m",
    ),
    "api": (
        "kubectl version",
        "kubectl auth can-i --list",
        "kubectl get --raw /readyz?verbose",
    ),
    "image": (
        "kubectl describe pod POD",
        "sudo k3s crictl pull IMAGE",
        "cat /etc/rancher/k3s/registries.yaml",
    ),
    "plugin": (
        "kubectl -n kube-system get pods -o wide | grep -i nvidia",
        "kubectl -n kube-system logs -l name=nvidia-device-plugin-ds --tail=50",
        "kubectl get node NODE -o jsonpath='{.status.allocatable}'",
    ),
    "pod": (
        "kubectl describe pod POD",
        "kubectl logs POD --previous",
        "kubectl get events --sort-by=.lastTimestamp | tail -n 20",
    ),
}


@dataclass(frozen=True)
class Layer:
    """Where unknown text comes from. `id` "": not even that can be told."""

    id: str
    commands: tuple[str, ...]


UNKNOWN = Layer(
    "",
    (
        "sudo dmesg | tail -n 50",
        "sudo journalctl -p err -b --no-pager | tail -n 50",
        "kubectl get events -A --sort-by=.lastTimestamp | tail -n 20",
    ),
)


class LayerGuess:
    """Counts the words of each layer; lines that tell of trouble count more. Bounded: it samples a long log."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._budget = 4000

    def feed(self, lines: list[str]) -> None:
        """Look at some more lines."""
        for line in lines[: self._budget]:
            weight = 5 if _TROUBLE.search(line) else 1
            for name, words in _WORDS:
                if words.search(line):
                    self._counts[name] += weight
        self._budget = max(0, self._budget - len(lines))

    def layer(self) -> Layer:
        """The layer most spoken of."""
        if not self._counts:
            return UNKNOWN
        best = max(self._counts.values())
        name = next(name for name, _ in _WORDS if self._counts[name] == best)
        return Layer(name, _COMMANDS[name])


def commands_of(layer: str) -> tuple[str, ...]:
    """The commands that tell more about a layer."""
    return _COMMANDS.get(layer, UNKNOWN.commands)
