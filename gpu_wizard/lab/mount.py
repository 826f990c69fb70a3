"""A `FileView` as a bashkit file system, through the C interface that bashkit documents.

bashkit's own file systems know no owners, no umask and no full disks, and its shell opens files
itself (redirections, `.`, globs, `test`), so nothing short of the file system can put that right.

Source: bashkit 0.20.1, crate `bashkit-fs-interop`: struct `BashkitFsAbiHandleV1`, version 1, in a
PyCapsule named `bashkit.FileSystem.v1`.
"""

from __future__ import annotations

import ctypes as c
import errno
import threading
from collections.abc import Callable
from typing import Any

from bashkit import FileSystem

from gpu_wizard.lab.tree import EXECUTE, Node
from gpu_wizard.lab.view import FileView

_ABI_VERSION = 1
_CAPSULE = b"bashkit.FileSystem.v1"
_KINDS = {
    errno.ENOENT: 1,
    errno.EEXIST: 2,
    errno.EACCES: 3,
    errno.EPERM: 3,
    errno.EINVAL: 4,
    errno.EISDIR: 5,
    errno.ENOTDIR: 6,
    errno.ENOTEMPTY: 7,
}
"""Error kinds of the interface by errno; all else is 0, told by its text."""


class _Text(c.Structure):
    _fields_ = (("at", c.c_void_p), ("length", c.c_size_t))


class _Error(c.Structure):
    _fields_ = (("kind", c.c_uint32), ("message", _Text))


class _Metadata(c.Structure):
    _fields_ = (
        ("file_type", c.c_uint8),
        ("reserved", c.c_uint8 * 7),
        ("size", c.c_uint64),
        ("mode", c.c_uint32),
        ("modified_seconds", c.c_int64),
        ("modified_nanos", c.c_uint32),
        ("created_seconds", c.c_int64),
        ("created_nanos", c.c_uint32),
    )


class _Entry(c.Structure):
    _fields_ = (("name", _Text), ("metadata", _Metadata))


_STATUS, _INSTANCE = c.c_uint32, c.c_void_p
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "read_file": (_Text, c.POINTER(_Text)),
    "write_file": (_Text, _Text),
    "append_file": (_Text, _Text),
    "mkdir": (_Text, c.c_bool),
    "remove": (_Text, c.c_bool),
    "stat": (_Text, c.POINTER(_Metadata)),
    "read_dir": (_Text, c.POINTER(_Text)),
    "exists": (_Text, c.POINTER(c.c_bool)),
    "rename": (_Text, _Text),
    "copy": (_Text, _Text),
    "symlink": (_Text, _Text),
    "read_link": (_Text, c.POINTER(_Text)),
    "chmod": (_Text, c.c_uint32),
}
"""Operations in the order of the interface's table, with what each takes besides instance and error."""
_TYPES = {
    name: c.CFUNCTYPE(_STATUS, _INSTANCE, *arguments, c.POINTER(_Error))
    for name, arguments in _SIGNATURES.items()
}
_FREE = c.CFUNCTYPE(None, _INSTANCE, _Text)
_COUNT = c.CFUNCTYPE(None, _INSTANCE)


class _Table(c.Structure):
    _fields_ = (*_TYPES.items(), ("free_bytes", _FREE), ("free_dir_entries", _FREE))


class _Handle(c.Structure):
    _fields_ = (
        ("abi_version", c.c_uint32),
        ("reserved", c.c_uint32),
        ("instance", _INSTANCE),
        ("retain", _COUNT),
        ("release", _COUNT),
        ("table", c.POINTER(_Table)),
    )


class _Instances:
    """Views in use by bashkit, by the number that stands for each on its side."""

    def __init__(self) -> None:
        self.views: dict[int, FileView] = {}
        self.holds: dict[int, int] = {}
        self.loans: dict[int, Any] = {}
        """Buffers handed out, by address, until bashkit gives them back."""
        self._last = 0
        self._counting = threading.Lock()

    def add(self, view: FileView) -> int:
        self._last += 1
        self.views[self._last] = view
        self.holds[self._last] = 0
        return self._last

    def retain(self, number: int) -> None:
        with self._counting:
            self.holds[number] += 1

    def release(self, number: int) -> None:
        with self._counting:
            self.holds[number] -= 1
            if self.holds[number] <= 0:
                del self.holds[number], self.views[number]

    def lend(self, content: bytes, into: _Text) -> None:
        if not content:
            return
        buffer = c.create_string_buffer(content, len(content))
        into.at, into.length = c.addressof(buffer), len(content)
        self.loans[c.addressof(buffer)] = buffer

    def lend_entries(self, entries: list[tuple[str, Node]], into: _Text) -> None:
        if not entries:
            return
        block = (_Entry * len(entries))()
        names = [c.create_string_buffer(name.encode(), len(name.encode())) for name, _ in entries]
        for slot, name, (_, node) in zip(block, names, entries, strict=True):
            slot.name.at, slot.name.length = c.addressof(name), len(name)
            _describe(node, slot.metadata)
        into.at, into.length = c.addressof(block), len(entries)
        self.loans[c.addressof(block)] = (block, names)

    def give_back(self, text: _Text) -> None:
        self.loans.pop(text.at or 0, None)


