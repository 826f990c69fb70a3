"""The words of the screens in the language chosen, with counts and times."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from gpu_wizard.knowledge.texts import Language, entries, next_step, sentence

if TYPE_CHECKING:
    from gpu_wizard.model.action import Step
    from gpu_wizard.model.errors import WizardError
    from gpu_wizard.model.stage import Assessment, Found

NO_BREAK: Final = "\N{NO-BREAK SPACE}"


class Words:
    """Looks words up in one language."""

    def __init__(self, language: Language) -> None:
        """`language` stays; another one is another `Words`."""
        self.language: Language = language

    def __call__(self, code: str, **params: object) -> str:
        """A word of the screens."""
        return self.of("ui", code, {key: str(value) for key, value in params.items()})

    def of(self, kind: str, code: str, params: dict[str, str] | None = None) -> str:
        """A text of any kind."""
        return sentence(kind, code, params or {}, self.language)

    def has(self, kind: str, code: str) -> bool:
        """Whether there is such a text."""
        return code in entries(kind)

    def count(self, code: str, n: int, **params: object) -> str:
        """A counted word: `one|many`, or `one|few|many` in Russian."""
        forms = self(code, n=n, **params).split("|")
        return forms[_form(n, len(forms))]

    def state(self, state: str) -> str:
        """A state's word; at most seven letters."""
        return self("state.looking") if state == "looking" else self.of("state", state)

    def assessed(self, assessment: Assessment) -> str:
        """An assessment as a sentence."""
        return self.of("reason", assessment.code, dict(assessment.params))

    def advice(self, assessment: Assessment) -> str:
        """What a person does next; "" where nothing is said."""
        return next_step("reason", assessment.code, assessment.params, self.language)

    def notes(self, assessment: Assessment) -> list[str]:
        """What else is worth saying."""
        return [self.of("note", note.code, dict(note.params)) for note in assessment.notes]

    def found(self, found: Found) -> tuple[str, str]:
        """A row of *Found*: label and value."""
        return self.of("found", found.id), found.value or self("plan.none")

    def step(self, step: Step) -> str:
        """What a step does."""
        return self.of("step", step.id, dict(step.params))

    def trouble(self, error: WizardError) -> str:
        """What happened and where."""
        from gpu_wizard.faces.wording import error_text

        return error_text(error, self.language)

    def risk(self, step: Step) -> str:
        """What else a step disturbs; "" for nothing."""
        return self.of("risk", step.risk.code, dict(step.risk.params)) if step.risk else ""

    def ago(self, then: datetime, now: datetime) -> str:
        """How long ago that was."""
        seconds = max(0, int((now - then).total_seconds()))
        if seconds < 2:
            return self("ago.now")
        if seconds < 60:
            return self("ago.seconds", n=seconds)
        if seconds < 3600:
            return self("ago.minutes", n=seconds // 60)
        return self("ago.hours", h=seconds // 3600, m=seconds % 3600 // 60)

    def took(self, seconds: float) -> str:
        """How long something took: `0.4 s`, from a minute on `1:02`."""
        if seconds >= 60:
            return elapsed(seconds)
        number = f"{seconds:.1f}"
        number = number.replace(".", ",") if self.language == "ru" else number
        return f"{number}{NO_BREAK}{self('unit.seconds')}"


def elapsed(seconds: float) -> str:
    """`0:18`, `1:02:07`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, last = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{last:02}" if hours else f"{minutes}:{last:02}"


def _form(n: int, forms: int) -> int:
    """Which form a count takes."""
    if forms == 1:
        return 0
    if forms == 2:
        return 0 if n == 1 else 1
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else 2
