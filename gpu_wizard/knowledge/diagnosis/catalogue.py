"""The signatures as data: `signatures/*.toml`, one file a layer, read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Literal

from gpu_wizard.facts.k3s_causes import PROGRESS, SIGNS
from gpu_wizard.knowledge.diagnosis.wording import PLACE, Wording, expression, wordings
from gpu_wizard.knowledge.sources import content, files
from gpu_wizard.knowledge.texts import Language

FOLDER = "signatures"
ANY = "*"
_TOLD = ("patterns", "broad", "loose", "unless", "only", "loose_unless")
Severity = Literal["blocker", "warning", "info"]
LAYERS = (
    *("ssh", "host", "packages", "kernel", "driver", "toolkit", "containerd"),
    *("k3s", "kubelet", "api", "image", "plugin", "pod"),
)
"""From cause to symptom: what breaks in an earlier one shows in the later ones."""


@dataclass(frozen=True)
class Fix:
    """One thing to do. `run`: a command, "" where there is none to give."""

    en: str
    ru: str
    run: str = ""

    def text(self, language: Language) -> str:
        """The sentence with its command."""
        sentence = self.ru if language == "ru" else self.en
        if not self.run:
            return sentence
        return f"{sentence.rstrip('.:')}: {self.run}" if sentence else self.run


@dataclass(frozen=True)
class Variant:
    """A nearer cause of the same signature, told by a parameter of the text or by what is known of the host.

    `when`: parameter → the values that it takes, `*` for any; `conditions`: all must hold. Empty texts are the signature's own.
    """

    when: Mapping[str, tuple[str, ...]]
    conditions: tuple[str, ...]
    texts: Mapping[str, str]
    fixes: tuple[Fix, ...]


@dataclass(frozen=True)
class Signature:
    """One known cause.

    `stage`: as in the error corpus (`ssh`, `apt`, `join`, …). `unless`: where one of these stands in the same place,
    it is something else; `only`: one of these must. `yields_to`: ids that explain it and go before it, in the files also
    `stage:NAME` for every blocker of one that is no symptom. `symptom`: says only where it broke.
    `general`: a cause, told so broadly that any nearer one of its layer or below is the better answer.
    `bare`: only what the innermost error itself says, whatever program it is of; anything nearer stands in its place.
    `facts`: conditions that make it a finding without any text. `ours`: the wizard's stage that cures it, or "".
    `told`: its wordings as they are written, by the names of these; a log brings few signatures of
    hundreds, and to read all their wordings takes longer than most logs.
    """

    id: str
    stage: str
    layer: str
    severity: Severity
    texts: Mapping[str, str]
    fixes: tuple[Fix, ...]
    sources: tuple[str, ...]
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()
    symptom: bool = False
    general: bool = False
    bare: bool = False
    rank: int = 50
    facts: tuple[str, ...] = ()
    confirmed_by: tuple[str, ...] = ()
    ruled_out_by: tuple[str, ...] = ()
    ours: str = ""
    variants: tuple[Variant, ...] = ()

    @cached_property
    def wordings(self) -> tuple[Wording, ...]:
        """How it is told, K3s's own signs first."""
        signs = (sign.pattern for sign in SIGNS if sign.code in self.codes)
        return (*(each for sign in signs for each in expression(sign)), *self._read("patterns"))

    @cached_property
    def broad(self) -> tuple[Wording, ...]:
        """How it is told where the text is known to come from its stage."""
        return self._read("broad")

    @cached_property
    def loose(self) -> tuple[Wording, ...]:
        """The few words that make it certain in whatever sentence; they count where no nearer wording stands."""
        return self._read("loose")

    @cached_property
    def loose_unless(self) -> tuple[Wording, ...]:
        """What makes these few words mean something else."""
        return self._read("loose_unless", anchored=False)

    @cached_property
    def unless(self) -> tuple[Wording, ...]:
        """What makes it something else."""
        return self._read("unless", anchored=False)

    @cached_property
    def only(self) -> tuple[Wording, ...]:
        """What must stand beside it, for a text that other programs use too; none: nothing need."""
        return self._read("only", anchored=False)

    @cached_property
    def places(self) -> frozenset[str]:
        """The names of what its wordings take from a line; not every wording tells all of them."""
        return frozenset(
            PLACE.findall(" ".join(each for kind in self.told.values() for each in kind))
        )

    def _read(self, kind: str, *, anchored: bool = True) -> tuple[Wording, ...]:
        return _wordings(self.told, kind, anchored=anchored)


@dataclass(frozen=True)
class Recovery:
    """A text that says that something came right after all. `clears`: ids of the signatures that it voids."""

    wording: Wording
    clears: frozenset[str]


@dataclass(frozen=True)
class Meaning:
    """What an innermost error means. `words`: one of them stands in it; `texts`: by language."""

    words: tuple[str, ...]
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Catalogue:
    """All that is known. `meanings`: the nearest first."""

    signatures: tuple[Signature, ...]
    recoveries: tuple[Recovery, ...]
    harmless: tuple[Wording, ...] = ()
    by_id: Mapping[str, Signature] = field(default_factory=dict)
    meanings: tuple[Meaning, ...] = ()


