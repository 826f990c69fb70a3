"""The core utilities that bashkit performs: which there are, and which of them read their input."""

from __future__ import annotations

_HIDDEN = (
    "assert busybox csv curl dotenv gawk git glob http jq json json log make man nano nawk "
    "numfmt openssl parallel patch python python3 retry rg rgrep semver sqlite3 sudo template tomlq "
    "tree unzip uuidgen verify vi watch wget xxd yq zip"
)
HIDDEN = frozenset(_HIDDEN.split())
"""Commands of bashkit that a minimal Debian lacks. The machine's own programs may bring them."""

_INPUT = (
    "awk base32 base64 cat cksum comm cut dd diff egrep expand fgrep fmt fold grep gunzip gzip head "
    "hexdump iconv join less md5sum mawk more nl od paste pr rev sed sha1sum sha224sum sha256sum "
    "sha384sum sha512sum shuf sort split strings sum tac tail tar tee tr tsort unexpand uniq wc"
)
READERS = frozenset(_INPUT.split())
"""Utilities that may read standard input."""
_OTHERS = (
    "basename cmp dirname du expr false file find getconf date link ln mkfifo mv "
    "pathchk printenv printf pwd readlink rmdir seq truncate true unlink which yes [ "
    "echo test"
)
OTHERS = frozenset(_OTHERS.split())
"""Utilities that read no input."""
NATIVE = OTHERS - {"find", "which"} | {"kill"}
"""Those that the interpreter may run itself, for none of them starts programs or reads input."""

_ALWAYS = frozenset({"tr", "tee", "dd"})
_SCRIPT_FIRST = frozenset({"grep", "egrep", "fgrep", "sed", "awk", "mawk"})
_WITH_VALUE = {
    "head": "nc",
    "tail": "nc",
    "sort": "ktoST",
    "uniq": "fsw",
    "cut": "dfbc",
    "grep": "efABCm",
    "egrep": "efABCm",
    "fgrep": "efABCm",
    "sed": "ef",
    "awk": "Ffv",
    "mawk": "Ffv",
    "base64": "w",
    "nl": "bfhilnsvw",
    "od": "AjNtw",
    "paste": "d",
    "split": "abln",
    "join": "aeojtv12",
    "fold": "w",
    "fmt": "w",
    "shuf": "ion",
    "tar": "fCT",
}
"""Option letters that take a value, by utility."""


def reads_input(argv: tuple[str, ...]) -> bool:
    """Whether this command line reads standard input: it names no file, or names `-`."""
    name = argv[0]
    if name not in READERS:
        return False
    operands, options = _split(argv[1:], _WITH_VALUE.get(name, ""))
    if name in _ALWAYS or "-" in operands or "/dev/stdin" in operands:
        return True
    scripted = name in _SCRIPT_FIRST and not set("ef") & set(options)
    return len(operands) <= (1 if scripted else 0)


def _split(words: tuple[str, ...], with_value: str) -> tuple[list[str], str]:
    """Operands, and the letters of the short options."""
    operands: list[str] = []
    letters = ""
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            operands.extend(waiting)
        elif word.startswith("--") or not word.startswith("-") or word == "-":
            if not word.startswith("--"):
                operands.append(word)
        else:
            for at, letter in enumerate(word[1:], 1):
                letters += letter
                if letter in with_value:
                    if at == len(word) - 1:
                        next(waiting, None)
                    break
    return operands, letters
