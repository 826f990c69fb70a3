"""Files as questions: the shell program that reads them, and its output as `FileFound`s.

Nothing is written on the host. For each file one line `= MODE OWNER SIZE MTIME KIND`, then path, where a link
points, content: each a base64 block ended by a line `.`, or, for a plain name, one line `:NAME`, which spares the
host a process. `-`: no content, `!`: it may not be read. What may hide behind a directory that can't be entered is
`? PATH`: not readable, which is not the same as absent.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from gpu_wizard.host.lines import Secrets, clean_lines
from gpu_wizard.host.redact import REDACT_SED
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.question import FileFound, Files, FilesFound

FILES_SCRIPT = """\
max=$1 redact=$2 holding=$3; shift 3
IFS=
name() {
case $1 in *[!A-Za-z0-9_./:@%+=,-]*) printf %s "$1" | base64; echo .;; *) printf ':%s\\n' "$1";; esac
}
content() {
if [ "$max" -lt 0 ] || [ ! -f "$1" ]; then echo -
elif [ ! -r "$1" ]; then echo '!'
elif [ -n "$redact" ]; then head -c "$max" "$1" | sed -E "$redact" | base64; echo .
else head -c "$max" "$1" | base64; echo .; fi
}
show() {
[ -e "$1" ] || [ -L "$1" ] || return 0
none=
s=$(stat -L -c '%a %U %s %Y %F' "$1" 2>/dev/null) || s=$(stat -c '%a %U %s %Y dangling link' "$1") || return 0
echo "= $s"; name "$1"
if [ -L "$1" ]; then name "$(readlink "$1")"; else echo .; fi
content "$1"
}
hidden() {
d=${1%/*}
case $d in *[*?]*) d=${d%%[*?]*}; d=${d%/*};; esac
while [ -n "$d" ] && [ ! -e "$d" ]; do d=${d%/*}; done
if [ -z "$d" ] || [ ! -d "$d" ]; then return 0; fi
case $1 in *[*?]*) if [ -r "$d" ] && [ -x "$d" ]; then return 0; fi;; *) if [ -x "$d" ]; then return 0; fi;; esac
printf '? '; name "$1"
}
for pattern; do
none=1
if [ -n "$holding" ]; then
grep -lsF -e "$holding" -- $pattern | while read -r f; do show "$f"; done
continue
fi
case $pattern in
*[*?]*) for f in $pattern; do show "$f"; done;;
*) show "$pattern";;
esac
if [ -n "$none" ]; then hidden "$pattern"; fi
done
"""

_KINDS = {
    "regular file": "file",
    "regular empty file": "file",
    "directory": "directory",
    "dangling link": "link",
    "character special file": "device",
    "block special file": "device",
}
_SPECIAL = re.compile(r"[\[\]\\]")


def files_arguments(asked: Files) -> tuple[str, ...]:
    """The arguments of FILES_SCRIPT for one question."""
    limit = str(asked.max_bytes) if asked.content else "-1"
    redaction = REDACT_SED if asked.redact else ""
    return (limit, redaction, asked.holding, *map(_pattern, asked.patterns))


def _pattern(text: str) -> str:
    if not set(text) & set("*?"):
        return text
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", text)


def files_found(output: bytes, asked: Files) -> FilesFound | Unknown:
    """The answer in the output of FILES_SCRIPT; `Unknown` where a file or directory may not be read."""
    files: dict[str, FileFound] = {}
    lines = iter(output.decode("ascii", errors="replace").splitlines())
    try:
        for line in lines:
            found = _file(line, lines, asked.max_bytes) if line.startswith("= ") else None
            if found is None:
                return _not_readable(_block(line[2:], lines))
            if isinstance(found, Unknown):
                return found
            files.setdefault(found.path, found)
    except (ValueError, StopIteration):
        return Unknown("unreadable", "the list of files is garbled")
    return FilesFound(tuple(files.values()))


def _not_readable(path: bytes) -> Unknown:
    return Unknown("not-readable", " ".join(clean_lines(path, Secrets())))


def _file(head: str, lines: Iterator[str], max_bytes: int) -> FileFound | Unknown:
    _, mode, owner, size, mtime, kind = head.split(" ", 5)
    path, target = _block(next(lines), lines), _block(next(lines), lines)
    first = next(lines)
    if first == "!":
        return _not_readable(path)
    content = None if first == "-" else _block(first, lines)
    return FileFound(
        path=path.decode(errors="replace"),
        kind=_KINDS.get(kind, "other"),
        mode=int(mode, 8),
        owner=owner,
        size=int(size),
        mtime=int(mtime),
        target=target.decode(errors="replace"),
        content=content,
        truncated=content is not None and int(size) > max_bytes,
    )


def _block(first: str, lines: Iterator[str]) -> bytes:
    """The bytes of a plain name, or of a base64 block, whose first line is given, up to the line `.`."""
    if first.startswith(":"):
        return first[1:].encode()
    encoded, line = [], first
    while line != ".":
        encoded.append(line)
        line = next(lines)
    return binascii.a2b_base64("".join(encoded), strict_mode=True)
