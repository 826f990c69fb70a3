"""The journal of K3s's unit since its last start, as one verdict: came up, or why not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gpu_wizard.facts.k3s_causes import CONTAINERD_UP, ENDED, PROGRESS, UP, Sign, sign_of, signs_in
from gpu_wizard.facts.systemd import AGENT, SERVER
from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Output, Probe

_LINES = 400
_TAIL = 5
_ENTRY = re.compile(r"(?P<at>\d+\.\d+) \S+ (?P<who>[^\s\[:]+)(?:\[\d+\])?: (?P<text>.*)")
_ESCAPED = re.compile(r'\\+(["n])')
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")
_RESTART = "Scheduled restart job"
_UNIT_ENDED = re.compile(r"Main process exited|Failed with result|Deactivated success|^Stopped ")


@dataclass(frozen=True)
class Cause:
    """Why a start fails or blocks. `code` as in `k3s_causes.SIGNS`; `line` what told it, cleaned.

    `started_at`: the start it belongs to, seconds since 1970 on the host (the oldest line read where that is
    not known); what was configured later is not judged by it. `last_at`: when it was last said.
    """

    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    line: str = ""
    started_at: float = 0.0
    last_at: float = 0.0

    def is_void(self, changed_at: float) -> bool:
        """Whether configuration or token changed after the start that it speaks of."""
        return changed_at > self.started_at


@dataclass(frozen=True)
class K3sJournal:
    """The unit's last start. `started_at` None: longer ago than the lines read reach, then nothing is
    known of how it came up, only that it is older than `oldest_at`, the first line read.

    `up`: `k3s agent is up and running` (a server: `k3s is …`) was said and no end followed; `containerd`: the
    same of `containerd is now running`. `cause`: the fault that stands at the end. `stopped`: somebody stopped
    the unit after this start, so that all of this is over. `tail`: the last messages.
    """

    started_at: float | None = None
    oldest_at: float = 0.0
    latest_at: float = 0.0
    up: bool = False
    containerd: bool = False
    cause: Cause | None = None
    stopped: bool = False
    tail: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether the start ended well, as far as the lines read reach."""
        return self.started_at is None or (self.up and self.containerd)


@dataclass(frozen=True, slots=True)
class _Entry:
    at: float
    systemd: bool
    text: str


@dataclass
class _Start:
    """The entries of one start. `again`: systemd's automatic restart after a failed one."""

    entries: list[_Entry] = field(default_factory=list)
    known: bool = False
    again: bool = False


@dataclass(frozen=True)
class _Suspect:
    sign: Sign
    seen: int
    cause: Cause = Cause("")


def parse_journal(answer: Output) -> Fact[K3sJournal]:
    """Read `journalctl -o short-unix`; absent where the units have no entry since the boot."""
    if answer.status != 0 and not answer.stdout:
        return Unknown("unreadable", answer.error_text.strip()[-200:])
    entries = [entry for entry in map(_entry, answer.text.splitlines()) if entry]
    if not entries:
        return ABSENT
    return Known(_judge(_starts(entries)))


def _judge(starts: Sequence[_Start]) -> K3sJournal:
    """The verdict on the last start. While an automatic restart has not come up yet, the fault of the start
    before it stands: such a unit would otherwise look well for some seconds of every round.
    """
    verdict = _verdict(starts[-1])
    for number in range(len(starts) - 1, 0, -1):
        if verdict.cause or not starts[number].again or (verdict.up and verdict.containerd):
            break
        verdict = replace(verdict, cause=_verdict(starts[number - 1]).cause)
    return verdict


def _entry(line: str) -> _Entry | None:
    match = _ENTRY.fullmatch(line)
    if match is None:
        return None
    return _Entry(float(match["at"]), match["who"] == "systemd", clean(match["text"]))


def clean(text: str) -> str:
    """A message without escapes of K3s's own quoting, control characters and runs of blanks."""
    if "\\" in text:
        text = _ESCAPED.sub(lambda match: '"' if match[1] == '"' else " ", text)
    safe = text if text.isprintable() else _UNSAFE.sub(" ", text)
    return " ".join(safe.split())


def _starts(entries: Sequence[_Entry]) -> list[_Start]:
    starts = [_Start()]
    restarting = False
    for entry in entries:
        if entry.systemd and entry.text.startswith("Starting "):
            starts.append(_Start(known=True, again=restarting))
            restarting = False
        elif entry.systemd and _RESTART in entry.text:
            restarting = True
        starts[-1].entries.append(entry)
    return [start for start in starts if start.entries]


def _verdict(start: _Start) -> K3sJournal:
    entries = start.entries
    ends = [number for number, entry in enumerate(entries) if _is_end(entry)]
    alive = entries[ends[-1] + 1 :] if ends else entries
    return K3sJournal(
        started_at=entries[0].at if start.known else None,
        oldest_at=entries[0].at,
        latest_at=entries[-1].at,
        up=any(UP.search(entry.text) for entry in alive),
        containerd=any(CONTAINERD_UP.search(entry.text) for entry in alive),
        cause=_cause(entries),
        stopped=_is_stopped(entries),
        tail=tuple(entry.text for entry in entries[-_TAIL:]),
    )


def _is_stopped(entries: Sequence[_Entry]) -> bool:
    """systemd says `Stopped` before an automatic restart, too: then it spoke of the restart first."""
    said = [entry.text for entry in entries if entry.systemd]
    restarts = any(_RESTART in text for text in said)
    return not restarts and any(text.startswith("Stopped ") for text in said)


def _is_end(entry: _Entry) -> bool:
    return bool((_UNIT_ENDED if entry.systemd else ENDED).search(entry.text))


def _cause(entries: Sequence[_Entry]) -> Cause | None:
    signs = signs_in(entry.text for entry in entries)
    if not signs:
        return None
    suspects: dict[str, _Suspect] = {}
    for entry in entries:
        passed = next((phase for phase, text in PROGRESS if text.search(entry.text)), None)
        if passed is not None:
            suspects = {code: it for code, it in suspects.items() if it.sign.phase > passed}
        hit = sign_of(entry.text, signs)
        if hit:
            sign, params = hit
            before = suspects.pop(sign.code, _Suspect(sign, 0))
            cause = Cause(
                sign.code,
                {**before.cause.params, **params},
                entry.text,
                started_at=entries[0].at,
                last_at=entry.at,
            )
            suspects[sign.code] = _Suspect(sign, before.seen + 1, cause)
    proved = [it for it in suspects.values() if it.seen >= it.sign.times]
    # The newest that says why, else the newest that says where; a dictionary keeps the order of insertion.
    return max(reversed(proved), key=lambda it: not it.sign.general).cause if proved else None


JOURNAL: Probe[Output, K3sJournal] = Probe(
    "k3s.journal",
    Command(
        (
            *("journalctl", "-u", AGENT, "-u", SERVER, "-b"),
            *("-o", "short-unix", "-n", str(_LINES), "--no-pager"),
        ),
        root=True,
    ),
    parse_journal,
)
