"""One host's containerd, seen as a whole: which version, where K3s looks for the program, what its files amount to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from gpu_wizard.facts.containerd import (
    CONFIG,
    DEFAULT_PATH,
    DROPINS_V2,
    DROPINS_V3,
    FIRST,
    FIXED,
    ContainerdFiles,
)
from gpu_wizard.facts.containerd_judge import Verdict, judge
from gpu_wizard.facts.containerd_loaded import FileSource
from gpu_wizard.model.version import Version

_BASE = re.compile(r"\{\{-?\s*template\s+[\"`]base[\"`]\s+\.\s*-?\}\}")
_FIXED_SINCE = "1.29.2"
_PATH_SINCE = ("1.31.2", "1.30.6", "1.29.10", "1.28.15")
_CONTAINERD = (("1.36", "2.3"), ("1.35", "2.2"), ("1.34.6", "2.2"), ("1.31.6", "2.1"), ("0", "1.7"))
"""Source: domain.md, K3s capability matrix (K-look, K-path, K-v3; R34)."""


class HostFiles:
    """The files of a host that were read, as a source for imports. `more`: files that are not there yet."""

    def __init__(self, files: ContainerdFiles, more: Mapping[str, bytes] | None = None) -> None:
        """`unread`: imports that were not among what was asked for."""
        self._files = {
            path: file.content for path, file in files.files.items() if file.content is not None
        }
        self._files.update(more or {})
        self._asked = {
            posixpath.dirname(path) for path in (*self._files, f"{DROPINS_V3}/x", f"{DROPINS_V2}/x")
        }
        self.unread: list[str] = []

    def read(self, path: str) -> bytes:
        """The content. Raises: FileNotFoundError."""
        if path not in self._files:
            self.unread.append(path)
            raise FileNotFoundError(path)
        return self._files[path]

    def glob(self, pattern: str) -> list[str]:
        """The files read whose path matches."""
        folder, _, name = pattern.rpartition("/")
        if folder not in self._asked:
            self.unread.append(pattern)
        parts = re.split(r"([*?])", name)
        wanted = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
        return sorted(
            path
            for path in self._files
            if posixpath.dirname(path) == folder and re.fullmatch(wanted, posixpath.basename(path))
        )


def containerd_version(k3s: Version | None, told: str) -> str:
    """containerd's version. `told`: by the Node, such as `containerd://2.1.5-k3s1`, else by K3s's version."""
    if told.startswith("containerd://"):
        return told.removeprefix("containerd://").lstrip("v")
    if k3s is None:
        return "2.1"
    return next(version for since, version in _CONTAINERD if k3s.at_least(since))


def search_list(k3s: Version | None, unit_path: tuple[str, ...]) -> tuple[str, ...]:
    """The directories that K3s searches for NVIDIA's runtime at its start, in order."""
    if searches_path(k3s):
        return (*FIRST, *(unit_path or DEFAULT_PATH))
    return FIXED if k3s and k3s.at_least(_FIXED_SINCE) else (FIRST[0], "/usr/bin")


def searches_path(k3s: Version | None) -> bool:
    """Whether this K3s searches its own `PATH`: from 1.31.2, and in the older branches from a patch on."""
    if k3s is None:
        return True
    newest, *patches = _PATH_SINCE
    if k3s.at_least(newest):
        return True
    return any(
        k3s.plain.rsplit(".", 1)[0] == patch.rsplit(".", 1)[0] and k3s.at_least(patch)
        for patch in patches
    )


def judge_host(
    files: ContainerdFiles,
    containerd: str,
    *,
    main: bytes | None = None,
    more: Mapping[str, bytes] | None = None,
) -> Verdict | None:
    """The verdict on the rendered file; `main` and `more`: on what it would be. None: there is no rendered file."""
    rendered = files.at(CONFIG)
    content = main if main is not None else rendered.content if rendered else None
    if content is None:
        return None
    source: FileSource = HostFiles(files, more)
    return judge(content, containerd, CONFIG, source)


def extends_base(template: str) -> bool:
    """Whether a template keeps K3s's own part, and with it the runtimes that K3s finds."""
    return _BASE.search(template) is not None


def imports_dropins(verdict: Verdict) -> str:
    """The drop-in directory that the rendered file imports, "" where none."""
    for directory in (DROPINS_V3, DROPINS_V2):
        if any(posixpath.dirname(entry) == directory for entry in verdict.imports):
            return directory
    return ""
