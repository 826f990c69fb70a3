"""The sentences of the read-only look, for people and in its JSON alike."""

from __future__ import annotations

from gpu_wizard.faces import wording
from gpu_wizard.faces.glyphs import GLYPHS
from gpu_wizard.knowledge.texts import Language, sentence
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.stage import Assessment

ASCII = {
    "done": "+",
    "needed": "*",
    "waiting": ".",
    "blocked": "#",
    "unknown": "?",
}


def glyphs(encoding: str | None) -> dict[str, str]:
    """State → one character, of those that a stream in this encoding can carry."""
    try:
        "".join(GLYPHS.values()).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return GLYPHS


def word(code: str, language: Language, **params: str) -> str:
    """A word of this look."""
    return sentence("word", f"status.{code}", params, language)


def next_step(assessment: Assessment, setup: str, language: Language) -> str:
    """What a person does next about a stage; "" where time or an earlier stage decides. `setup` "": no setup file."""
    if assessment.question is not None:
        question = assessment.question
        options = ", ".join(option.id for option in question.options if option.id != "stop")
        return word("next-choice", language, question=question.id, options=options)
    if advice := wording.advice(assessment, language):
        return advice
    if assessment.state != "needed":
        return ""
    return (
        word("next-needed", language, file=setup) if setup else word("next-needed-bare", language)
    )


def error_next(error: WizardError, assessment: Assessment, language: Language) -> str:
    """What a person does next about a node that could not be asked."""
    return wording.advice(assessment, language) or error.next_step