@cache
def catalogue() -> Catalogue:
    """Every signature, recovery and harmless line."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for file in files(FOLDER):
        for kind, entries in content(FOLDER, file).items():
            tables.setdefault(kind, []).extend(entries)
    signatures = _each_named(_signature(entry) for entry in tables["signature"])
    recoveries = [each for entry in tables["recovery"] for each in _recoveries(entry, signatures)]
    harmless = tuple(
        each
        for entry in tables["harmless"]
        for each in _wordings(entry, "patterns", anchored=False)
    )
    by_id = {each.id: each for each in signatures}
    told = (*recoveries, *_progress(signatures))
    return Catalogue(signatures, told, harmless, by_id, _meanings(tables["meaning"]))


def _meanings(entries: Iterable[Mapping[str, Any]]) -> tuple[Meaning, ...]:
    return tuple(
        Meaning(tuple(each["words"]), {"en": each["en"], "ru": each["ru"]}) for each in entries
    )


def _signature(entry: Mapping[str, Any]) -> Signature:
    return Signature(
        id=entry["id"],
        stage=entry["stage"],
        layer=entry["layer"],
        severity=entry["severity"],
        texts=_texts(entry),
        fixes=_fixes(entry),
        sources=tuple(entry["sources"]),
        told={kind: tuple(entry[kind]) for kind in _TOLD if kind in entry},
        codes=tuple(entry.get("codes", ())),
        yields_to=tuple(entry.get("yields_to", ())),
        symptom=entry.get("symptom", False),
        general=entry.get("general", False),
        bare=entry.get("bare", False),
        rank=entry.get("rank", 50),
        facts=tuple(entry.get("facts", ())),
        confirmed_by=tuple(entry.get("confirmed_by", ())),
        ruled_out_by=tuple(entry.get("ruled_out_by", ())),
        ours=entry.get("ours", ""),
        variants=tuple(_variant(each) for each in entry.get("variant", ())),
    )


def _each_named(signatures: Iterable[Signature]) -> tuple[Signature, ...]:
    """Whole stages in `yields_to` as the ids of their causes."""
    known = tuple(signatures)
    causes: dict[str, list[str]] = {}
    for each in known:
        if each.severity == "blocker" and not each.symptom:
            causes.setdefault(f"stage:{each.stage}", []).append(each.id)

    def named(signature: Signature) -> Signature:
        stages = [name for name in signature.yields_to if name in causes]
        if not stages:
            return signature
        names = [name for name in signature.yields_to if name not in causes]
        more = [name for stage in stages for name in causes[stage] if name != signature.id]
        return replace(signature, yields_to=(*names, *more))

    return tuple(named(each) for each in known)


def _variant(entry: Mapping[str, Any]) -> Variant:
    when = {key: tuple(values) for key, values in entry.get("when", {}).items()}
    return Variant(when, tuple(entry.get("conditions", ())), _texts(entry), _fixes(entry))


def _texts(entry: Mapping[str, Any]) -> dict[str, str]:
    keys = [f"{kind}_{language}" for kind in ("title", "cause") for language in ("en", "ru")]
    return {key: entry[key] for key in keys if key in entry}


def _fixes(entry: Mapping[str, Any]) -> tuple[Fix, ...]:
    return tuple(Fix(**each) for each in entry.get("fix", ()))


def _wordings(entry: Mapping[str, Any], key: str, *, anchored: bool = True) -> tuple[Wording, ...]:
    texts = entry.get(key, ())
    return tuple(each for text in texts for each in wordings(text, anchored=anchored))


def _recoveries(entry: Mapping[str, Any], signatures: Iterable[Signature]) -> tuple[Recovery, ...]:
    """`clears` names signatures, or `stage:NAME` and `layer:NAME` for all of one; `phase`: one of K3s's own.

    A bare error may be just what came right: it is always cleared.
    """
    wanted = set(entry["clears"])
    names = frozenset(
        each.id
        for each in signatures
        if each.bare or wanted & {each.id, f"stage:{each.stage}", f"layer:{each.layer}"}
    )
    steps = [pattern for phase, pattern in PROGRESS if phase.name == entry.get("phase")]
    told = (*_wordings(entry, "patterns"), *(each for step in steps for each in expression(step)))
    return tuple(Recovery(each, names) for each in told)


def _progress(signatures: Iterable[Signature]) -> tuple[Recovery, ...]:
    """K3s's own steps forward: each voids the faults of the phases before it."""
    phases = {sign.code: sign.phase for sign in SIGNS}
    recoveries = []
    for passed, pattern in PROGRESS:
        voided = frozenset(
            each.id
            for each in signatures
            if each.bare or (each.codes and max(phases[code] for code in each.codes) <= passed)
        )
        recoveries += [Recovery(each, voided) for each in expression(pattern)]
    return tuple(recoveries)
