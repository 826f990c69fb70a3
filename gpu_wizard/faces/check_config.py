"""`check-config`: stage 4's judgement alone, of any config.toml on this machine."""

from __future__ import annotations

import errno
import json
import os
import posixpath
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from gpu_wizard.faces.printable import printable_line
from gpu_wizard.facts.containerd_judge import Verdict, judge
from gpu_wizard.facts.containerd_loaded import Finding
from gpu_wizard.knowledge.texts import Language, sentence

SCHEMA = 1
"""Version of the JSON object; a newer one may add keys."""

LARGEST_BYTES = 16 << 20
"""No containerd configuration is this long."""

USABLE, UNREADABLE, NOT_USABLE = 0, 2, 3
_VERSION = re.compile(r"v?\d+\.\d+([.+~-].*)?")


class DiskFiles:
    """Files of this machine. `root`: stands before every path, "" for none; `beside`: a folder it does not stand before.

    The folder of a file that lies outside `root` is such a one: its relative imports mean the files beside it.
    """

    def __init__(self, root: str = "", beside: str = "") -> None:
        """`root`: a folder that holds a machine's files at their places."""
        self._root = root.rstrip("/")
        self._beside = beside

    def read(self, path: str) -> bytes:
        """The content. Raises: OSError: also where it is a device, a pipe, or longer than `LARGEST_BYTES`."""
        return _content(self._place(path))

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, as Go's `filepath.Glob` finds them."""
        found = ["/"]
        for part in filter(None, pattern.split("/")):
            wanted = re.compile(_expression(part), re.DOTALL)
            names = ((at, name) for at in found for name in self._names(at, part))
            found = [posixpath.join(at, name) for at, name in names if wanted.fullmatch(name)]
        return found

    def _names(self, folder: str, part: str) -> list[str]:
        if not set(part) & set("*?[\\"):
            return [part] if self._place(posixpath.join(folder, part)).exists() else []
        try:
            return sorted(entry.name for entry in self._place(folder).iterdir())
        except OSError:
            return []

    def _place(self, path: str) -> Path:
        inside = Path(self._root + path)
        near = self._beside and (path + "/").startswith(self._beside.rstrip("/") + "/")
        return Path(path) if near and not inside.exists() else inside


def _content(path: Path) -> bytes:
    """Raises: OSError."""
    # A pipe that nobody writes to would be waited for, already while it is opened.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise OSError(errno.EFBIG, f"Longer than {LARGEST_BYTES >> 20} MiB", str(path))
    return content


def _expression(part: str) -> str:
    """A path's part in Go's pattern language as a regular expression."""
    pieces = re.findall(r"\[\^?(?:\\.|[^\]\\])+\]|\\.|.", part, re.DOTALL)
    plain = {"*": ".*", "?": "."}
    return "".join(plain.get(p, p if len(p) > 1 else re.escape(p)) for p in pieces)


def check_config(
    file: Path, containerd: str = "2.1", root: str = "", *, as_json: bool, language: Language = "en"
) -> int:
    """Judge a file and print the verdict; 0: the nvidia runtime is usable, 3: it is not, 2: bad usage or unreadable."""
    if not _VERSION.fullmatch(containerd):
        return _refuse("version", {"version": containerd}, language)
    if root and not Path(root).is_dir():
        return _refuse("root", {"path": root}, language)
    try:
        content = _content(file)
    except OSError as error:
        return _refuse("file", {"path": str(file), "why": error.strerror or "?"}, language)
    path, source = _placed(file, root)
    verdict = judge(content, containerd, path, source)
    if as_json:
        print(json.dumps(as_object(verdict, language)))
    else:
        print(
            "\n".join(
                printable_line(line) for line in _lines(verdict, str(file), containerd, language)
            )
        )
    return USABLE if verdict.usable else NOT_USABLE


def as_object(verdict: Verdict, language: Language = "en") -> dict[str, object]:
    """The verdict as its JSON reads: `cri` is `ok` or `error`; `line` null: the file as a whole."""
    nvidia = verdict.nvidia
    return {
        "version": SCHEMA,
        "config_version": verdict.config_version,
        "loads": verdict.loads,
        "cri": "ok" if verdict.cri else "error",
        "nvidia": None
        if nvidia is None
        else {
            "plugin": nvidia.plugin,
            "runtime_type": nvidia.runtime_type,
            "binary": nvidia.binary,
            "systemd_cgroup": nvidia.systemd_cgroup,
        },
        "default_runtime": verdict.default_runtime or None,
        "findings": [_finding(finding, language) for finding in verdict.findings],
    }


def _finding(finding: Finding, language: Language) -> dict[str, object]:
    row: dict[str, object] = {
        "code": finding.code,
        "line": finding.line or None,
        "text": _text(finding, language),
    }
    if "file" in finding.params:
        row["file"] = finding.params["file"]
    return row


def _text(finding: Finding, language: Language) -> str:
    return sentence("finding", f"containerd.{finding.code}", finding.params, language)


def _lines(verdict: Verdict, file: str, containerd: str, language: Language) -> Iterator[str]:
    def word(code: str, **params: str) -> str:
        return sentence("word", f"containerd.{code}", params, language)

    nvidia = verdict.nvidia
    yield word("title", file=file, version=containerd)
    yield f"{_mark(verdict.loads)} {word('loads' if verdict.loads else 'loads-not')}"
    yield f"{_mark(verdict.cri)} {word('cri-ok' if verdict.cri else 'cri-error')}"
    if nvidia is None:
        yield f"{_mark(False)} {word('nvidia-none')}"
    else:
        binary = nvidia.binary or "runc"
        shown = word("nvidia", plugin=nvidia.plugin, type=nvidia.runtime_type or "?", binary=binary)
        yield f"{_mark(verdict.usable)} {shown}"
    if verdict.default_runtime:
        yield f"– {word('default', name=verdict.default_runtime)}"
    for finding in verdict.findings:
        where = finding.params.get("file", "")
        place = ":".join(part for part in (where, str(finding.line or "")) if part)
        yield f"{'×' if finding.fatal else '!'} {place + '  ' if place else ''}{_text(finding, language)}"
    yield word("usable" if verdict.usable else "usable-not")


def _mark(good: bool) -> str:
    return "✓" if good else "×"


def _placed(file: Path, root: str) -> tuple[str, DiskFiles]:
    """The file's path as containerd would know it, and where its imports are."""
    path = file.absolute()
    if not root:
        return str(path), DiskFiles()
    base = Path(root).absolute()
    if path.is_relative_to(base):
        return f"/{path.relative_to(base)}", DiskFiles(str(base))
    return str(path), DiskFiles(str(base), str(path.parent))


def _refuse(code: str, params: dict[str, str], language: Language) -> int:
    print(
        printable_line(sentence("word", f"containerd.bad-{code}", params, language)),
        file=sys.stderr,
    )
    return UNREADABLE
