"""A configuration that containerd loads: its parts, and what was noticed on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gpu_wizard.facts.containerd_toml import Document, Tree
from gpu_wizard.model.version import Version


class FileSource(Protocol):
    """Where imported files come from; paths are absolute."""

    def read(self, path: str) -> bytes:
        """The content. Raises: FileNotFoundError; OSError: it is there and can't be read."""

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, sorted; `*`, `?` and `[…]` do not match `/`, and do match a leading dot."""


@dataclass(frozen=True)
class Finding:
    """Something about a configuration. `code` is a knowledge id behind `containerd.`.

    `fatal`: containerd does not load it, or starts without CRI. `line` counts from 1, 0: the whole file.
    `params["file"]` names the file where it is not the one judged.
    """

    code: str
    line: int = 0
    params: Mapping[str, str] = field(default_factory=dict)
    fatal: bool = False


@dataclass
class Loaded:
    """A configuration after loading.

    `dumps`: `containerd config dump` exits 0. `starts`: the daemon comes up. `version`: merged, and migrated.
    `documents`: path → file, in the order loaded; the first is the one judged.
    """

    release: Version
    top: Tree = field(default_factory=dict)
    plugins: Tree = field(default_factory=dict)
    version: int = 0
    documents: dict[str, Document] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    dumps: bool = True
    starts: bool = True

    @property
    def legacy(self) -> bool:
        """containerd 1."""
        return not self.release.at_least("2")

    @property
    def limit(self) -> int:
        """The newest configuration version that this containerd takes."""
        if self.legacy:
            return 2 if self.release.at_least("1.7") else 1 << 63
        return 4 if self.release.at_least("2.3") else 3

    @property
    def keeps_order(self) -> bool:
        """Refuses a drop-in of a newer version than the main file's: 2.3.0 to 2.3.4."""
        return self.limit == 4 and not self.release.at_least("2.3.5")

    def fail(self, code: str, line: int = 0, *, file: str = "", **params: object) -> None:
        """It does not load."""
        self.dumps = self.starts = False
        self.note(code, line, file=file, fatal=True, **params)

    def note(
        self, code: str, line: int = 0, *, file: str = "", fatal: bool = False, **params: object
    ) -> None:
        """Add a finding; `file` "" is the one judged."""
        texts = {key: str(value) for key, value in params.items()}
        if file and file != next(iter(self.documents), file):
            texts["file"] = file
        self.findings.append(Finding(code, line, texts, fatal))

    def where(self, *path: str) -> tuple[str, int]:
        """File and line of the last file that defines a path, ("", 0) where none does."""
        for name, document in reversed(self.documents.items()):
            if document.has(*path):
                return name, document.line(*path)
        return "", 0
