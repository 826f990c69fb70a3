"""A machine's file tree as one user's processes see it: every access is judged by owner and mode."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass

from gpu_wizard.lab.tree import EXECUTE, READ, WRITE, Credentials, Node, Tree, failure

_STICKY = 0o1000
_SET_GROUP = 0o2000


@dataclass
class ReadView:
    """What someone may see of the files. Paths are absolute.

    Raises: the `OSError` that the system call of the same purpose would give.
    """

    tree: Tree
    who: Credentials

    def look(self, path: str, follow: bool = True) -> Node:
        """The node at a path. `follow` False: a link itself, as lstat(2)."""
        with self.tree.lock:
            node = self.tree.walk(path, self.who, follow)[2]
        if node is None:
            raise failure(errno.ENOENT, path)
        return node

    def exists(self, path: str) -> bool:
        """Whether a path leads to something that this user can see; False for a dangling link."""
        try:
            self.look(path)
        except OSError:
            return False
        return True

    def allows(self, path: str, want: int) -> bool:
        """What access(2) answers, as a truth value."""
        try:
            return self.look(path).allows(self.who, want)
        except OSError:
            return False

    def read(self, path: str) -> bytes:
        """The content of a file."""
        with self.tree.lock:
            node = self._open(path, READ)
            return node.source() if node.source else node.content

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        with self.tree.lock:
            return sorted(self._directory(path))

    def entries(self, path: str) -> list[tuple[str, Node]]:
        """Names and nodes of a directory, sorted by name."""
        with self.tree.lock:
            return sorted(self._directory(path).items())

    def _open(self, path: str, want: int) -> Node:
        node = self.look(path)
        if node.children is not None:
            raise failure(errno.EISDIR, path)
        if not node.allows(self.who, want):
            raise failure(errno.EACCES, path)
        return node

    @staticmethod
    def _below(directory: Node, path: str) -> dict[str, Node]:
        if directory.children is None:
            raise failure(errno.ENOTDIR, path)
        return directory.children

    def _directory(self, path: str) -> dict[str, Node]:
        node = self.look(path)
        below = self._below(node, path)
        if not node.allows(self.who, READ):
            raise failure(errno.EACCES, path)
        return below


@dataclass
class FileView(ReadView):
    """File operations under someone's rights and umask."""

    umask: int = 0o022

    def write(self, path: str, content: bytes, mode: int = 0o666) -> None:
        """Create a file (`mode` less the umask), or replace what one holds (its mode stays)."""
        with self.tree.lock:
            node = self._open_or_make(path, mode)
            if node.source is not None:
                self._sink(node, content, path)
                return
            self.tree.charge(len(node.content), len(content), path)
            node.content, node.modified = content, time.time()

    def append(self, path: str, content: bytes) -> None:
        """Add to the end of a file, made if need be."""
        with self.tree.lock:
            node = self._open_or_make(path, 0o666)
            if node.source is not None:
                self._sink(node, content, path)
                return
            self.tree.charge(0, len(content), path)
            node.content, node.modified = node.content + content, time.time()

    def mkdir(self, path: str, parents: bool = False, mode: int = 0o777) -> None:
        """Make a directory; with `parents` also those above it, and an existing one is no error."""
        with self.tree.lock:
            if parents:
                above = path.rstrip("/").rpartition("/")[0]
                if above and not self.exists(above):
                    self.mkdir(above, parents=True)
            directory, name, node = self.tree.walk(path, self.who)
            if node is not None:
                if parents and node.children is not None:
                    return
                raise failure(errno.EEXIST, path)
            inherited = directory.mode & _SET_GROUP
            self._place(directory, name, Node(mode & ~self.umask | inherited, children={}), path)

    def remove(self, path: str, recursive: bool = False) -> None:
        """Remove a file, a link or an empty directory; with `recursive` a whole tree."""
        with self.tree.lock:
            directory, name, node = self.tree.walk(path, self.who, follow=False)
            if node is None:
                raise failure(errno.ENOENT, path)
            self._may_unlink(directory, node, path)
            if node.children:
                if not recursive:
                    raise failure(errno.ENOTEMPTY, path)
                for below in list(node.children):
                    self.remove(f"{path.rstrip('/')}/{below}", recursive=True)
            self.tree.used -= len(node.content)
            self.tree.changes += 1
            del self._below(directory, path)[name]

    def rename(self, old: str, new: str) -> None:
        """Move a node, its owner and mode with it, over what is at `new`."""
        with self.tree.lock:
            source, old_name, node = self.tree.walk(old, self.who, follow=False)
            if node is None:
                raise failure(errno.ENOENT, old)
            target, new_name, present = self.tree.walk(new, self.who, follow=False)
            if present is node:
                return
            self._may_unlink(source, node, old)
            if present is not None:
                self._replaceable(present, node, new)
                self.remove(new)
            self._may_change(target, new)
            self.tree.changes += 1
            del self._below(source, old)[old_name]
            self._below(target, new)[new_name] = node

    def copy(self, old: str, new: str) -> None:
        """Copy a file's content; a new file has the old one's mode less the umask."""
        self.write(new, self.read(old), self.look(old).mode & 0o777)

    def symlink(self, target: str, path: str) -> None:
        """Make a symbolic link at `path`."""
        with self.tree.lock:
            directory, name, node = self.tree.walk(path, self.who, follow=False)
            if node is not None:
                raise failure(errno.EEXIST, path)
            self._place(directory, name, Node(0o777, target=target), path)

    def chmod(self, path: str, mode: int) -> None:
        """Set permission bits; only the owner and root may."""
        with self.tree.lock:
            node = self.look(path)
            if self.who.uid not in (0, node.uid):
                raise failure(errno.EPERM, path)
            node.mode = mode & 0o7777

    def chown(self, path: str, uid: int | None, gid: int | None, follow: bool = True) -> None:
        """Set owner and group (None: as it is). Only root gives a file away."""
        with self.tree.lock:
            node = self.look(path, follow)
            own_groups = {self.who.gid, *self.who.groups}
            gives = uid not in (None, node.uid) or (gid is not None and gid not in own_groups)
            if self.who.uid != 0 and (gives or node.uid != self.who.uid):
                raise failure(errno.EPERM, path)
            node.uid = node.uid if uid is None else uid
            node.gid = node.gid if gid is None else gid

    def touch(self, path: str, when: float) -> None:
        """Set the time of change; only the owner, root and those who may write."""
        with self.tree.lock:
            node = self.look(path)
            if self.who.uid not in (0, node.uid) and not node.allows(self.who, WRITE):
                raise failure(errno.EACCES, path)
            node.modified = when

    def _open_or_make(self, path: str, mode: int) -> Node:
        directory, name, node = self.tree.walk(path, self.who)
        if node is not None:
            return self._open(path, WRITE)
        if path.endswith("/"):
            raise failure(errno.EISDIR, path)
        made = Node(mode & ~self.umask)
        self._place(directory, name, made, path)
        return made

    def _place(self, directory: Node, name: str, node: Node, path: str) -> None:
        self._may_change(directory, path)
        node.uid = self.who.uid
        node.gid = directory.gid if directory.mode & _SET_GROUP else self.who.gid
        self._below(directory, path)[name] = node
        self.tree.changes += 1

    def _may_change(self, directory: Node, path: str) -> None:
        self._below(directory, path)
        if not directory.allows(self.who, WRITE | EXECUTE):
            raise failure(errno.EACCES, path)

    def _may_unlink(self, directory: Node, node: Node, path: str) -> None:
        self._may_change(directory, path)
        if directory.mode & _STICKY and self.who.uid not in (0, node.uid, directory.uid):
            raise failure(errno.EPERM, path)

    @staticmethod
    def _replaceable(present: Node, by: Node, path: str) -> None:
        if present.children is not None and by.children is None:
            raise failure(errno.EISDIR, path)
        if present.children is None and by.children is not None:
            raise failure(errno.ENOTDIR, path)

    @staticmethod
    def _sink(node: Node, content: bytes, path: str) -> None:
        if node.sink is None:
            raise failure(errno.EACCES, path)
        node.sink(content)
