"""What the user wants for one node: every resolved value, defaults too. Found things never mix in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gpu_wizard.model.secret import SecretSource

CONTROL_PLANE = SecretSource("control-plane")

NVIDIA_REPOSITORY = "https://nvidia.github.io/libnvidia-container/stable"
NVIDIA_KEY = "https://nvidia.github.io/libnvidia-container/gpgkey"
NVIDIA_FINGERPRINT = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"
"""Source: domain.md stage 3, as dnf reports it for NVIDIA's key address."""


@dataclass(frozen=True)
class JoinOptions:
    """Stage 1. `version` "": the server's. `node_name` "": the host's name, lower-cased.

    `token`: where the join token comes from; `control-plane` makes a short-lived one there.
    `installer_sha256` "": shown and recorded, not compared. `installer_file`, `binary_file`, `images_file`:
    local paths uploaded instead of downloads (air gap). Proxies are put into the installer's environment.
    """

    version: str = ""
    token: SecretSource = CONTROL_PLANE
    installer_url: str = "https://get.k3s.io"
    installer_sha256: str = ""
    installer_file: str = ""
    binary_file: str = ""
    images_file: str = ""
    node_name: str = ""
    node_ip: str = ""
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""


@dataclass(frozen=True)
class DriverOptions:
    """Stage 2. `reboot`: a reboot that the stage offers is agreed to in advance."""

    reboot: bool = False


@dataclass(frozen=True)
class ToolkitOptions:
    """Stage 3. `version`: to install where none or one below `minimum` is there; never a downgrade.

    `repository` is what stands before `/deb/…` or `/rpm/…`. `fingerprint` is always checked.
    """

    version: str = "1.20.0"
    repository: str = NVIDIA_REPOSITORY
    key_url: str = NVIDIA_KEY
    fingerprint: str = NVIDIA_FINGERPRINT
    http_proxy: str = ""
    https_proxy: str = ""


@dataclass(frozen=True)
class RuntimeOptions:
    """Stage 4. `binary` "": where the package puts nvidia-container-runtime, or where it was found."""

    binary: str = ""


@dataclass(frozen=True)
class DevicePluginOptions:
    """Stage 5. `image`: registry and name without the tag, for mirrors. `replicas`: so many shares of each card
    (time-slicing), 1 for whole cards, 0 for what our plugin is told already.
    """

    version: str = "v0.20.0"
    image: str = "nvcr.io/nvidia/k8s-device-plugin"
    replicas: int = 0


@dataclass(frozen=True)
class RuntimeClassOptions:
    """Stage 6. `name`: of the class, whose handler must be `nvidia`."""

    name: str = "nvidia"


@dataclass(frozen=True)
class PluginRuntimeOptions:
    """Stage 7 has no options of its own."""


@dataclass(frozen=True)
class LabelsOptions:
    """Stage 8. `gpu_present`: `nvidia.com/gpu.present=true` by domain.md's condition (`auto`), always or never."""

    gpu_present: str = "auto"


@dataclass(frozen=True)
class ProofOptions:
    """The proof. `image` "": a CUDA image that the driver can run. `namespace`: of the short pods."""

    image: str = ""
    namespace: str = "default"
    timeout_seconds: float = 300.0


@dataclass(frozen=True)
class StageOptions:
    """The options of every stage; field names are stage ids with `_` for `-`."""

    join: JoinOptions = JoinOptions()
    driver: DriverOptions = DriverOptions()
    toolkit: ToolkitOptions = ToolkitOptions()
    runtime: RuntimeOptions = RuntimeOptions()
    device_plugin: DevicePluginOptions = DevicePluginOptions()
    runtime_class: RuntimeClassOptions = RuntimeClassOptions()
    plugin_runtime: PluginRuntimeOptions = PluginRuntimeOptions()
    labels: LabelsOptions = LabelsOptions()
    proof: ProofOptions = ProofOptions()


@dataclass(frozen=True)
class Spec:
    """What is wanted for one node.

    `node`: its name in the setup file or as typed. `kubernetes_node`: its name in the cluster, "" until the
    engine has asked the host. `server`: `https://…:6443` that agents join through. `has_control_plane`: a host
    is there to mint tokens on. `choices`: question id → option id. `prove`: run the proof though nothing changed
    (the engine also sets it after a change).
    """

    node: str
    server: str = ""
    kubernetes_node: str = ""
    has_control_plane: bool = False
    options: StageOptions = StageOptions()
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    prove: bool = False
    run_id: str = ""
    """Names this run: in backups' paths and the names of short pods. `[a-z0-9-]`, at most 30 characters."""

    def with_choice(self, question: str, option: str) -> Spec:
        """The same with one question answered."""
        return replace(self, choices=MappingProxyType({**self.choices, question: option}))
