"""The nodes of a machine's file tree, and how a path is walked under someone's rights."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

READ, WRITE, EXECUTE = 4, 2, 1
"""The bits of one class of a mode, as access(2) names them."""

_MAX_LINKS = 40
"""Links followed in one lookup before ELOOP, as Linux does."""


@dataclass(frozen=True)
class Credentials:
    """Whose rights an access is judged by. uid 0 passes every check."""

    uid: int
    gid: int
    groups: frozenset[int] = frozenset()


ROOT = Credentials(0, 0)


@dataclass
class Node:
    """A file, directory, link or kernel-made file; which one, tells the field that is set."""

    mode: int
    """Permission bits, set-id and sticky bits included; no type bits."""
    uid: int = 0
    gid: int = 0
    modified: float = field(default_factory=time.time)
    content: bytes = b""
    children: dict[str, Node] | None = None
    """Set for a directory."""
    target: str | None = None
    """Set for a symbolic link."""
    source: Callable[[], bytes] | None = None
    """Set for a file whose content is made at each read, as those of /proc are."""
    sink: Callable[[bytes], None] | None = None
    """Takes what is written to a kernel-made file; None: it can't be written."""
    device: tuple[int, int] | None = None
    """Major and minor number of a character device."""

    def size(self) -> int:
        """Bytes as stat(2) tells: 0 for kernel-made files, a directory's 4096."""
        if self.children is not None:
            return 4096
        if self.target is not None:
            return len(self.target)
        return len(self.content)

    def kind(self) -> str:
        """The type letter of `ls -l`."""
        if self.children is not None:
            return "d"
        if self.target is not None:
            return "l"
        return "c" if self.device is not None else "-"

    def allows(self, who: Credentials, want: int) -> bool:
        """Whether `who` has all rights in `want`. Root may execute only what someone may."""
        if who.uid == 0:
            is_plain = self.children is None
            return not (want & EXECUTE and is_plain and not self.mode & 0o111)
        if who.uid == self.uid:
            granted = self.mode >> 6
        elif self.gid == who.gid or self.gid in who.groups:
            granted = self.mode >> 3
        else:
            granted = self.mode
        return granted & want == want


def failure(code: int, path: str) -> OSError:
    """The OSError of that errno, in Python's own subclass for it."""
    return OSError(code, os.strerror(code), path)


def parts(path: str) -> list[str]:
    """The names of a path, without empty ones and dots."""
    return [name for name in path.split("/") if name not in ("", ".")]


class Tree:
    """All nodes of one machine, with the space they take.

    Every access holds `lock`: the shell's own threads and the world's loop share the tree.
    """

    def __init__(self) -> None:
        self.root = Node(0o755, children={})
        self.lock = threading.RLock()
        self.capacity: int | None = None
        """Bytes that all files together may hold; None: no limit."""
        self.used = 0
        self.changes = 0
        """Counts every change of content or of a directory's entries."""

    def charge(self, old: int, new: int, path: str) -> None:
        """Account for content growing from `old` to `new` bytes. Raises: ENOSPC on a full disk."""
        self.changes += 1
        grown = new - old
        if grown > 0 and self.capacity is not None and self.used + grown > self.capacity:
            raise failure(errno.ENOSPC, path)
        self.used += grown

    def walk(
        self, path: str, who: Credentials, follow: bool = True
    ) -> tuple[Node, str, Node | None]:
        """Directory, last name and node (None where it does not exist) that `path` leads to.

        `follow`: a link as last part is followed too. The root's name is "".
        Raises: ENOENT (a parent does not exist), ENOTDIR, EACCES (no search right), ELOOP.
        """
        pending = parts(path)[::-1]
        trail = [self.root]
        links = 0
        name = ""
        node: Node | None = self.root
        while pending:
            name = pending.pop()
            if name == "..":
                trail = trail[:-1] or [self.root]
                node, name = trail[-1], ""
                continue
            node = self._step(trail[-1], name, who, path)
            if node is not None and node.target is not None and (follow or pending):
                links += 1
                if links > _MAX_LINKS:
                    raise failure(errno.ELOOP, path)
                trail = [self.root] if node.target.startswith("/") else trail
                pending.extend(parts(node.target)[::-1])
                node, name = trail[-1], ""
            elif pending:
                if node is None:
                    raise failure(errno.ENOENT, path)
                trail.append(node)
            elif node is not None and node.children is not None:
                return trail[-1], name, node
        return trail[-1], name, node

    def _step(self, directory: Node, name: str, who: Credentials, path: str) -> Node | None:
        if directory.children is None:
            raise failure(errno.ENOTDIR, path)
        if not directory.allows(who, EXECUTE):
            raise failure(errno.EACCES, path)
        return directory.children.get(name)
