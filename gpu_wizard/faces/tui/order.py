"""The stages in order, for screens: ids alone, so that the first frame need not wait for the stages themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gpu_wizard.engine.progress import NodeProgress

ORDER: Final = (
    *("join", "driver", "toolkit", "runtime", "device-plugin"),
    *("runtime-class", "plugin-runtime", "labels", "proof"),
)
"""Stage ids as people count them, the proof last; a test holds them to `gpu_wizard.stages`."""


def number_of(stage: str) -> int:
    """A stage's number, from 1; the proof is 9."""
    return ORDER.index(stage) + 1


def shown_state(node: NodeProgress, stage: str, skipped: Collection[str]) -> str:
    """The state on the rail: one that a person leaves out reads skipped until it is done.

    A proof that was not run waits for the stages; where they are all done it is what is still needed.
    """
    one = node.stage(stage)
    state = one.state
    if one.assessment is not None and one.assessment.code == "proof.not-run":
        is_open = any(node.stage(other).state != "done" for other in ORDER[:-1])
        return "waiting" if is_open else "needed"
    return "skipped" if stage in skipped and state in ("needed", "waiting", "blocked") else state
