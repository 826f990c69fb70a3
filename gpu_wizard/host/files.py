"""Files as questions: the shell program that reads them, and its output as `FileFound`s.

Nothing is written on the host. For each file one line `= MODE OWNER SIZE MTIME KIND`, then path, where a link
points, content: each a base64 block ended by a line `.`, or, for a plain name, one line `:NAME`, which spares the
host a process. `-`: no content, `!`: it may not be read. What may hide behind a directory that can't be entered is
`? PATH`: not readable, which is not the same as absent.
"""

from __future__ import annotations

import binascii
import re

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
_BLOCK = r"(?P<{name}64>[A-Za-z0-9+/=\n]*)\."
_NAME = rf"(?:(?::(?P<{{name}}>.*)|{_BLOCK})\n)"
_RECORD = re.compile(
    r"= ([0-7]+) (\S+) (\d+) (-?\d+) (.+)\n"
    + _NAME.format(name="path")
    + _NAME.format(name="target")
    + rf"(?:-|(?P<unread>!)|{_BLOCK.format(name='content')})\n"
)
_HIDDEN = re.compile(r"\? " + _NAME.format(name="path"))
_GARBLED = Unknown("unreadable", "the list of files is garbled")
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
    text, at = output.decode("ascii", errors="replace"), 0
    try:
        while at < len(text):
            record = _RECORD.match(text, at)
            if record is None or record["unread"]:
                return _not_readable(record or _HIDDEN.match(text, at))
            file = _file(record, asked)
            files.setdefault(file.path, file)
            at = record.end()
    except ValueError:
        return _GARBLED
    return FilesFound(tuple(files.values()))


def _not_readable(record: re.Match[str] | None) -> Unknown:
    if record is None:
        return _GARBLED
    path = (record["path"] or _name(record["path64"] or "")).encode()
    return Unknown("not-readable", " ".join(clean_lines(path, Secrets())))


def _file(record: re.Match[str], asked: Files) -> FileFound:
    """Raises: ValueError: broken base64."""
    mode, owner, size, mtime, kind, path, path64, target, target64, _, content = record.groups()
    return FileFound(
        path=path if path64 is None else _name(path64),
        kind=_KINDS.get(kind, "other"),
        mode=int(mode, 8),
        owner=owner,
        size=int(size),
        mtime=int(mtime) if asked.times else 0,
        target=target if target64 is None else _name(target64),
        content=None if content is None else _bytes(content),
        truncated=content is not None and int(size) > asked.max_bytes,
    )


def _name(encoded: str) -> str:
    return _bytes(encoded).decode(errors="replace") if encoded else ""


def _bytes(encoded: str) -> bytes:
    return binascii.a2b_base64(encoded.replace("\n", ""), strict_mode=True)
