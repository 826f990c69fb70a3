"""Files written as root: whole or not at all, the old one kept for undo."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable

from gpu_wizard.host.entry import enter, sending
from gpu_wizard.host.lines import Secrets, clean_lines
from gpu_wizard.host.process import Output, Transport
from gpu_wizard.host.sudo import Sudo
from gpu_wizard.model.action import RestoreFile
from gpu_wizard.model.errors import CommandError, ConflictError, UnreachableError, Where
from gpu_wizard.model.ports import PreImage
from gpu_wizard.model.secret import Secret

BACKUP_ROOT = "/var/lib/gpu-wizard/backup"
SCRIPT_SECONDS = 120.0
"""Without news from the host for this long, a write is given up; its script then ends by itself."""

_COMMON = """\
set -e
umask 077
kept= t=
undo() { rm -f -- ${t:+"$t"} ${kept:+"$kept"}; }
trap undo EXIT
trap 'exit 1' HUP INT TERM PIPE
if [ -L "$p" ]; then p=$(readlink -f "$p"); fi
if [ -d "$p" ]; then echo "$p: Is a directory" >&2; exit 1; fi
d=${p%/*}; d=${d:-/}
flush() { sync "$1" 2>/dev/null || sync; }
digest() { set -- $(sha256sum <"$1"); echo "$1"; }
"""

_LOOK = """\
if [ -e "$p" ]; then echo "$(stat -c '%a %u' "$p") $(digest "$p")"; else echo absent; fi
"""

_KEEP = """\
if [ -e "$p" ]; then
mkdir -p "$b"
kept=$(mktemp "$b/$(stat -c '%a.%u.%g' "$p").${p##*/}.XXXXXX")
cat "$p" >"$kept"
touch -r "$p" "$kept"
flush "$kept"
fi
"""

_TEMPORARY = """\
[ -d "$d" ] || (umask 022; mkdir -p "$d")
t=$(mktemp "$d/.gpu-wizard.XXXXXX")
"""

_REPLACE = """\
flush "$t"
mv -f "$t" "$p"
t=
"""

_DONE = """\
flush "$d"
echo "done $kept"
kept=
"""

_CONFLICT = """\
now= was=
if [ -e "$p" ]; then now=$(digest "$p"); fi
if [ -n "$b" ]; then was=$(digest "$b"); fi
if [ -n "$sha" ] && [ "$now" != "$sha" ] && [ "$now" != "$was" ]; then echo conflict; exit 0; fi
"""

_CODES = (
    ("No space left on device", "disk-full", "Free some space on the host, then try again."),
    ("Disk quota exceeded", "disk-full", "Free some space on the host, then try again."),
    ("Read-only file system", "read-only-file-system", "Make the file system writable."),
)


class Writing:
    """Writes files on one host."""

    def __init__(self, transport: Transport, sudo: Sudo, known: Secrets) -> None:
        self._transport = transport
        self._sudo = sudo
        self._secrets = known

    async def put(
        self, path: str, content: bytes | Secret | None, mode: int, run_id: str
    ) -> PreImage:
        """See `Host.put`."""
        data = content.reveal() if isinstance(content, Secret) else content
        written = hashlib.sha256(data).hexdigest() if data is not None else ""
        wanted = f"{mode:o} 0 {written}" if data is not None else "absent"
        if await self._look(path) == wanted:
            return PreImage("", written, changed=False)
        backup = f"{BACKUP_ROOT}/{run_id}"
        start = (f"p={shlex.quote(path)} b={shlex.quote(backup)}\n", _COMMON, _KEEP)
        if data is None:
            script: Iterable[str] = (*start, 'rm -f "$p"\n', _DONE)
        else:
            check = f'[ "$(wc -c <"$t")" -eq {len(data)} ]\nchown 0:0 "$t"\nchmod {mode:o} "$t"\n'
            pieces = (f'{piece} >>"$t"\n' for piece in sending(data))
            script = (*start, _TEMPORARY, *pieces, check, _REPLACE, _DONE)
        said = await self._perform(script, path)
        return PreImage(said.removeprefix("done").strip(), written)

    async def restore(self, restore: RestoreFile) -> None:
        """See `Host.restore`."""
        names = {"p": restore.path, "b": restore.backup, "sha": restore.sha256}
        start = " ".join(f"{name}={shlex.quote(value)}" for name, value in names.items()) + "\n"
        if restore.backup:
            mode, user, group = restore.backup.rsplit("/", 1)[-1].split(".", 3)[:3]
            back = (
                f'{_TEMPORARY}cat "$b" >"$t"\nchown {int(user)}:{int(group)} "$t"\n'
                f'chmod {int(mode, 8):o} "$t"\ntouch -r "$b" "$t"\n{_REPLACE}'
            )
        else:
            back = 'rm -f "$p"\n'
        said = await self._perform((start, _COMMON, _CONFLICT, back, _DONE), restore.path)
        if said == "conflict":
            raise ConflictError(
                "file-changed",
                f"{restore.path} is not what was written there; it was left alone.",
                self._where(restore.path),
                f"Compare it with {restore.backup} on the host." if restore.backup else "",
            )

    async def _look(self, path: str) -> str:
        return await self._perform((f"p={shlex.quote(path)}\n", _COMMON, _LOOK), path)

    async def _perform(self, script: Iterable[str], path: str) -> str:
        """Run a script as root; what it says last. Raises: CommandError: it failed and took all back."""
        output = await enter(self._transport, self._sudo, root=True)
        try:
            for piece in script:
                await output.process.write(piece.encode())
            output.process.end_input()
            await _finished(output)
            status = await output.status()
            lines = bytes(output.held["out"]).decode(errors="replace").splitlines()
            if status == 0 and lines:
                return lines[-1]
            raise self._failed(path, status, bytes(output.held["err"]))
        except TimeoutError as error:
            message = f"{self._transport.name} did not answer while a file was written."
            raise UnreachableError("no-answer", message, self._where(path)) from error
        finally:
            await output.close()

    def _failed(self, path: str, status: int | None, said: bytes) -> CommandError:
        lines = clean_lines(said, self._secrets)
        text = "\n".join(lines)
        found = ((code, todo) for words, code, todo in _CODES if words in text)
        code, todo = next(found, ("file-not-written", ""))
        message = f"{path} could not be written; it is as it was."
        return CommandError(code, message, self._where(path, status), todo, lines)

    def _where(self, path: str, status: int | None = None) -> Where:
        return Where(host=self._transport.name, file=path, status=status)


async def _finished(output: Output) -> None:
    while not output.ended:
        if not await output.more(SCRIPT_SECONDS):
            raise TimeoutError
