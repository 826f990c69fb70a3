"""Where the anchors of a catalogue lead, and how those that stand in a line are found; made once, and kept as JSON.

Each anchor has one run of four letters that few others have. A line's own runs, taken as machine words, are met with
all of these at once; only the anchors behind a common one are looked for. `python -m tests.knowledge.compiled` writes
the ready-made form; a test compares.
"""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gpu_wizard.facts.k3s_causes import PROGRESS, SIGNS
from gpu_wizard.knowledge.diagnosis.catalogue import FOLDER, Catalogue, catalogue
from gpu_wizard.knowledge.diagnosis.languages import FOLDER as LANGUAGES
from gpu_wizard.knowledge.diagnosis.languages import anchors as of_languages
from gpu_wizard.knowledge.sources import derived, sum_of

NAME = "anchors"
RUN = 4
"""Letters of a run: a machine word of four bytes, and the shortest anchor."""


def made(known: Catalogue) -> Mapping[str, Any]:
    """What `Places` reads.

    `anchors`: each with the pairs of whose and which wording it leads to, see `Index`. `runs`: run → numbers of the
    anchors behind it. `begun`: the last of the words that an anchor begins with, where a line may end within it → all
    of these → its number.
    """
    anchors: dict[str, list[tuple[int, int]]] = {}
    for whose, wordings in enumerate(_owners(known)):
        for which, anchor in enumerate(wordings):
            anchors.setdefault(anchor, []).append((whose, which))
    begun: dict[str, dict[str, list[int]]] = {}
    ours = len(known.signatures) + len(known.recoveries)
    for number, (anchor, leads) in enumerate(anchors.items()):
        if leads[0][0] >= ours:
            continue
        words = anchor.split(" ")
        for cut in range(1, len(words)):
            ending = begun.setdefault(words[cut - 1], {})
            ending.setdefault(" ".join(words[:cut]), []).append(number)
    return {"anchors": anchors, "runs": _runs(list(anchors)), "begun": begun}


def made_sum() -> int:
    """The sum of all that it is made of: the signatures, what K3s's own signs are, and what other languages say."""
    own = (*(sign.pattern.pattern for sign in SIGNS), *(text.pattern for _, text in PROGRESS))
    return zlib.crc32("\n".join(own).encode(), sum_of(FOLDER)) ^ sum_of(LANGUAGES)


def ready() -> Mapping[str, Any]:
    """As `made` of the shipped catalogue, kept ready unless its sources were edited."""
    return derived(FOLDER, NAME, made_sum()) or made(catalogue())


def _owners(known: Catalogue) -> Iterable[list[str]]:
    """The anchors of each signature, broad and loose ones last, then those of each recovery and of each foreign saying."""
    for signature in known.signatures:
        yield [each.anchor for each in (*signature.wordings, *signature.broad, *signature.loose)]
    for recovery in known.recoveries:
        yield [recovery.wording.anchor]
    for anchor in of_languages():
        yield [anchor]


def _runs(anchors: Sequence[str]) -> dict[str, list[int]]:
    """For each anchor the run that the fewest anchors have. One letter a byte, whatever the letter."""
    texts = [anchor.encode().decode("latin-1") for anchor in anchors]
    held = [{text[at : at + RUN] for at in range(len(text) - RUN + 1)} for text in texts]
    times = Counter(run for runs in held for run in runs)
    found: dict[str, list[int]] = {}
    for number, runs in enumerate(held):
        found.setdefault(min(runs, key=lambda run: (times[run], run)), []).append(number)
    return found


class Places:
    """The anchors, and which of them stand in a line."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """`content`: as `made` gives it."""
        self._anchors = [each.encode() for each in content["anchors"]]
        self._leads: list[list[tuple[int, int]]] = list(content["anchors"].values())
        runs: Mapping[str, list[int]] = content["runs"]
        self._runs = {
            int.from_bytes(run.encode("latin-1"), sys.byteorder): numbers
            for run, numbers in runs.items()
        }
        self._met = frozenset(self._runs)
        self._begun: Mapping[str, Mapping[str, list[int]]] = content["begun"]

    def leads(self, number: int) -> Sequence[tuple[int, int]]:
        """Where an anchor leads: whose, and which wording."""
        return self._leads[number]

    def standing_in(self, line: bytes) -> list[int]:
        """The numbers of the anchors in a line, in their order. The line: lower case, no digits, single blanks."""
        view, size = memoryview(line), len(line)
        met: set[int] = set()
        for at in range(min(RUN, size - RUN + 1)):
            end = at + (size - at) // RUN * RUN
            met.update(self._met.intersection(view[at:end].cast("I").tolist()))
        anchors, runs = self._anchors, self._runs
        return sorted(number for run in met for number in runs[run] if anchors[number] in line)

    def begun_by(self, line: bytes) -> list[tuple[bytes, int]]:
        """The anchors that begin with a line's last words: what is left of each, and its number; short ones first."""
        held = self._begun.get(line[line.rfind(b" ") + 1 :].decode(errors="replace"))
        if held is None:
            return []
        found, at = [], len(line)
        for _ in range(max(each.count(" ") for each in held) + 1):
            at = line.rfind(b" ", 0, max(at, 0))
            end = line[at + 1 :]
            numbers = held.get(end.decode(errors="replace"), ())
            found += [(self._anchors[number][len(end) + 1 :], number) for number in numbers]
            if at < 0:
                break
        return found
