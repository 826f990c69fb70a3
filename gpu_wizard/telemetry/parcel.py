"""The sampler as it travels: what it uses of pynvml and our own files, compressed, for `python3` of another machine.

Whole, pynvml is compiled for 50 ms there and takes 30 MB of memory; cut down, 3 ms and a few.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gpu_wizard.model.errors import UnsupportedError
from gpu_wizard.telemetry.pruning import pruned

MODULES = ("nvml_codes", "nvml", "processes", "xids", "sampler")
"""Our files that are sent, each after those that it imports."""
_USED = re.compile(r"\bnv\.(\w+)")
_MADE_INTO_CLASSES = ("NVML_ERROR", "NVML_SUCCESS")
"""pynvml makes an exception of each such number, by its name. Source: nvidia-ml-py, `_extractNVMLErrorsAsClasses`."""
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
    texts = {name: (here / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    used = set(_USED.findall("".join(texts.values())))
    bindings = Path(spec.origin).read_text(encoding="utf-8")
    files = {
        "pynvml": pruned(bindings, used, lambda name: name.startswith(_MADE_INTO_CLASSES)),
        "gpu_wizard": "",
        "gpu_wizard.telemetry": "",
        **{f"gpu_wizard.telemetry.{name}": text for name, text in texts.items()},
    }
    return tuple(files), tuple(text.encode() for text in files.values())
