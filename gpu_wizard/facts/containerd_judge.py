"""What containerd of a given version makes of a configuration: does it load, does CRI run, is `nvidia` there.

Source: containerd v1.7.24 pkg/cri/config (ValidatePluginConfig) and v2.1.9 internal/cri/config
(ValidateRuntimeConfig, ValidateImageConfig); recordings of `config dump` and of starting daemons.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gpu_wizard.facts.containerd_cri import cri_faults
from gpu_wizard.facts.containerd_load import load
from gpu_wizard.facts.containerd_loaded import FileSource, Finding, Loaded
from gpu_wizard.facts.containerd_migrate import full_name
from gpu_wizard.facts.containerd_schema import CRI, IMAGES, RUNTIME, plugins
from gpu_wizard.facts.containerd_toml import Tree
from gpu_wizard.facts.containerd_types import at, fit
from gpu_wizard.model.version import Version

RUNC = "io.containerd.runc.v2"
_TAKES_BINARY = (RUNC, "io.containerd.runc.v1")


@dataclass(frozen=True)
class NvidiaRuntime:
    """The runtime `nvidia` as containerd has it. `systemd_cgroup` None: not stated.

    `file`, `line`: where it stands; `lines`: key → its file and line, of the last file that has it.
    """

    plugin: str
    runtime_type: str
    binary: str
    systemd_cgroup: bool | None
    file: str = ""
    line: int = 0
    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Verdict:
    """A judgement.

    `loads`: `containerd config dump` exits 0. `cri`: CRI runs after a start. `config_version`: as the file states
    it, None where it states none. `default_runtime` "": unknown, for it does not load. `runtimes`: all names.
    `nvidia`: None where containerd has none, whatever the file says. `files`: all that were loaded; `imports`: as
    the file judged states them. `runc_cgroup`: `SystemdCgroup` of runc, None where not stated.
    """

    loads: bool
    cri: bool
    nvidia: NvidiaRuntime | None
    default_runtime: str
    config_version: int | None
    runtimes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    runc_cgroup: bool | None = None

    @property
    def usable(self) -> bool:
        """Whether a pod of the class `nvidia` gets NVIDIA's runtime."""
        return (
            self.loads
            and self.cri
            and self.nvidia is not None
            and self.nvidia.runtime_type in _TAKES_BINARY
            and bool(self.nvidia.binary)
        )


class NoFiles:
    """No imported file is there."""

    def read(self, path: str) -> bytes:
        """Raises: FileNotFoundError: always."""
        raise FileNotFoundError(path)

    def glob(self, pattern: str) -> list[str]:
        """Nothing."""
        return []


def judge(
    main: bytes,
    containerd: str = "2.1",
    path: str = "/etc/containerd/config.toml",
    source: FileSource | None = None,
) -> Verdict:
    """Judge a configuration. `containerd`: its version, such as `2.1.5-k3s1`, `2.1` or `1.7`."""
    loaded = load(main, path, source or NoFiles(), Version(containerd))
    fitted = _fit_plugins(loaded) if loaded.dumps else {}
    return _verdict(loaded, fitted) if loaded.dumps else _refused(loaded)


def _refused(loaded: Loaded) -> Verdict:
    return Verdict(
        loads=False,
        cri=False,
        nvidia=None,
        default_runtime="",
        config_version=_stated_version(loaded),
        findings=tuple(loaded.findings),
        files=tuple(loaded.documents),
        imports=_stated_imports(loaded),
    )


def _verdict(loaded: Loaded, fitted: Tree) -> Verdict:
    pods = fitted.get(CRI if loaded.legacy else RUNTIME, {})
    runtimes = _runtimes(loaded, pods)
    default = at(pods, "containerd", "default_runtime_name")
    if default is None:
        default = "" if _is_disabled(loaded) else "runc"
    for code, key, params in cri_faults(loaded, fitted, runtimes, default):
        file, line = _where(loaded, key)
        loaded.note(code, line, file=file, fatal=True, **params)
    nvidia = _nvidia(loaded, runtimes)
    loaded.findings.extend(_remarks(loaded, nvidia))
    return Verdict(
        loads=True,
        cri=loaded.starts and not any(finding.fatal for finding in loaded.findings),
        nvidia=nvidia,
        default_runtime=default,
        config_version=_stated_version(loaded),
        runtimes=tuple(sorted(runtimes)),
        findings=tuple(loaded.findings),
        files=tuple(loaded.documents),
        imports=_stated_imports(loaded),
        runc_cgroup=_cgroup(runtimes.get("runc", {})),
    )


def _stated_imports(loaded: Loaded) -> tuple[str, ...]:
    first = next(iter(loaded.documents.values()), None)
    stated = first.tree.get("imports") if first else None
    return tuple(map(str, stated)) if isinstance(stated, list) else ()


def _cgroup(runtime: Tree) -> bool | None:
    cgroup = _option(runtime.get("options", {}), "SystemdCgroup")
    return cgroup if isinstance(cgroup, bool) else None


def _stated_version(loaded: Loaded) -> int | None:
    first = next(iter(loaded.documents.values()), None)
    stated = first.tree.get("version") if first else None
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else None


