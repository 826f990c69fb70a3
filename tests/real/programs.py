"""Builds the bed's programs: Kubernetes with our k3s, containerd, NVIDIA's toolkit, the fake card."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .places import SOURCES, built, digest, files_below, say

OLDEST_GO = (1, 24)
NEWER_GO = "v0.0.1-go1.25.4.linux-amd64"
K3S_VERSION = "v1.34.3+k3s1"
TOOLKIT_VERSION = "1.20.0"
DRIVER_VERSION = "580.95.05"

_VERSION = "k8s.io/component-base/version"
_CONTAINERD = "github.com/containerd/containerd/v2"
_TOOLKIT = "github.com/NVIDIA/nvidia-container-toolkit"


@dataclass(frozen=True)
class GoBuild:
    """Programs of one Go module. `needs_c`: NVML's binding is written in C."""

    module: str
    packages: tuple[str, ...]
    linker: str
    needs_c: bool = False


BUILDS = (
    GoBuild(
        "k8s",
        (".", "sigs.k8s.io/cri-tools/cmd/crictl"),
        f"-X {_VERSION}.gitVersion={K3S_VERSION} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34"
        f" -X {_VERSION}.gitTreeState=clean -X sigs.k8s.io/cri-tools/pkg/version.Version=v1.34.0-k3s2",
    ),
    GoBuild(
        "containerd",
        tuple(
            f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        ),
        f"-X {_CONTAINERD}/version.Version=v2.1.5-k3s1",
    ),
    GoBuild(
        "nvidia",
        (
            "./device-plugin",
            *(
                f"{_TOOLKIT}/cmd/{name}"
                for name in (
                    "nvidia-cdi-hook",
                    "nvidia-container-runtime",
                    "nvidia-container-runtime-hook",
                    "nvidia-ctk",
                )
            ),
        ),
        # go-nvml leaves NVML's functions undefined at link time: they must be bound late.
        f"-extldflags=-Wl,-z,lazy -X {_TOOLKIT}/internal/info.version={TOOLKIT_VERSION}",
        needs_c=True,
    ),
)


def programs() -> Path:
    """The folder of all programs; each Go module is built, and kept, by itself."""
    parts = [built(f"compiled-{build.module}", _key(build), _builder(build)) for build in BUILDS]
    parts.append(
        built(
            "compiled-fakegpu",
            digest(files_below(SOURCES / "fakegpu"), repr(_FAKE_CARD)),
            _build_fakegpu,
        )
    )
    return built(
        "programs", digest((), *(part.name for part in parts)), lambda out: _gather(parts, out)
    )


def _gather(parts: Sequence[Path], out: Path) -> None:
    for part in parts:
        for program in part.iterdir():
            os.link(program, out / program.name)


def _key(build: GoBuild) -> str:
    return digest(files_below(SOURCES / build.module), *build.packages, build.linker)


def _builder(build: GoBuild) -> Callable[[Path], None]:
    def run(out: Path) -> None:
        environment = {
            **os.environ,
            "CGO_ENABLED": "1" if build.needs_c else "0",
            "GOFLAGS": f"-p={os.cpu_count() or 2} -buildvcs=false",
        }
        command = [
            *("nice", "-n", "10", go(), "build", "-trimpath", "-gcflags=all=-dwarf=false"),
            *("-ldflags", f"-s -w {build.linker}", "-o", f"{out}/", *build.packages),
        ]
        with _heartbeat(f"compiling {build.module}"):
            done = subprocess.run(
                command, cwd=SOURCES / build.module, env=environment, capture_output=True, text=True
            )
        if done.returncode:
            raise RuntimeError(f"{build.module}: go build failed\n{done.stderr[-4000:]}")
        if build.module == "k8s":
            (out / "k8s").rename(out / "kube")

    return run


@contextlib.contextmanager
def _heartbeat(what: str) -> Iterator[None]:
    """Says every half minute that a long build goes on."""
    begun, ended = time.monotonic(), threading.Event()

    def beat() -> None:
        while not ended.wait(30):
            say(f"{what}: {time.monotonic() - begun:.0f} s so far")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


_LIBRARY = ("-shared", "-fPIC", f'-DDRIVER_VERSION="{DRIVER_VERSION}"')
_FAKE_CARD = (
    # By these names ldconfig makes the links in a container into which the toolkit mounts the libraries.
    ("libnvidia-ml.so", "nvml.c", (*_LIBRARY, "-Wl,-soname,libnvidia-ml.so.1")),
    ("libcuda.so", "nvml.c", (*_LIBRARY, "-Wl,-soname,libcuda.so.1")),
    ("nvidia-smi", "nvidia-smi.c", ()),
)


def _build_fakegpu(out: Path) -> None:
    for target, source, flags in _FAKE_CARD:
        command = [
            "gcc",
            "-O1",
            *flags,
            "-o",
            str(out / target),
            str(SOURCES / "fakegpu" / source),
            "-ldl",
        ]
        subprocess.run(command, check=True, capture_output=True)


def go_version(program: str) -> tuple[int, ...] | None:
    """Major and minor of a Go command; None if it is none."""
    try:
        said = subprocess.run(
            [program, "env", "GOVERSION"], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"go(\d+)\.(\d+)", said.stdout)
    return (int(found[1]), int(found[2])) if found else None


def go() -> str:
    """A Go that is new enough: the installed one, or one that it fetches from the module proxy."""
    for candidate in _installed_gos():
        version = go_version(candidate)
        if version and version >= OLDEST_GO:
            return candidate
    return str(built("golang", digest((), NEWER_GO), _fetch_go) / "bin" / "go")


def _installed_gos() -> Iterator[str]:
    for candidate in (
        "go",
        "/usr/local/go/bin/go",
        *map(str, sorted(Path("/usr/lib").glob("go-*/bin/go"))),
    ):
        found = shutil.which(candidate)
        if found:
            yield found


def _fetch_go(out: Path) -> None:
    """Go distributes itself as a module, too; any Go with modules can download one."""
    old = next(_installed_gos())
    said = subprocess.run(
        [old, "mod", "download", "-json", f"golang.org/toolchain@{NEWER_GO}"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={**os.environ, "GO111MODULE": "on", "GOFLAGS": "-mod=mod"},
    )
    shutil.copytree(json.loads(said.stdout)["Dir"], out, dirs_exist_ok=True)
    for folder in (out / "bin", out / "pkg" / "tool"):
        for program in files_below(folder):
            program.chmod(0o755)