_instances = _Instances()


def _describe(node: Node, into: _Metadata, view: FileView | None = None) -> None:
    into.file_type = {"d": 1, "l": 2}.get(node.kind(), 0)
    into.size, into.mode = node.size(), node.mode
    if view is not None and node.kind() == "-" and not node.allows(view.who, EXECUTE):
        into.mode &= ~0o111  # the shell takes any x bit of a file as its own right to run it
    into.modified_seconds = into.created_seconds = int(node.modified)
    into.modified_nanos = into.created_nanos = int(node.modified % 1 * 1_000_000_000)


def _bytes(text: _Text) -> bytes:
    return c.string_at(text.at, text.length) if text.length else b""


def _path(text: _Text) -> str:
    return _bytes(text).decode("utf-8", "surrogateescape")


def _read_file(view: FileView, path: _Text, out: Any) -> None:
    _instances.lend(view.read(_path(path)), out.contents)


def _read_link(view: FileView, path: _Text, out: Any) -> None:
    node = view.look(_path(path), follow=False)
    if node.target is None:
        raise OSError(errno.EINVAL, "Invalid argument")
    _instances.lend(node.target.encode(), out.contents)


def _exists(view: FileView, path: _Text, out: Any) -> None:
    out.contents.value = view.exists(_path(path))


_OPERATIONS: dict[str, Callable[..., None]] = {
    "read_file": _read_file,
    "write_file": lambda view, path, content: view.write(_path(path), _bytes(content)),
    "append_file": lambda view, path, content: view.append(_path(path), _bytes(content)),
    "mkdir": lambda view, path, parents: view.mkdir(_path(path), parents),
    "remove": lambda view, path, recursive: view.remove(_path(path), recursive),
    "stat": lambda view, path, out: _describe(
        view.look(_path(path), follow=False), out.contents, view
    ),
    "read_dir": lambda view, path, out: _instances.lend_entries(
        view.entries(_path(path)), out.contents
    ),
    "exists": _exists,
    "rename": lambda view, old, new: view.rename(_path(old), _path(new)),
    "copy": lambda view, old, new: view.copy(_path(old), _path(new)),
    "symlink": lambda view, target, path: view.symlink(_path(target), _path(path)),
    "read_link": _read_link,
    "chmod": lambda view, path, mode: view.chmod(_path(path), mode),
}


class _Guest(threading.local):
    """A thread of bashkit's in Python."""

    stays = False


_guest = _Guest()


def _stay() -> None:
    """Let Python know this thread from now on.

    A thread that Python did not start is a new one at each call, for which a stack is mapped and unmapped, and the
    shell comes thousands of times in one survey. What is taken here and never given back keeps it known.
    """
    if not _guest.stays:
        c.pythonapi.PyGILState_Ensure()
        _guest.stays = True


def _entry(name: str) -> Any:
    operation = _OPERATIONS[name]

    def call(instance: int, *arguments: Any) -> int:
        _stay()
        error = arguments[-1].contents
        try:
            operation(_instances.views[instance], *arguments[:-1])
        except OSError as problem:
            error.kind = _KINDS.get(problem.errno or 0, 0)
            _instances.lend((problem.strerror or str(problem)).encode(), error.message)
            return 1
        return 0

    return _TYPES[name](call)


_give_back = _FREE(lambda _instance, text: _instances.give_back(text))
_retain = _COUNT(_instances.retain)
_release = _COUNT(_instances.release)
_table = _Table(*(_entry(name) for name in _SIGNATURES), _give_back, _give_back)

_new_capsule = c.pythonapi.PyCapsule_New
_new_capsule.restype = c.py_object
_new_capsule.argtypes = (c.c_void_p, c.c_char_p, c.c_void_p)


def as_file_system(view: FileView) -> FileSystem:
    """The view as a file system that a bashkit interpreter can mount."""
    number = _instances.add(view)
    handle = _Handle(_ABI_VERSION, 0, number, _retain, _release, c.pointer(_table))
    capsule = _new_capsule(c.addressof(handle), _CAPSULE, None)
    return FileSystem.from_capsule(capsule)
