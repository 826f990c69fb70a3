"""Hits and known circumstances to findings: causes before symptoms, specific before general, facts as judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gpu_wizard.knowledge.diagnosis.anchors import Hit
from gpu_wizard.knowledge.diagnosis.bare import stage_of
from gpu_wizard.knowledge.diagnosis.catalogue import (
    ANY,
    LAYERS,
    Catalogue,
    Fix,
    Meaning,
    Severity,
    Signature,
    Variant,
)
from gpu_wizard.knowledge.diagnosis.text import innermost, shown
from gpu_wizard.knowledge.texts import Language

_SEVERITIES = ("blocker", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """A cause that a log, or what is known of the host, tells of.

    `lines`: where, counted from 1; empty where facts alone tell it. `text`: the first of these lines, cleaned.
    `confirmed`: facts agree. `explained_by`: the id of the finding that it follows from, "" for none.
    `variant`: a nearer cause of the same signature. `loose`: only a few words told it, see `Signature.loose`.
    `meaning`: of the innermost error, by language, where it is known; in texts `{meaning}`, beside the error `{said}`.
    """

    signature: Signature
    lines: tuple[int, ...] = ()
    text: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    confirmed: bool = False
    explained_by: str = ""
    variant: Variant | None = None
    order: int = 0
    loose: bool = False
    meaning: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The signature's stable id."""
        return self.signature.id

    @property
    def severity(self) -> Severity:
        """`blocker`, `warning` or `info`."""
        return self.signature.severity

    @property
    def stage(self) -> str:
        """The stage as the error corpus names it; of a bare error that of the programs in its line."""
        return (self.signature.bare and stage_of(self.text)) or self.signature.stage

    def title(self, language: Language = "en") -> str:
        """What it is, in a few words."""
        return self._said("title", language)

    def cause(self, language: Language = "en") -> str:
        """Why it happens."""
        return self._said("cause", language)

    def fixes(self) -> tuple[Fix, ...]:
        """What to do, in order, parameters filled in."""
        chosen = (self.variant.fixes if self.variant else ()) or self.signature.fixes
        said = {**self._gaps(), **self.params}
        typed = {**{each: each.upper() for each in self.signature.places}, **self.params}
        return tuple(
            Fix(_filled(fix.en, said), _filled(fix.ru, said), _filled(fix.run, typed))
            for fix in chosen
        )

    def _said(self, kind: str, language: Language) -> str:
        key = f"{kind}_{language}"
        nearer = self.variant.texts.get(key) if self.variant else None
        meaning = self.meaning.get(language, "")
        known = {**self._gaps(), **self.params, "meaning": meaning and f" {meaning}"}
        return _filled(nearer or self.signature.texts[key], known)

    def _gaps(self) -> dict[str, str]:
        """What stands in a text for a parameter that this log does not tell."""
        return dict.fromkeys(self.signature.places, "…")


def _filled(text: str, known: Mapping[str, str]) -> str:
    """`{name}` by its value. Only whole words in braces are parameters: commands hold braces of their own."""
    for key, value in known.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def findings(
    hits: Iterable[Hit], conditions: frozenset[str], known: Catalogue
) -> tuple[Finding, ...]:
    """The findings, best first."""
    told = {hit.signature.id: hit for hit in hits}
    found = [
        _finding(signature, told.get(signature.id), conditions, known.meanings)
        for signature in known.signatures
        if _counts(signature, told.get(signature.id), conditions)
    ]
    explained = _explained(_without_bare(found))
    return tuple(sorted(explained, key=_key))


def _without_bare(found: Sequence[Finding]) -> Sequence[Finding]:
    """Bare errors only where no cause is told."""
    causes = (each for each in found if each.severity != "info" and not each.signature.symptom)
    if any(not each.signature.bare for each in causes):
        return [each for each in found if not each.signature.bare]
    return found


def _counts(signature: Signature, hit: Hit | None, conditions: frozenset[str]) -> bool:
    if set(signature.ruled_out_by) & conditions:
        return False
    return hit is not None or bool(signature.facts and set(signature.facts) <= conditions)


def _finding(
    signature: Signature,
    hit: Hit | None,
    conditions: frozenset[str],
    meanings: Iterable[Meaning],
) -> Finding:
    said = shown(innermost(hit.message)) if hit else ""
    params = {**hit.params, "said": said} if hit else {}
    return Finding(
        signature,
        tuple(hit.lines) if hit else (),
        hit.text if hit else "",
        params,
        bool(set(signature.confirmed_by) & conditions) or hit is None,
        variant=_variant(signature, params, conditions),
        order=hit.order if hit else 0,
        loose=hit is not None and hit.loose,
        meaning=_meaning(said.lower(), meanings),
    )


def _meaning(said: str, meanings: Iterable[Meaning]) -> Mapping[str, str]:
    told = (each for each in meanings if any(words in said for words in each.words))
    return next((each.texts for each in told), {})


def _variant(
    signature: Signature, params: Mapping[str, str], conditions: frozenset[str]
) -> Variant | None:
    for variant in signature.variants:
        fits = all(_is_one(params.get(key, ""), wanted) for key, wanted in variant.when.items())
        if fits and set(variant.conditions) <= conditions:
            return variant
    return None


def _is_one(value: str, wanted: tuple[str, ...]) -> bool:
    """Whether a parameter, which may hold several values, has a wanted one; `*` wants any."""
    return bool(value and (ANY in wanted or set(value.split(", ")) & set(wanted)))


def _explained(found: Sequence[Finding]) -> list[Finding]:
    """Each with what it follows from; of several that would wait for each other, the nearest waits for none."""
    causes = {each.id: _cause(each, found) for each in found}
    for each in sorted(found, key=_key):
        if _returns(each.id, causes):
            causes[each.id] = ""
    return [replace(each, explained_by=causes[each.id]) for each in found]


def _cause(effect: Finding, found: Sequence[Finding]) -> str:
    ids = {each.id for each in found}
    named = next((name for name in effect.signature.yields_to if name in ids), "")
    return named or next((each.id for each in found if _explains(each, effect)), "")


def _returns(start: str, causes: Mapping[str, str]) -> bool:
    """Whether what explains it is explained by it in the end."""
    seen, name = set[str](), causes[start]
    while name and name not in seen:
        seen.add(name)
        name = causes[name]
    return start in seen


def _explains(cause: Finding, effect: Finding) -> bool:
    """Whether a cause of its own layer or below stands beside a mere symptom, or a nearer one beside a general.

    In the symptom's own line it may be of any layer: there it is what the program was told. A warning does not
    explain a general blocker: it may well be another matter.
    """
    if _level(cause) >= _level(effect) or cause.severity == "info":
        return False
    if effect.id in cause.signature.yields_to:
        return False
    if not effect.signature.symptom and cause.severity != effect.severity:
        return False
    if set(cause.lines) & set(effect.lines):
        return True
    return LAYERS.index(cause.signature.layer) <= LAYERS.index(effect.signature.layer)


def _level(finding: Finding) -> int:
    """0 a cause, 1 one told only broadly, 2 a symptom."""
    signature = finding.signature
    return 2 if signature.symptom else int(signature.general or signature.bare)


def _key(finding: Finding) -> tuple[int, ...]:
    signature = finding.signature
    return (
        int(finding.severity == "info"),
        int(bool(finding.explained_by)),
        int(signature.symptom),
        int(not finding.confirmed),
        _SEVERITIES.index(finding.severity),
        int(finding.loose),
        signature.rank,
        LAYERS.index(signature.layer) * 1000 + finding.order,
    )
