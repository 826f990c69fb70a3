"""The unit k3s: a server of the cluster, which is a node as well.

Source: recordings `k3s-1.34/01-server`, `05-runtimeclass`, `06-restart-and-uninstall/a`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gpu_wizard.lab.k3s_agent import PASSWORD_FILE, unpack
from gpu_wizard.lab.k3s_config import Flags
from gpu_wizard.lab.k3s_control import RUNTIME_CLASSES, ControlPlane
from gpu_wizard.lab.k3s_runtime import Ended, NodeSetup, closed_directories
from gpu_wizard.lab.releases import Release
from gpu_wizard.lab.systemd import Running

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

SERVER = "/var/lib/rancher/k3s/server"
KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
_PORT_SECONDS = 3.0
_PING_SECONDS = 0.3
_API_SECONDS = 1.8
_ADDON_SECONDS = 3.0


class Server:
    """One run of `k3s server`."""

    def __init__(self, machine: Machine, running: Running, release: Release, flags: Flags) -> None:
        self._machine = machine
        self._running = running
        self._release = release
        self._flags = flags
        self._setup = NodeSetup(machine, running, release, flags)

    async def run(self) -> int:
        """Start everything, then serve until a part dies or the unit is stopped."""
        control = self._machine.world.control
        if control is None:
            return 1
        try:
            await unpack(self._machine, self._running, self._release)
            closed_directories(self._machine, 0o755)
            self._machine.tree.directory(SERVER, mode=0o700)
            await self._start(control)
            await asyncio.get_running_loop().create_future()
        except Ended as ended:
            return ended.status
        finally:
            control.set_health("down")
            self._machine.node.down()
        return 0

    async def _start(self, control: ControlPlane) -> None:
        say, clock = self._setup.say, self._machine.clock
        say(f"Starting k3s {self._release.version} ({self._release.commit[:8]})")
        node = self._machine.node
        node.is_server = True
        node.node_name = self._flags.one("node-name", self._machine.hostname).lower()
        write_files(self._machine, control)
        say(f"Server node token is available at {SERVER}/token")
        say(f"Wrote kubeconfig {KUBECONFIG}")
        await clock.sleep(_PORT_SECONDS)
        control.set_health("starting")
        self._setup.render()
        await clock.sleep(_PING_SECONDS)
        control.set_health("warming")
        await self._setup.containerd()
        await clock.sleep(max(_API_SECONDS - 1.0, 0))
        control.set_health("up")
        say("Kube API server is now running")
        say("k3s is up and running")
        self._running.ready()
        control.vouch(node.node_name, control.password[::-1])
        await self._setup.kubelet()
        control.adopt_secret(node.node_name)
        await self._addons(control)

    async def _addons(self, control: ControlPlane) -> None:
        await self._machine.clock.sleep(_ADDON_SECONDS)
        files = self._machine.files
        manifest = f"{SERVER}/manifests/runtimes.yaml"
        disabled = {part for value in self._flags.many("disable") for part in value.split(",")}
        if "runtimes" in disabled:
            files.remove(manifest)
            control.withdraw_runtime_classes()
        elif not files.exists(f"{manifest}.skip"):
            files.write(manifest, _manifest().encode(), mode=0o600)
            control.deploy_runtime_classes()


def write_files(machine: Machine, control: ControlPlane) -> None:
    """Tokens, CA and kubeconfig as a server keeps them. Source: `k3s-1.34/01-server/b`, `e`."""
    files = machine.files
    if not files.exists(f"{SERVER}/token"):
        files.write(f"{SERVER}/token", f"{control.server_token()}\n".encode(), mode=0o600)
        for name in ("node-token", "agent-token"):
            files.link(f"{SERVER}/token", f"{SERVER}/{name}")
    files.write(f"{SERVER}/tls/server-ca.crt", control.ca_pem)
    passwd = (
        f"{control.password},node,node,k3s:agent\n{control.password},server,server,k3s:server\n"
    )
    files.write(f"{SERVER}/cred/passwd", passwd.encode(), mode=0o600)
    if not files.exists(PASSWORD_FILE):
        files.write(PASSWORD_FILE, f"{control.password[::-1]}\n".encode(), mode=0o600)
    if machine.world.kubeconfig:
        files.write(KUBECONFIG, machine.world.kubeconfig.encode(), mode=0o600)


def _manifest() -> str:
    return "---\n".join(
        f"apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: {name}\n"
        f"handler: {name}\n"
        for name in RUNTIME_CLASSES
    )
