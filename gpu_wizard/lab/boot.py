"""What every lab machine has once it runs: programs, their files, and the kernel's own files."""

from __future__ import annotations

from collections.abc import Collection

from gpu_wizard.lab.coreutils.index import UTILITIES
from gpu_wizard.lab.files import FileTree
from gpu_wizard.lab.kernel import Kernel, Run, Utility, stub
from gpu_wizard.lab.ports import Computer
from gpu_wizard.lab.shell import perform_other
from gpu_wizard.lab.tools import OTHERS, READERS

_LINKS = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib"}
"""Debian's merged /usr."""


def boot(computer: Computer, without: Collection[str] = ()) -> Kernel:
    """The kernel of a computer; puts what a Debian has anyway into its file tree.

    `without`: programs that this one lacks (`sudo`). A program of the lab's own is there as long
    as its file in /usr/bin is: the world may remove it, or write `stub(NAME)` there, at any time.

    Raises: TypeError if `computer.files` is not a `FileTree`.
    """
    files = computer.files
    if not isinstance(files, FileTree):
        raise TypeError(f"{computer.hostname}: its files are no FileTree")
    programs: dict[str, Utility] = dict.fromkeys(OTHERS | READERS, _tool)
    programs |= UTILITIES
    kernel = Kernel(computer, files.tree, programs, perform_other)
    for path, target in _LINKS.items():
        if not files.exists(path):
            files.directory(f"/{target}")
            files.link(target, path)
    for name in programs:
        path = f"/usr/bin/{name}"
        if name not in without and not files.exists(path):
            files.write(path, stub(name), mode=0o4755 if name in ("sudo", "su") else 0o755)
    for user in computer.users.values():
        if not files.exists(user.home):
            files.directory(user.home, mode=0o700, owner=user.name)
    _kernel_files(kernel, files)
    kernel.table.boot(computer.users["root"], kernel.view(computer.users["root"]))
    return kernel


def _kernel_files(kernel: Kernel, files: FileTree) -> None:
    computer = kernel.computer
    # twice: the prelude's `read` takes one away before it puts it back
    files.made("/proc/self/fd/0", lambda: kernel.mark * 2, mode=0o666)
    files.made("/proc/sys/kernel/random/boot_id", lambda: f"{computer.boot_id}\n".encode())
    files.made("/proc/sys/kernel/hostname", lambda: f"{computer.hostname}\n".encode())
    if not files.exists("/etc/hostname"):
        files.write("/etc/hostname", f"{computer.hostname}\n".encode())
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        files.link(f"/proc/self/fd/{number}", f"/dev/{name}")


async def _tool(run: Run) -> int:
    return await run.kernel.perform_other(run)
