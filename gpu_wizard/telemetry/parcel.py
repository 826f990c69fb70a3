"""The sampler as it travels: pynvml and our own files, compressed, for `python3` of another machine."""

from __future__ import annotations

import importlib.util
import shlex
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gpu_wizard.model.errors import UnsupportedError

MODULES = ("nvml_codes", "nvml", "processes", "xids", "sampler")
"""Our files that are sent, each after those that it imports."""
TOO_OLD = 3
"""How the boot line ends where Python is older than 3.7."""
PATH_SETTING = (
    "LC_ALL=C; export LC_ALL; "
    "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/wsl/lib; export PATH; "
)
"""The administrator's programs too, and nvidia-smi under WSL. Source: domain.md appendix F."""

_LOADER = """\
import sys, types
def load(name, source):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    return module
for at, name in enumerate(parts[1].decode().split()):
    load(name, parts[3 + at])
sys.modules[name].serve(float(parts[2]))
"""


@dataclass(frozen=True)
class Parcel:
    """What to start, and what to write to its standard input."""

    command: str
    content: bytes


def parcel(every_seconds: float) -> Parcel:
    """A sampler that takes a sample each `every_seconds`. Raises: UnsupportedError: pynvml is not installed here."""
    names, sources = _sources()
    parts = (_LOADER.encode(), " ".join(names).encode(), repr(every_seconds).encode(), *sources)
    content = zlib.compress(b"\0".join(parts), 6)
    boot = (
        f"import sys\nif sys.version_info<(3,7):sys.exit({TOO_OLD})\nimport zlib\n"
        f"parts=zlib.decompress(sys.stdin.buffer.read({len(content)})).split(b'\\0')\n"
        "exec(parts[0])"
    )
    inner = f"{PATH_SETTING}exec python3 -IS -c {shlex.quote(boot)}"
    return Parcel(f"exec sh -c {shlex.quote(inner)}", content)


@cache
def _sources() -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """Empty modules stand for our packages, so that the files import each other as they do here."""
    spec = importlib.util.find_spec("pynvml")
    if spec is None or spec.origin is None:
        raise UnsupportedError("no-pynvml", "The package nvidia-ml-py is not installed here.")
    here = Path(__file__).parent
    own = {f"gpu_wizard.telemetry.{name}": (here / f"{name}.py").read_bytes() for name in MODULES}
    packages = {"gpu_wizard": b"", "gpu_wizard.telemetry": b""}
    files = {"pynvml": Path(spec.origin).read_bytes(), **packages, **own}
    return tuple(files), tuple(files.values())
