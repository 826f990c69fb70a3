"""Files written as root: whole or not at all, the old one kept for undo."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from gpu_wizard.host.entry import PIECE_BYTES, enter
from gpu_wizard.host.lines import Secrets, clean_lines
from gpu_wizard.host.process import Process, Transport
from gpu_wizard.host.sudo import Sudo
from gpu_wizard.model.action import RestoreFile
from gpu_wizard.model.errors import CommandError, ConflictError, UnreachableError, Where
from gpu_wizard.model.ports import Kept, PreImage
from gpu_wizard.model.secret import Secret

BACKUP_ROOT = "/var/lib/gpu-wizard/backup"
SCRIPT_SECONDS = 120.0
"""Without news from the host for this long, a write is given up; its script then ends by itself."""

# A connection may be cut anywhere in a script. So all that is done stands in functions, defined before the first
# is called, and each call is plain words: a shell that finds a quotation open at the end leaves without its traps.
_COMMON = """\
umask 077
kept= t=
undo() { rm -f -- ${t:+"$t"} ${kept:+"$kept"}; }
flush() { sync "$1" 2>/dev/null || sync; }
digest() { set -- $(sha256sum <"$1"); echo "$1"; }
begin() {
set -e
trap undo EXIT
trap 'exit 1' HUP INT TERM PIPE
if [ -L "$p" ]; then p=$(readlink -f "$p"); fi
if [ -d "$p" ]; then echo "$p: Is a directory" >&2; exit 1; fi
d=${p%/*}
d=${d:-/}
}
needed() {
have=absent
if [ -e "$p" ]; then have="$(stat -c '%a %u' "$p") $(digest "$p")"; fi
if [ "$have" = "$want" ]; then echo same; exit 0; fi
}
keep() {
if [ ! -e "$p" ]; then return 0; fi
mkdir -p "$b"
kept=$(mktemp "$b/$(stat -c '%a.%u.%g' "$p").${p##*/}.XXXXXX")
cat "$p" >"$kept"
touch -r "$p" "$kept"
flush "$kept"
}
temporary() {
[ -d "$d" ] || (umask 022; mkdir -p "$d")
t=$(mktemp "$d/.gpu-wizard.XXXXXX")
}
add() { printf %s "$1" | base64 -d | cat >>"$t"; }
finish() {
[ "$(wc -c <"$t")" -eq "$size" ]
chown "$owner" "$t"
chmod "$mode" "$t"
replace
}
ready() { echo "ready $kept"; }
replace() {
flush "$t"
mv -f "$t" "$p"
t=
}
done_with() {
flush "$d"
echo "done $kept"
kept=
}
unchanged() {
now= was=
if [ -e "$p" ]; then now=$(digest "$p"); fi
if [ -n "$b" ]; then was=$(digest "$b"); fi
if [ -n "$sha" ] && [ "$now" != "$sha" ] && [ "$now" != "$was" ]; then echo conflict; exit 0; fi
}
back() {
cat "$b" >"$t"
chown "$owner" "$t"
chmod "$mode" "$t"
touch -r "$b" "$t"
replace
}
gone() { rm -f "$p"; }
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
        self,
        path: str,
        content: bytes | Secret | None,
        mode: int,
        run_id: str,
        kept: Kept | None = None,
    ) -> PreImage:
        """See `Host.put`."""
        data = content.reveal() if isinstance(content, Secret) else content
        written = hashlib.sha256(data).hexdigest() if data is not None else ""
        wanted = f"{mode:o} 0 {written}" if data is not None else "absent"
        names = {"p": path, "b": f"{BACKUP_ROOT}/{run_id}", "mode": f"{mode:o}", "owner": "0:0"}
        names["want"] = wanted
        if data is None:
            calls: Iterable[str] = ("needed", "keep", "ready")
            last = "gone"
        else:
            names["size"] = str(len(data))
            calls = chain(("needed", "keep", "temporary"), _pieces(data), ("ready",))
            last = "finish"

        def ready(backup: str) -> None:
            if kept is not None:
                kept(PreImage(backup, written))

        said = await self._perform(_script(names, calls), path, _Rest((last, "done_with"), ready))
        if said == "same":
            return PreImage("", written, changed=False)
        return PreImage(said.removeprefix("done").strip(), written)

    async def restore(self, restore: RestoreFile) -> None:
        """See `Host.restore`."""
        names = {"p": restore.path, "b": restore.backup, "sha": restore.sha256}
        if restore.backup:
            mode, user, group = restore.backup.rsplit("/", 1)[-1].split(".", 3)[:3]
            names |= {"mode": mode, "owner": f"{user}:{group}"}
            script = _script(names, ("unchanged", "temporary", "back", "done_with"))
        else:
            script = _script(names, ("unchanged", "gone", "done_with"))
        said = await self._perform(script, restore.path)
        if said == "conflict":
            raise ConflictError(
                "file-changed",
                f"{restore.path} is not what was written there; it was left alone.",
                self._where(restore.path),
                f"Compare it with {restore.backup} on the host." if restore.backup else "",
                params={"file": restore.path, "backup": restore.backup},
            )

    async def _perform(self, script: Iterable[str], path: str, rest: _Rest | None = None) -> str:
        """Run a script as root; what it says last. Raises: CommandError: it failed and took all back."""
        process = await enter(self._transport, self._sudo, root=True)
        try:
            await _send(process, script)
            if rest is not None:
                await rest.send(process)
            process.end_input()
            await _finished(process)
            status = await process.status()
            lines = bytes(process.held["out"]).decode(errors="replace").splitlines()
            if status == 0 and lines:
                return lines[-1]
            raise self._failed(path, status, bytes(process.held["err"]))
        except TimeoutError as error:
            message = f"{self._transport.name} did not answer while a file was written."
            params = {"host": self._transport.name, "detail": path}
            raise UnreachableError(
                "no-answer", message, self._where(path), params=params
            ) from error
        finally:
            await process.close()

    def _failed(self, path: str, status: int | None, said: bytes) -> CommandError:
        lines = clean_lines(said, self._secrets)
        text = "\n".join(lines)
        found = ((code, todo) for words, code, todo in _CODES if words in text)
        code, todo = next(found, ("file-not-written", ""))
        message = f"{path} could not be written; it is as it was."
        params = {"file": path, "host": self._transport.name, "detail": " ".join(lines[-1:])}
        return CommandError(code, message, self._where(path, status), todo, lines, params)

    def _where(self, path: str, status: int | None = None) -> Where:
        return Where(host=self._transport.name, file=path, status=status)


