"""A lab machine's files, as the world reads and writes them: the whole tree, with root's rights."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence

from gpu_wizard.lab.ports import User
from gpu_wizard.lab.tree import ROOT, Node, Tree, failure
from gpu_wizard.lab.view import FileView


class FileTree:
    """The `Files` of a machine (see ports.py), empty but for `/dev` and `/tmp` at first.

    `users`: the accounts whose names `owner` may be. The shell's processes see the same tree,
    each through a `FileView` of its own.
    """

    def __init__(self, users: Mapping[str, User]) -> None:
        self.users = users
        self.tree = Tree()
        self._view = FileView(self.tree, ROOT, umask=0)
        for directory in ("/dev", "/proc", "/etc", "/root", "/run", "/usr", "/var"):
            self._view.mkdir(directory, mode=0o700 if directory == "/root" else 0o755)
        self._view.mkdir("/tmp", mode=0o1777)  # noqa: S108 the lab's own tree, not the host's
        self._devices()

    def read(self, path: str) -> bytes:
        """The content of a file."""
        return self._view.read(path)

    def write(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "root") -> None:
        """Create or replace a file; parent directories are made (0755, root)."""
        self._parents(path)
        self._view.write(path, content, mode)
        user = self.users.get(owner)
        node = self._view.look(path)
        node.mode = mode
        node.uid, node.gid = (user.uid, user.gid) if user else (0, 0)

    def remove(self, path: str) -> None:
        """Remove a file, or a directory with all in it; absent is no error."""
        try:
            self._view.remove(path, recursive=True)
        except (FileNotFoundError, NotADirectoryError):
            return

    def exists(self, path: str) -> bool:
        """Whether a path leads to something; False for a dangling link."""
        return self._view.exists(path)

    def list(self, path: str) -> tuple[str, ...]:
        """Names in a directory, sorted; empty where it does not exist."""
        return tuple(self._view.names(path)) if self._view.exists(path) else ()

    def entries(self, path: str) -> Sequence[tuple[str, Node]]:
        """Names and nodes in a directory, sorted, links themselves; empty where it does not exist."""
        return self._view.entries(path) if self._view.exists(path) else ()

    def mode(self, path: str) -> int:
        """Permission bits of a file or directory."""
        return self._view.look(path).mode

    def link(self, target: str, path: str) -> None:
        """Make `path` a symbolic link to `target`, in place of what is there."""
        self._parents(path)
        self.remove(path)
        self._view.symlink(target, path)

    def directory(self, path: str, *, mode: int = 0o755, owner: str = "root") -> None:
        """Make a directory (parents 0755, root), or set the mode and owner of one."""
        self._parents(path)
        self._view.mkdir(path, parents=True, mode=0o755)
        user = self.users.get(owner)
        node = self._view.look(path)
        node.mode = mode
        node.uid, node.gid = (user.uid, user.gid) if user else (0, 0)

    def made(
        self,
        path: str,
        source: Callable[[], bytes],
        *,
        mode: int = 0o444,
        sink: Callable[[bytes], None] | None = None,
        device: tuple[int, int] | None = None,
    ) -> None:
        """A file whose content `source` makes at each read, as those of /proc and /sys.

        `sink` takes what is written to it (None: writing is refused); `device`: it shows as a
        character device with these numbers. Replaces what is there.
        """
        self._parents(path)
        self.remove(path)
        self._view.write(path, b"")
        node = self._view.look(path)
        node.mode, node.source, node.sink, node.device = mode, source, sink, device

    def device(self, path: str, numbers: tuple[int, int], *, mode: int = 0o666) -> None:
        """Make a character device of these numbers, major and minor, that gives nothing."""
        self.made(path, bytes, mode=mode, device=numbers)

    def limit(self, free_bytes: int | None) -> None:
        """Let files grow by that many bytes in all, then ENOSPC; None: no limit."""
        with self.tree.lock:
            self.tree.capacity = None if free_bytes is None else self.tree.used + free_bytes

    def node(self, path: str) -> Node:
        """The node at a path, links followed."""
        return self._view.look(path)

    def _parents(self, path: str) -> None:
        if not path.startswith("/"):
            raise failure(errno.EINVAL, path)
        above = path.rstrip("/").rpartition("/")[0]
        if above and not self._view.exists(above):
            self._parents(above)
            self._view.mkdir(above, parents=True, mode=0o755)

    def _devices(self) -> None:
        def swallow(_content: bytes) -> None:
            """What is written to this device is gone."""

        chunk = 1 << 20  # a reader of an endless device gets this much and then an end
        for name, source, number in (
            ("null", bytes, 3),
            ("zero", lambda: bytes(chunk), 5),
            ("random", lambda: os.urandom(chunk), 8),
            ("urandom", lambda: os.urandom(chunk), 9),
        ):
            self.made(f"/dev/{name}", source, mode=0o666, sink=swallow, device=(1, number))
