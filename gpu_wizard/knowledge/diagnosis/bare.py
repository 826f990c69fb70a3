"""Errors that any program may end with: which lines report one, and which stage such a line belongs to.

A log is full of words such as "no such file" that nobody need worry about. They count only where the program says
that it failed, and where no nearer cause is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CALM = 3
"""So many lines that report no failure may follow such an error: after more, the program went on all the same."""
_FAILS = re.compile(
    r"error|fatal|fail(?:s|ed|ure|ing)?\b|cannot\b|can't|could ?n[o']t|unable|panic|abort|exception|traceback"
    r"|gave up|giving up|not possible|\bFATA|\bERRO|\bE!|\bstderr\b|refused - did you|has exited|exited[ ,]|\bstatus=\d"
    r"|\bexit(?:ed)? (?:code|status)|couldn.t|invalid|unknown (?:flag|shorthand|option|command)|unrecogni[sz]ed|not defined|connect to|^\s*(?:Message|Reason):|\bkilled\b",
    re.IGNORECASE,
)
_KLOG = re.compile(r"(?:^|[\s:\]])[EF]\d{4} \d\d:\d\d")
_PREFIX = re.compile(r"^\s*(?:-|\.{0,2}/)?[a-z][\w./+-]*(?:\[\d+\])?: \S")
"""What a program of the command line begins its complaint with: its own name."""
_LOW = re.compile(
    r"level=(?:info|debug|trace|warn)|\"?(?:level|severity|lvl)\"?\s*[:=]\s*\"?(?:info|debug|trace|warn)"
    r"|(?:^|[\s:\]])[IWD]\d{4} \d\d:\d\d|(?<!sum: )\b(?:WARN|WARNING|INFO|DEBUG|NOTICE|TRACE)\b|\b(?:DEBU|TRAC)\[|^\s*[Ww]arning: |^(?:[WN]|ls): "
    r"|(?i:ignor(?:ed|ing|e)\b|skip(?:s|ped|ping)?\b|optional|continu(?:es|ed|ing)\b|(?:will|to|and) continue\b|fall(?:s|ing)? ?back|fallback"
    r"|non-?fatal|not fatal|harmless|does ?n[o']t matter|try(?:ing)? next|using defaults?|\bnormal\s+\w+\s+\d)"
)
_OTHERS = re.compile(
    r"\b(?:systemd-udevd|udevd|lvm|cloud-init|NetworkManager|bluetoothd|ModemManager|avahi-daemon|cupsd|gdm\S*|gnome-\S+"
    r"|pulseaudio|pipewire|wireplumber|thermald|fwupd\w*|accounts-daemon|colord|rtkit-daemon|postfix|cron|CRON|anacron"
    r"|smartd|multipathd|irqbalance|dbus-\w+|sshd|snapd|packagekitd|udisksd|upowerd|rsyslogd|chronyd|systemd-resolved"
    r"|systemd-networkd|systemd-timesyncd)(?:\[\d+\])?: |kernel: (?:\[[\d. ]+\] )?(?:ACPI|usb|pci|i8042|snd|thermal|EDAC|tpm)\b"
    r"|available_controller\.go|(?:^|[+$#] )rm: |Failed to (?:stop|disable|reset-failed) |[Rr]eadiness probe",
)
"""What complains on many a sound machine, and has no part in the chain."""
_STAGES: Mapping[str, str] = {
    "ssh": "ssh",
    "packages": "apt",
    "kernel": "driver",
    "driver": "driver",
    "toolkit": "toolkit",
    "containerd": "containerd",
    "image": "containerd",
    "plugin": "plugin",
    "k3s": "join",
    "kubelet": "join",
    "api": "patch",
    "pod": "verify",
}
"""The stage of each layer."""


def reports_failure(line: str) -> bool:
    """Whether a program says here that it failed, not that it goes on all the same."""
    return not goes_on(line) or bool(_PREFIX.search(line) and not _no_matter(line))


def goes_on(line: str) -> bool:
    """Whether a program says here anything but that it failed."""
    return _no_matter(line) or not (_FAILS.search(line) or _KLOG.search(line))


def _no_matter(line: str) -> bool:
    return bool(_LOW.search(line) or _OTHERS.search(line))


def stage_of(line: str) -> str:
    """The stage whose programs a line names, "" where it names none."""
    # Most logs have no bare error, and its expressions take longer to compile than such a log to read.
    from gpu_wizard.knowledge.diagnosis.layers import LayerGuess

    guess = LayerGuess()
    guess.feed([line])
    return _STAGES.get(guess.layer().id, "")