def _fit_plugins(loaded: Loaded) -> Tree:
    """Every plugin's settings, checked as containerd does when it decodes them."""
    disabled = set(loaded.top.get("disabled_plugins", ()))
    fitted: Tree = {}
    for name, schema in plugins(loaded.legacy).items():
        key = _key(loaded, name)
        if key not in loaded.plugins or key in disabled:
            continue
        tree = loaded.plugins[key]
        if not isinstance(tree, dict):
            _misfit(loaded, (key,), "table", type(tree).__name__)
            continue
        fitted[name], misfits = fit(schema, tree, legacy=loaded.legacy)
        for misfit in misfits:
            _misfit(loaded, (key, *misfit.path), misfit.want, misfit.have)
    return fitted


def _is_disabled(loaded: Loaded) -> bool:
    """Whether the plugin that knows the runtimes is switched off; then a dump names no default."""
    return _key(loaded, CRI if loaded.legacy else RUNTIME) in loaded.top.get("disabled_plugins", ())


def _key(loaded: Loaded, name: str) -> str:
    """The key of a plugin in the file: containerd 1 takes short names under version 1 alone."""
    return name.rsplit(".", 1)[1] if loaded.legacy and loaded.version < 2 else name


def _misfit(loaded: Loaded, path: tuple[str, ...], want: str, have: str) -> None:
    file, line = _where(loaded, path)
    key = ".".join(("plugins", *path))
    if want:
        loaded.fail("wrong-type", line, file=file, key=key, want=want, have=have)
    else:
        loaded.note("unknown-key", line, file=file, key=key)


def _where(loaded: Loaded, path: tuple[str, ...]) -> tuple[str, int]:
    """File and line of a path below `plugins`, under whatever name the plugin has there."""
    if not path:
        return "", 0
    names = {path[0], *((CRI, "cri") if path[0] in (RUNTIME, IMAGES, CRI) else ())}
    for end in range(len(path), 0, -1):
        for name in sorted(names, reverse=True):
            file, line = loaded.where("plugins", name, *path[1:end])
            if line:
                return file, line
    return loaded.where(*path)


def _runtimes(loaded: Loaded, pods: Tree) -> Tree:
    """Name → runtime. containerd 2 always has `runc`, containerd 1 only where the file names no runtimes at all."""
    stated = at(pods, "containerd", "runtimes")
    runc = {"runtime_type": RUNC, "options": {}}
    if loaded.legacy:
        return {"runc": runc} if stated is None else dict(stated)
    stated = stated or {}
    return {**stated, "runc": {**runc, **stated.get("runc", {})}}


def _nvidia(loaded: Loaded, runtimes: Tree) -> NvidiaRuntime | None:
    runtime = runtimes.get("nvidia")
    if runtime is None:
        return None
    options = runtime.get("options", {})
    binary = _option(options, "BinaryName")
    plugin = CRI if loaded.legacy else RUNTIME
    path = (_key(loaded, plugin), "containerd", "runtimes", "nvidia")
    file, line = _where(loaded, path)
    keys = (("runtime_type",), ("options", "BinaryName"), ("options", "SystemdCgroup"))
    return NvidiaRuntime(
        plugin,
        runtime.get("runtime_type", ""),
        binary if isinstance(binary, str) else "",
        _cgroup(runtime),
        file,
        line,
        {key[-1]: _where(loaded, (*path, *key)) for key in keys},
    )


def _option(options: Any, name: str) -> object:
    """A shim's option; its name's case does not matter."""
    return next((value for key, value in options.items() if key.lower() == name.lower()), None)


def _remarks(loaded: Loaded, nvidia: NvidiaRuntime | None) -> Iterator[Finding]:
    """What does not stop containerd and still matters."""
    first = next(iter(loaded.documents.values()))
    if not first.has("version"):
        yield Finding("version-missing")
    if nvidia is None:
        yield from _lost(loaded)
        yield Finding("nvidia-missing")
        return
    params = {"file": nvidia.file} if nvidia.file != next(iter(loaded.documents)) else {}
    if not nvidia.runtime_type:
        yield Finding("runtime-without-type", nvidia.line, params)
    elif nvidia.runtime_type not in _TAKES_BINARY:
        yield Finding("runtime-type-other", nvidia.line, {**params, "type": nvidia.runtime_type})
    if not nvidia.binary:
        yield Finding("binary-missing", nvidia.line, params)
    elif not posixpath.isabs(nvidia.binary):
        yield Finding("binary-relative", nvidia.line, {**params, "binary": nvidia.binary})
    if nvidia.binary and "nvidia" not in posixpath.basename(nvidia.binary):
        yield Finding("binary-other", nvidia.line, {**params, "binary": nvidia.binary})


def _lost(loaded: Loaded) -> Iterator[Finding]:
    """Runtimes `nvidia` that stand in a file and that containerd does not see there."""
    for file, document in loaded.documents.items():
        for name in document.tree.get("plugins", {}):
            if full_name(name) not in (CRI, RUNTIME):
                continue
            for path in (
                ("containerd", "runtimes", "nvidia"),
                ("containerd", "runtimes", '"nvidia"'),
            ):
                if document.has("plugins", name, *path):
                    params = {"plugin": name, "runtime": path[-1]}
                    if file != next(iter(loaded.documents)):
                        params["file"] = file
                    yield Finding("nvidia-ignored", document.line("plugins", name, *path), params)
