"""The unit k3s-agent: a join that works, one that blocks for ever, one that fails and restarts.

Source: recordings `k3s-1.34/02-join`, `03-join-failures`, `06-restart-and-uninstall/g` and `i`.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gpu_wizard.lab import k3s_token
from gpu_wizard.lab.k3s_config import Flags
from gpu_wizard.lab.k3s_log import klog, logrus
from gpu_wizard.lab.k3s_road import RETRY_SECONDS, Road
from gpu_wizard.lab.k3s_runtime import AGENT, Ended, NodeSetup, closed_directories
from gpu_wizard.lab.k3s_token import Token, TokenError
from gpu_wizard.lab.releases import Release
from gpu_wizard.lab.systemd import Running

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_CONFIG_RETRY_SECONDS = 7.0
_TOKEN_FILE_SECONDS = 240.0
_FIRST_START_SECONDS = 1.2
_CLIENT_CERTIFICATE = f"{AGENT}/client-kubelet.crt"
_CLIENT_KEY = f"{AGENT}/client-kubelet.key"
PASSWORD_FILE = "/etc/rancher/node/password"  # noqa: S105 a path, not a password


class Agent:
    """One run of `k3s agent`."""

    def __init__(self, machine: Machine, running: Running, release: Release, flags: Flags) -> None:
        self._machine = machine
        self._running = running
        self._release = release
        self._flags = flags
        self._setup = NodeSetup(machine, running, release, flags)
        self._say = self._setup.say
        self._road = Road(machine)

    async def run(self) -> int:
        """Join, then serve until containerd dies or the unit is stopped; gives the exit status."""
        try:
            await unpack(self._machine, self._running, self._release)
            closed_directories(self._machine, 0o700)
            token = await self._token()
            await self._join(token)
            await asyncio.get_running_loop().create_future()
        except Ended as ended:
            return ended.status
        finally:
            self._machine.node.down()
        return 0

    async def _token(self) -> str:
        path = self._flags.one("token-file")
        text = await self._read_token_file(path) if path else self._flags.one("token")
        if not text and not self._machine.files.exists(_CLIENT_CERTIFICATE):
            raise self._fatal("--token is required")
        if not self._flags.one("server"):
            raise self._fatal("--server is required")
        return text

    def _fatal(self, reason: str) -> Ended:
        self._running.log(logrus("fatal", f"Error: {reason}"))
        return Ended(1)

    async def _read_token_file(self, path: str) -> str:
        waited, files = 0.0, self._machine.files
        self._running.state.deaf = self._release.waits_deaf and not files.exists(path)
        while not files.exists(path):
            if waited >= _TOKEN_FILE_SECONDS:
                self._say("Shutdown request received")
                deaf = self._release.waits_deaf
                raise self._fatal(
                    "Timeout while trying to read the file" if deaf else "context deadline exceeded"
                )
            if self._release.waits_deaf:
                self._say(f"Waiting for {path} to be available\n")
            else:
                self._say(f'Waiting for file "{path}" to be created\n')
            await self._machine.clock.sleep(RETRY_SECONDS)
            waited += RETRY_SECONDS
        self._running.state.deaf = False
        return files.read(path).decode(errors="replace").strip()

    async def _join(self, text: str) -> None:
        server = self._flags.one("server")
        place = urlsplit(server).netloc
        self._say(f"Starting k3s agent {self._release.version} ({self._release.commit[:8]})")
        balancer = "load balancer k3s-agent-load-balancer"
        self._say(f"Updated {balancer} default server: {place}")
        self._say(f"Running {balancer} 127.0.0.1:6444 -> [] [default: {place}]")
        token = await self._validated(server, text)
        if not token.ca_hash:
            self._say(
                "Cluster CA certificate is not trusted by the host CA bundle, but the token does "
                "not include a CA hash. Use the full token from the server's node-token file to "
                "enable Cluster CA validation.",
                "warning",
            )
        self._machine.node.node_name = self._flags.one("node-name", self._machine.hostname).lower()
        await self._certificates(token)
        rejoins = self._machine.node.known
        self._setup.render()
        if rejoins:
            await self._machine.clock.sleep(0.1)
            self._up()
        await self._setup.containerd()
        await self._setup.kubelet(self._refused_name)
        control = self._machine.world.control
        if control:
            control.adopt_secret(self._machine.node.node_name)
        self._up()

    def _up(self) -> None:
        if self._running.state.active != "active":
            self._say("k3s agent is up and running")
            self._running.ready()

    async def _validated(self, server: str, text: str) -> Token:
        """Try until the server's CA fits the token: for ever, if need be."""
        while True:
            pause = RETRY_SECONDS
            try:
                token = k3s_token.parse(text)
                fault, pause = self._road.fault(server, token)
            except TokenError as wrong:
                token, fault = Token("", "", ""), str(wrong)
            if not fault:
                return token
            late = pause > RETRY_SECONDS
            if late:
                await self._machine.clock.sleep(pause)
            self._say(f"Failed to validate connection to cluster at {server}: {fault}", "error")
            if not late:
                await self._machine.clock.sleep(pause)

    async def _certificates(self, token: Token) -> None:
        """Get configuration and certificates: for ever, if need be."""
        while True:
            fault = self._rejection(token)
            if not fault:
                break
            self._say(f"Waiting to retrieve agent configuration; server is not ready: {fault}")
            await self._machine.clock.sleep(_CONFIG_RETRY_SECONDS)
        await self._machine.clock.sleep(0.3)
        files = self._machine.files
        control = self._machine.world.control
        files.write(f"{AGENT}/server-ca.crt", control.ca_pem if control else b"", mode=0o600)
        for path in (_CLIENT_CERTIFICATE, _CLIENT_KEY, f"{AGENT}/serving-kubelet.crt"):
            files.write(path, secrets.token_hex(16).encode(), mode=0o600)
        files.write(f"{AGENT}/kubelet.kubeconfig", b"apiVersion: v1\n", mode=0o600)

    def _rejection(self, token: Token) -> str:
        control = self._machine.world.control
        if control is None or control.health != "up":
            return "failed to retrieve configuration from server: apiserver not ready"
        files, node = self._machine.files, self._machine.node
        certified = files.exists(_CLIENT_CERTIFICATE) and files.exists(_CLIENT_KEY)
        serving = f"{AGENT}/serving-kubelet.crt"
        if certified and not node.known:
            self._say(
                "Node authorization rejected, retrying without client certificate authentication"
            )
            post = 'Post "https://127.0.0.1:6444/v1-k3s/serving-kubelet.crt"'
            length = 188 + secrets.randbelow(3)
            return f"{serving}: {post}: http: ContentLength={length} with Body length 0"
        if not certified and not control.accepts(token):
            return "failed to retrieve configuration from server: not authorized"
        if not control.vouch(node.node_name, self._password()):
            return (
                f"{serving}: Node password rejected, duplicate hostname or contents of "
                f"'{PASSWORD_FILE}' may not match server node-passwd entry, try enabling a unique "
                "node name with the --with-node-id flag"
            )
        return ""

    def _password(self) -> str:
        files = self._machine.files
        if not files.exists(PASSWORD_FILE):
            files.write(PASSWORD_FILE, f"{secrets.token_hex(16)}\n".encode(), mode=0o600)
        return files.read(PASSWORD_FILE).decode().strip()

    async def _refused_name(self) -> None:
        """A name that the API refuses: the kubelet tries for ever."""
        name = self._machine.node.node_name
        reason = (
            f'Node "{name}" is invalid: metadata.name: Invalid value: "{name}": a lowercase RFC '
            "1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
            "must start and end with an alphanumeric character (e.g. 'example.com', regex used "
            "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        )
        message, pid = "Unable to register node with API server", self._running.state.pid
        while True:
            if self._release.klog:
                place = "kubelet_node_status.go:107"
                self._running.log(klog("E", pid, place, message, err=reason, node=name))
            else:
                self._say(message, "error", error=reason, logger="k3s", node=name)
            await self._machine.clock.sleep(_CONFIG_RETRY_SECONDS)


async def unpack(machine: Machine, running: Running, release: Release) -> None:
    """The first start of a binary unpacks its data directory."""
    directory = f"/var/lib/rancher/k3s/data/{release.data}"
    if machine.files.exists(f"{directory}/bin/containerd"):
        return
    running.log(
        logrus("info", "Acquiring lock file /var/lib/rancher/k3s/data/.lock")
        + "\n"
        + logrus("info", f"Preparing data dir {directory}")
    )
    await machine.clock.sleep(_FIRST_START_SECONDS)
    machine.files.write(f"{directory}/bin/containerd", b"", mode=0o755)
