"""The container toolkit's programs: nvidia-ctk, nvidia-container-cli and the runtime itself.

Source: recordings `k3s-h100/nvidia-ctk.txt`, `containerd/nvidia-ctk`; domain.md, stage 3.
"""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from gpu_wizard.lab.cdi import cdi_spec
from gpu_wizard.lab.containerd_config import RUNC, V2_PLUGIN, V3_PLUGIN
from gpu_wizard.lab.k3s_log import logrus
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import Options, UsageError, split
from gpu_wizard.lab.programs.toml_text import toml_text

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_CONFIG = "/etc/nvidia-container-runtime/config.toml"
_CDI = "/var/run/cdi/nvidia.yaml"
_LONG = (
    *("runtime=", "config=", "config-source=", "executable-path=", "drop-in-config=", "dry-run"),
    *("nvidia-set-as-default", "set-as-default", "nvidia-runtime-name=", "nvidia-runtime-path="),
    *("cdi.enabled", "in-place", "set=", "output=", "version", "debug", "quiet", "config-file="),
)


class NvidiaCtk:
    """One machine's nvidia-ctk."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        argv = [word.replace("--cdi.enabled=true", "--cdi.enabled") for word in call.argv[1:]]
        try:
            options = split(argv, "vdq", _LONG)
        except UsageError as wrong:
            await call.err(f"Incorrect Usage: flag provided but not defined: {wrong}\n".encode())
            return 1
        if options.has("--version", "-v"):
            version = self._machine.driver.installed("/usr/bin/nvidia-ctk")
            commit = "a8e0c21a5f0d3e6a2b9c4d7e1f80337c5d6e9b12"
            text = f"NVIDIA Container Toolkit CLI version {version}\ncommit: {commit}\n"
            await call.out(text.encode())
            return 0
        acts: dict[tuple[str, ...], Callable[[Call, Options], Awaitable[int]]] = {
            ("cdi", "list"): self._cdi_list,
            ("cdi", "generate"): self._cdi_generate,
            ("runtime", "configure"): self._configure,
            ("config",): self._config,
        }
        act = acts.get(options.words[:2]) or acts.get(options.words[:1])
        if act is None:
            await call.out(
                b"NAME:\n   nvidia-ctk - Tools to configure the NVIDIA Container Toolkit\n"
            )
            return 0
        return await act(call, options)

    def _devices(self) -> list[str]:
        cards = self._machine.driver.cards
        if not self._machine.files.exists(_CDI):
            return []
        numbers = [f"nvidia.com/gpu={at}" for at in range(len(cards))]
        return [*numbers, *(f"nvidia.com/gpu={card.uuid}" for card in cards), "nvidia.com/gpu=all"]

    async def _cdi_list(self, call: Call, _options: Options) -> int:
        devices = self._devices()
        await call.err(f"{logrus('info', f'Found {len(devices)} CDI devices')}\n".encode())
        await call.out("".join(f"{device}\n" for device in devices).encode())
        return 0

    async def _cdi_generate(self, call: Call, options: Options) -> int:
        answer = self._machine.driver.answer()
        if answer.status:
            text = "failed to create device CDI specs: failed to initialize NVML: Driver Not Loaded"
            await call.err(f"{logrus('error', text)}\n".encode())
            return 1
        lines = [logrus("info", "Auto-detected mode as 'nvml'")]
        lines.append(logrus("info", "Generated CDI spec with version 0.5.0"))
        spec = cdi_spec(self._machine.driver.cards)
        target = options.last("--output")
        if target and target != "/dev/null":
            self._machine.files.write(target, spec.encode())
        elif not target:
            await call.out(spec.encode())
        await call.err("".join(f"{line}\n" for line in lines).encode())
        return 0

    async def _config(self, call: Call, options: Options) -> int:
        path = options.last("--config", "--config-file", default=_CONFIG)
        files = self._machine.files
        text = files.read(path).decode() if files.exists(path) else ""
        for pair in options.every("--set"):
            text = _set(text, pair)
        if options.has("--in-place"):
            files.write(path, text.encode())
        else:
            await call.out(text.encode())
        return 0

    async def _configure(self, call: Call, options: Options) -> int:
        path = options.last("--config", default="/etc/containerd/config.toml")
        files = self._machine.files
        text = files.read(path).decode(errors="replace") if files.exists(path) else ""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as broken:
            await call.err(
                f"{logrus('error', f'unable to load config for runtime containerd: {broken}')}\n"
                "".encode()
            )
            return 1
        version = int(document.get("version", 2 if text else 3))
        plugin = V3_PLUGIN if version >= 3 else V2_PLUGIN
        await self._say(call, f"Using config version {version}")
        await self._say(call, f'Using CRI runtime plugin name "{plugin}"')
        dropin_path = options.last("--drop-in-config", default=self._dropin_default())
        dropin = _with_nvidia(document, plugin, version, options)
        main = dict(document, version=version)
        imports = [str(item) for item in document.get("imports", [])]
        pattern = f"{dropin_path.rpartition('/')[0]}/*.toml"
        main["imports"] = imports if pattern in imports else [*imports, pattern]
        if options.has("--dry-run"):
            await self._say(call, "Drop-in config:")
            await call.out(toml_text(dropin).encode())
            await self._say(call, "Top-level config:")
            await call.out(f"\n{toml_text(main)}".encode())
            return 0
        if call.user.uid:
            await call.err(
                f"{logrus('error', f'unable to open {path}: permission denied')}\n".encode()
            )
            return 1
        files.write(dropin_path, toml_text(dropin).encode())
        files.write(path, toml_text(main).encode())
        await self._say(call, f"Wrote updated config to {dropin_path}")
        await self._say(call, "It is recommended that containerd daemon be restarted.")
        return 0

    def _dropin_default(self) -> str:
        return "/etc/containerd/conf.d/99-nvidia.toml"

    async def _say(self, call: Call, text: str) -> None:
        await call.err(f"{logrus('info', text)}\n".encode())


def _with_nvidia(
    document: dict[str, Any], plugin: str, version: int, options: Options
) -> dict[str, Any]:
    """The drop-in: the main file's CRI runtime table with nvidia's runtime added."""
    table: dict[str, Any] = _copy(document.get("plugins", {}).get(plugin, {}))
    containerd = table.setdefault("containerd", {})
    runtimes = containerd.setdefault("runtimes", {})
    runc = runtimes.get("runc", {}).get("options", {})
    name = options.last("--nvidia-runtime-name", default="nvidia")
    path = options.last("--nvidia-runtime-path", default="/usr/bin/nvidia-container-runtime")
    runtimes[name] = {"runtime_type": RUNC, "options": {**runc, "BinaryName": path}}
    if options.has("--nvidia-set-as-default", "--set-as-default"):
        containerd["default_runtime_name"] = name
    if options.has("--cdi.enabled"):
        table["enable_cdi"] = True
    return {"version": version, "plugins": {plugin: table}}


def _copy(value: Any) -> Any:
    return {key: _copy(item) for key, item in value.items()} if isinstance(value, dict) else value


def _set(text: str, pair: str) -> str:
    key, _, value = pair.partition("=")
    name = key.rpartition(".")[2]
    shown = value if value in ("true", "false") else f'"{value}"'
    lines = [
        f"{name} = {shown}" if line.split("=")[0].strip() == name else line
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"


def _container_cli(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        if "--version" in call.argv or "-V" in call.argv:
            version = machine.driver.installed("/usr/bin/nvidia-container-cli")
            await call.out(f"cli-version: {version}\nlib-version: {version}\n".encode())
            return 0
        answer = machine.driver.answer()
        words = {
            12: "load library failed: libnvidia-ml.so.1: cannot open shared object file: "
            "no such file or directory",
            18: "nvml error: driver/library version mismatch",
            4: "nvml error: insufficient permissions",
        }
        if answer.status:
            text = words.get(answer.status, "nvml error: driver not loaded")
            await call.err(f"nvidia-container-cli: initialization error: {text}\n".encode())
            return 1
        driver = machine.driver
        out = f"NVRM version:   {driver.modules['nvidia']}\nCUDA version:   {driver.cuda}\n"
        for at, card in enumerate(driver.cards):
            out += (
                f"\nDevice Index:   {at}\nDevice Minor:   {card.minor}\nModel:          {card.name}\n"
                f"Brand:          NvidiaRTX\nGPU UUID:       {card.uuid}\n"
                f"Bus Location:   00000000:{at + 1:02x}:00.0\nArchitecture:   8.6\n"
            )
        await call.out(out.encode())
        return 0

    return run


def _runtime(_machine: Machine) -> Program:
    async def run(call: Call) -> int:
        if "--version" in call.argv:
            await call.out(b"NVIDIA Container Runtime version 1.20.0\nspec: 1.3.0\n")
            return 0
        await call.err(b"nvidia-container-runtime: not started by containerd\n")
        return 1

    return run


PROGRAMS: dict[str, Callable[[Machine], Program]] = {
    "nvidia-ctk": NvidiaCtk,
    "nvidia-container-cli": _container_cli,
    "nvidia-container-runtime": _runtime,
    "nvidia-container-runtime-hook": _runtime,
    "nvidia-cdi-hook": _runtime,
}
