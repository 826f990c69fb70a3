"""`check-config`: stage 4's judgement alone, of any config.toml on this machine."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path


class DiskFiles:
    """Files of this machine. `root`: stands before every path, "" for none."""

    def __init__(self, root: str = "") -> None:
        """`root`: a folder that holds a machine's files at their places."""
        self._root = root.rstrip("/")

    def read(self, path: str) -> bytes:
        """The content. Raises: OSError."""
        return Path(self._root + path).read_bytes()

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, as Go's `filepath.Glob` finds them."""
        found = ["/"]
        for part in filter(None, pattern.split("/")):
            wanted = re.compile(_expression(part), re.DOTALL)
            found = [
                posixpath.join(at, name)
                for at in found
                for name in self._names(at)
                if wanted.fullmatch(name)
            ]
        return found

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self._root + folder))
        except OSError:
            return []


def _expression(part: str) -> str:
    """A path's part in Go's pattern language as a regular expression."""
    pieces = re.findall(r"\[\^?(?:\\.|[^\]\\])+\]|\\.|.", part, re.DOTALL)
    return "".join(
        {"*": ".*", "?": "."}.get(piece, piece if len(piece) > 1 else re.escape(piece))
        for piece in pieces
    )
