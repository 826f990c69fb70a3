"""The setup file that `init` writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gpu_wizard.model.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_HEAD = """\
# A setup file of gpu-wizard: what is wanted, and where. It holds no secret and can be shared.
#
#   gpu-wizard --auto {name} --plan     shows what would be done, and changes nothing
#   gpu-wizard --auto {name}            does it; a second run changes nothing

version = 1

# The K3s server: a join token is made there, and its kubeconfig is read, in memory only.
# `host` is a name of ~/.ssh/config, or [user@]address[:port]; or "local" for this machine.
[control_plane]
host = "k3s-server"
# Pinned, so that no known_hosts is needed:  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
# host_key = "SHA256:…"
# Where sudo's password comes from, if sudo asks for one: env, file or prompt.
# sudo = {{from = "env", name = "GPU_WIZARD_SUDO_PASSWORD"}}

[cluster]
# What agents join through. Left out: port 6443 of the control plane. Behind a VIP: its address.
{server}
# A kubeconfig of your own instead of the control plane's:
# kubeconfig = "~/.kube/config"
# context = "default"
"""
_NODE = """
# A machine with an NVIDIA card. If it is the server itself, give it the control plane's host.
[[nodes]]
name = "{name}"
host = "{name}"
# host_key = "SHA256:…"
# sudo = {{from = "prompt"}}
"""
_TAIL = """
# Options of the stages; each shows its default.
[stages.join]
# version = ""                # the server's own
# token = {from = "control-plane"}   # or env, file, prompt
# installer_url = "https://get.k3s.io"
# installer_sha256 = ""       # compared where given; shown and recorded always

[stages.driver]
# reboot = false              # agree to a reboot in advance

[stages.toolkit]
# version = "1.20.0"
# repository = "https://nvidia.github.io/libnvidia-container/stable"

[stages.device-plugin]
# version = "v0.20.0"
# image = "nvcr.io/nvidia/k8s-device-plugin"

[stages.proof]
# image = ""                  # a CUDA image that the driver can run is chosen

# Answers to questions that only you can decide; a run that meets one prints the line to add here.
[choices]
"""


def checked_names(nodes: Sequence[str]) -> Sequence[str]:
    """The names, each good for a setup file. Raises: InputError."""
    for at, name in enumerate(nodes):
        if not _NAME.fullmatch(name):
            message = f"--nodes: {name!r} is no name: letters, digits, dots and dashes, at most 63."
            raise InputError("usage", message)
        if name in nodes[:at]:
            raise InputError("usage", f"--nodes: {name} stands twice.")
    return nodes


def starter(name: str, nodes: Sequence[str]) -> str:
    """A commented setup file for these nodes; `name` is the file's own."""
    several = len(nodes) > 1
    server = (
        'server = "https://192.0.2.10:6443"' if several else '# server = "https://192.0.2.10:6443"'
    )
    return (
        _HEAD.format(name="".join(filter(str.isprintable, name)), server=server)
        + "".join(_NODE.format(name=each) for each in nodes)
        + _TAIL
    )