@dataclass(frozen=True)
class _Rest:
    """The calls that change something, sent once the script has said `ready BACKUP` and that was told."""

    calls: tuple[str, ...]
    told: Callable[[str], None]

    async def send(self, process: Process) -> None:
        """Raises: what `told` does, once the script has taken all back."""
        said = await _first_line(process)
        if not said.startswith("ready"):
            return
        try:
            self.told(said.removeprefix("ready").strip())
        except BaseException:
            process.end_input()
            with contextlib.suppress(TimeoutError):
                await _finished(process)
            raise
        await _send(process, (f"{call}\n" for call in self.calls))


async def _send(process: Process, script: Iterable[str]) -> None:
    for piece in script:
        if process.ended:
            break
        await process.write(piece.encode())


async def _first_line(process: Process) -> str:
    """What it says first; "" where it ends without a word. Raises: TimeoutError."""
    while b"\n" not in process.held["out"] and not process.ended:
        if not await process.more(SCRIPT_SECONDS):
            raise TimeoutError
    return bytes(process.held["out"]).decode(errors="replace").partition("\n")[0]


def _script(names: Mapping[str, str], calls: Iterable[str]) -> Iterator[str]:
    """Settings, functions, then one call a line."""
    yield "".join(f"{name}={shlex.quote(value)}\n" for name, value in names.items())
    yield _COMMON
    yield from (f"{call}\n" for call in chain(("begin",), calls))


def _pieces(data: bytes) -> Iterator[str]:
    for at in range(0, len(data), PIECE_BYTES):
        yield f"add {b64encode(data[at : at + PIECE_BYTES]).decode()}"


async def _finished(process: Process) -> None:
    while not process.ended:
        if not await process.more(SCRIPT_SECONDS):
            raise TimeoutError
