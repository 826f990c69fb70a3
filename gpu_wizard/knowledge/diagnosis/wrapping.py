"""Lines that a terminal, a mail or a narrow column broke: what belongs together."""

from __future__ import annotations

import re
from collections.abc import Sequence

TERMINAL = 80
"""A line of just this length was mostly cut there, within a word if need be."""
_WIDTHS = frozenset({TERMINAL, 100, 120, 132})
_NARROWEST = 60
_WIDEST = 250
_ANEW = re.compile(
    rb"\s*(?:[\[{#$*+|=<>-]|\d{4}[-/]\d\d|\d\d?:\d\d|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d"
    rb"|[IWEF]\d{4} |(?:time|level|ts|msg|severity)=|(?:Warning|Normal) |\w+@[\w-]+:|[\w.-]+(?:\[\d+\]:|:\d+:\d)"
    rb"|(?:trac|debu|info|warn|erro|fata|pani)\[\d+|(?:error|warning|info|debug|critical):\S"
    rb"|(?:error|warning|err|fatal|info|note|hint|debug|critical|[ewn]|get|hit|ign|dpkg|apt|curl|wget|gpg|gcc|make"
    rb"|ld|cc1|modprobe|insmod|rmmod|nvrm|nvidia[\w-]*|docker|podman|ssh|sudo|bash|sh|k3s|rke2|kubelet|kubectl|kubeadm|qemu[\w-]*)"
    rb": )",
    re.IGNORECASE,
)
"""What a line begins with that begins a record of its own."""
_GOES_ON = re.compile(rb"[a-z0-9]+[./:\-]")
"""What follows a point that stands within a name, an address or a version: no sentence begins so."""


def _gap(before: bytes, line: bytes) -> bytes | None:
    """What stood between two lines that were one: a blank, or perhaps nothing. None: they were not one."""
    end, word = before.rstrip(), line.split(None, 1)[:1]
    if not end or not word:
        return None
    if end.endswith(b"rpc") and word[0] == b"error:":
        return b" "
    if _ANEW.match(line) or (end.split(None, 1)[:1] == word and not word[0].isalpha()):
        return None
    if len(before) in _WIDTHS and not line[:1].isspace():
        return b""
    if not len(end) + len(word[0]) >= _NARROWEST or len(end) > _WIDEST:
        return None
    if end[-1:] == b"." and _GOES_ON.match(line):
        return b""
    return None if end[-1:] in b".!?;" else b" "


def unbroken(lines: Sequence[bytes]) -> tuple[int, tuple[bytes, ...]]:
    """How many of the last lines were one, and as what it may be read; 1 where the last stands for itself."""
    cut = blank = lines[-1]
    count = 1
    while count < len(lines):
        before = lines[-count - 1]
        gap = _gap(before, lines[-count])
        if gap is None:
            break
        cut, blank = before + gap + cut, before + b" " + blank
        count += 1
    return count, (cut,) if cut == blank else (cut, blank)
