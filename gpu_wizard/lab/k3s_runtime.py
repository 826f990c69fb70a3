"""What agent and server share: rendering config.toml, containerd, the kubelet.

Source: journals of `k3s-1.34/02-join/a`, `04-containerd`, `03-join-failures/28` to `33`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab import containerd_config
from gpu_wizard.lab.containerd import CONFIG, BadConfigError
from gpu_wizard.lab.containerd_config import DEFAULT_PATH, DIRECTORY, Settings
from gpu_wizard.lab.go_expression import TemplateError
from gpu_wizard.lab.k3s_config import Flags
from gpu_wizard.lab.k3s_log import logrus
from gpu_wizard.lab.releases import Release
from gpu_wizard.lab.systemd import Running

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

AGENT = "/var/lib/rancher/k3s/agent"
_CONTAINERD_SECONDS = 1.0
_KUBELET_SECONDS = 0.9
_LABEL_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_KUBELET_LABELS = (
    *("beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "beta.kubernetes.io/os"),
    *("failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone"),
    *("kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os"),
    *("node.kubernetes.io/instance-type", "topology.kubernetes.io/region"),
    "topology.kubernetes.io/zone",
)
_KUBELET_FLAGS = frozenset(
    [
        "allowed-unsafe-sysctls",
        "cgroup-driver",
        "config",
        "container-log-max-files",
        "container-log-max-size",
        "cpu-manager-policy",
        "enforce-node-allocatable",
        "eviction-hard",
        "eviction-soft",
        "fail-cgroupv1",
        "fail-swap-on",
        "feature-gates",
        "image-gc-high-threshold",
        "image-gc-low-threshold",
        "kube-reserved",
        "kube-api-qps",
        "log-file-max-size",
        "max-pods",
        "memory-manager-policy",
        "node-status-update-frequency",
        "protect-kernel-defaults",
        "register-with-taints",
        "resolv-conf",
        "root-dir",
        "serialize-image-pulls",
        "streaming-connection-idle-timeout",
        "system-reserved",
        "topology-manager-policy",
        "v",
    ]
)


class Ended(Exception):  # noqa: N818 not an error in itself but how the process ends
    """The K3s process ends with a status, having logged why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class NodeSetup:
    """One start of K3s's node part."""

    def __init__(self, machine: Machine, running: Running, release: Release, flags: Flags) -> None:
        self._machine = machine
        self._running = running
        self._release = release
        self._flags = flags

    def say(self, message: str, level: str = "info", **fields: str) -> None:
        """A line of K3s's own log."""
        self._running.log(logrus(level, message, **fields))

    def shut_down(self, reason: str) -> Ended:
        """Log why K3s ends; the exit status is 0."""
        shown = f'"{reason}"' if self._release.quotes else reason
        self.say(f"Shutdown request received: {shown}", "error")
        return Ended(0)

    def render(self) -> None:
        """Look for runtimes and write config.toml.

        Raises: Ended.
        """
        files = self._machine.files
        path = self._running.environment.get("PATH", DEFAULT_PATH)
        found = containerd_config.search(self._machine.executable, path)
        for name, binary in found.items():
            self.say(f"Found {name} container runtime at {binary}")
        default = self._flags.one("default-runtime")
        if default and default not in ("runc", *found):
            reason = f"default runtime {default} was not found"
            raise self.shut_down(f"failed to start container runtime: {reason}")
        settings = Settings(self._release, found, default)
        template, version = self._template()
        try:
            text = containerd_config.render_config(settings, template, version=version)
        except TemplateError as broken:
            raise self._template_fault(broken) from broken
        mode = files.mode(CONFIG) & 0o777 if files.exists(CONFIG) else 0o644
        files.write(CONFIG, text.encode(), mode=mode)
        self.say("Logging containerd to /var/lib/rancher/k3s/agent/containerd/containerd.log")
        more = " -a /run/k3s/containerd/containerd.sock --state /run/k3s/containerd"
        root = f"{more} --root {AGENT}/containerd" if version == 2 else ""
        self.say(f"Running containerd -c {CONFIG}{root}")

    def _template(self) -> tuple[str | None, int]:
        files = self._machine.files
        for name, version in (("config-v3.toml.tmpl", 3), ("config.toml.tmpl", 2)):
            if files.exists(f"{DIRECTORY}/{name}"):
                self.say(f"Using containerd config template at {DIRECTORY}/{name}")
                return files.read(f"{DIRECTORY}/{name}").decode(errors="replace"), version
        return None, 3

    def _template_fault(self, broken: TemplateError) -> Ended:
        if not broken.parsing:
            return self.shut_down(f"failed to start container runtime: {broken}")
        self._running.log(
            f"panic: {broken}\ntext/template.Must(...)\n"
            "\t/usr/local/go/src/text/template/helper.go:26\n"
            "github.com/k3s-io/k3s/pkg/agent/templates.ParseTemplateFromConfig"
        )
        return Ended(2)

    async def containerd(self) -> None:
        """Start containerd; comes back when it runs.

        Raises: Ended.
        """
        try:
            runtimes = self._machine.node.configure(self._release)
        except BadConfigError as bad:
            await self._machine.clock.sleep(0.2)
            raise self.shut_down("containerd exited: exit status 1") from bad
        if self._machine.leaked_shim:
            await self._clean_leaked_shim()
        await self._machine.clock.sleep(_CONTAINERD_SECONDS)
        self._machine.node.containerd_up(self._release, runtimes)
        self.say("containerd is now running")

    async def _clean_leaked_shim(self) -> None:
        """containerd comes ten seconds late. Source: `k3s-1.34/07-pods/d`."""
        self._machine.leaked_shim = False
        for _ in range(10):
            await self._machine.clock.sleep(1)
            self.say(
                "Waiting for containerd startup: rpc error: code = Unavailable desc = connection "
                'error: desc = "transport: Error while dialing: dial unix '
                '/run/k3s/containerd/containerd.sock: connect: connection refused"'
            )

    async def kubelet(self, refused: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start the kubelet and register the Node.

        Raises: Ended.
        """
        machine, node = self._machine, self._machine.node
        labels = self._flags.many("node-label")
        await machine.clock.sleep(_KUBELET_SECONDS)
        self.say(
            f"Running kubelet --cloud-provider=external --config-dir={AGENT}/etc/kubelet.conf.d "
            "--containerd=/run/k3s/containerd/containerd.sock "
            + "".join(f"--{argument} " for argument in self._flags.many("kubelet-arg"))
            + f"--hostname-override={node.node_name} --kubeconfig={AGENT}/kubelet.kubeconfig "
            f"--node-ip={self._flags.one('node-ip', machine.address)} "
            f"--node-labels={','.join(labels)} --read-only-port=0"
        )
        fault = self._kubelet_fault(labels)
        if fault:
            self._running.log(f"Error: {fault}")
            raise self.shut_down(f"kubelet exited: {fault}")
        if refused and not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", node.node_name):
            await refused()
        node.internal_ip = self._flags.one("node-ip", machine.address)
        pairs = (label.partition("=")[::2] for label in labels)
        node.kubelet_up(self._release, dict(pairs))
        self.say(f"Annotations and labels have been set successfully on node: {node.node_name}")

    def _kubelet_fault(self, labels: tuple[str, ...]) -> str:
        for argument in self._flags.many("kubelet-arg"):
            name = argument.lstrip("-").partition("=")[0]
            if name not in _KUBELET_FLAGS:
                return f"failed to parse kubelet flag: unknown flag: --{name}"
        return _label_fault(labels) or self._cgroup_fault()

    def _cgroup_fault(self) -> str:
        allowed = "fail-cgroupv1=false" in self._flags.many("kubelet-arg")
        if self._machine.cgroup == 2 or allowed or not self._release.refuses_cgroup_v1:
            return ""
        return (
            "failed to validate kubelet configuration, error: kubelet is configured to not run on "
            "a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a "
            "future release, path: &TypeMeta{Kind:,APIVersion:,}"
        )


def _label_fault(labels: tuple[str, ...]) -> str:
    unknown = sorted(
        key for key in (label.partition("=")[0] for label in labels) if _is_restricted(key)
    )
    if unknown:
        return (
            "failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels "
            f"specified with --node-labels: [{' '.join(unknown)}]\n--node-labels in the "
            "'kubernetes.io' namespace must begin with an allowed prefix (kubelet.kubernetes.io, "
            "node.kubernetes.io) or be in the specifically allowed set "
            f"({', '.join(_KUBELET_LABELS)})"
        )
    for label in labels:
        value = label.partition("=")[2]
        if not re.fullmatch(_LABEL_VALUE, value):
            return (
                f"failed to validate kubelet flags: invalid node labels: '{value}' - a valid label "
                "must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
                "and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
                f"'my_value',  or '12345', regex used for validation is '{_LABEL_VALUE}')"
            )
    return ""


def _is_restricted(key: str) -> bool:
    domain = key.partition("/")[0]
    if not domain.endswith(("kubernetes.io", "k8s.io")) or key in _KUBELET_LABELS:
        return False
    allowed = ("kubelet.kubernetes.io", "node.kubernetes.io")
    return not (domain in allowed or domain.endswith(tuple(f".{one}" for one in allowed)))


def closed_directories(machine: Machine, agent_mode: int) -> None:
    """Give K3s's directories their modes. Source: `k3s-1.34/01-server/b`, `02-join/c`."""
    for path, mode in (
        ("/var/lib/rancher/k3s", agent_mode),
        (AGENT, agent_mode),
        (DIRECTORY, 0o755),
        (f"{AGENT}/containerd", 0o700),
        ("/run/k3s", 0o711),
        ("/run/k3s/containerd", 0o711),
        ("/var/lib/kubelet", 0o750),
        ("/var/lib/kubelet/device-plugins", 0o755),
    ):
        machine.tree.directory(path, mode=mode)
