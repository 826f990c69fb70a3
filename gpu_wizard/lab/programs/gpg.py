"""gpg: taking off an armour and looking at keys."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab import openpgp
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import Options, UsageError, split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_LONG = (
    *("dearmor", "dearmour", "show-keys", "show-key", "with-colons", "with-fingerprint", "batch"),
    *("yes", "output=", "fingerprint", "no-default-keyring", "keyring=", "list-keys", "quiet"),
    *("import", "import-options=", "no-tty", "status-fd=", "homedir=", "version", "keyid-format="),
)


class Gpg:
    """One machine's gpg."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        try:
            options = split(call.argv[1:], "o:qk", _LONG)
        except UsageError as wrong:
            await call.err(f"gpg: invalid {wrong}\n".encode())
            return 2
        data = await self._input(call, options)
        if data is None:
            return 2
        if options.has("--dearmor", "--dearmour"):
            return await self._dearmor(call, options, data)
        found = openpgp.keys(data)
        if not found:
            await call.err(b"gpg: no valid OpenPGP data found.\n")
            return 2
        for key in found:
            await call.out(_shown(key, colons=options.has("--with-colons")).encode())
        return 0

    async def _input(self, call: Call, options: Options) -> bytes | None:
        keyring = options.last("--keyring")
        words = [word for word in options.words if word != "-"]
        path = words[0] if words else keyring
        if not path:
            return await call.read()
        full = path if path.startswith("/") else f"{call.directory.rstrip('/')}/{path}"
        try:
            return self._machine.files.read(full)
        except OSError:
            await call.err(f"gpg: can't open '{path}': No such file or directory\n".encode())
            return None

    async def _dearmor(self, call: Call, options: Options, data: bytes) -> int:
        binary = openpgp.dearmor(data)
        if binary is None:
            await call.err(b"gpg: no valid OpenPGP data found.\ngpg: dearmoring failed: eof\n")
            return 2
        target = options.last("-o", "--output")
        if not target or target == "-":
            await call.out(binary)
            return 0
        there = await call.shell(f"test ! -e {shlex.quote(target)}")
        if there and not options.has("--yes"):
            await call.err(
                b"gpg: cannot open '/dev/tty': No such device or address\n"
                b"gpg: dearmoring failed: " + f"File '{target}' exists\n".encode()
            )
            return 2
        return 2 if await call.shell(f"cat > {shlex.quote(target)}", stdin=binary) else 0


def _shown(key: openpgp.Key, *, colons: bool) -> str:
    if colons:
        return (
            f"pub:-:4096:1:{key.long_id}:1504195200:::-:::scSC::::::23::0:\n"
            f"fpr:::::::::{key.fingerprint}:\nuid:-::::1504195200::0::{key.uid}::::::::::0:\n"
        )
    return (
        f"pub   rsa4096 2017-08-31 [SCE]\n      {key.fingerprint}\n"
        f"uid                      {key.uid}\n\n"
    )


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"gpg": Gpg}
