"""What a plan shows of files and objects that could not be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from gpu_wizard.engine.diffs import diffs_of
from gpu_wizard.faces import wording
from gpu_wizard.facts.manifests import runtime_class_manifest
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.action import ApplyObject, PutFile, Step
from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.ports import Host, Node
from gpu_wizard.model.question import FilesFound, HostAnswer, HostAsk

PLAN = (
    Step("file", PutFile("/etc/new", b"new\n")),
    Step("object", ApplyObject(runtime_class_manifest("nvidia"))),
)


class Machine:
    """A host with one answer to everything; None: it is gone."""

    name = "gpu1"

    def __init__(self, answer: HostAnswer | None) -> None:
        self._answer = answer

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        if self._answer is None:
            raise UnreachableError("unreachable", "Gone.")
        return [self._answer] * len(asks)


@pytest.mark.parametrize("answer", [None, Unknown("sudo-refused")])
@pytest.mark.parametrize(
    ("language", "said"), [("en", "could not be looked at"), ("ru", "не удалось")]
)
async def test_what_could_not_be_looked_at_is_told_and_not_drawn_as_new(
    answer: HostAnswer | None, language: Language, said: str
) -> None:
    diffs = await diffs_of(Node("gpu1", cast("Host", Machine(answer))), PLAN)
    for step in ("file", "object"):
        remark, *rows = wording.diff(diffs[step], language).splitlines()
        assert remark.startswith("? ")
        assert said in remark
        assert rows[0] == "--- /dev/null"


async def test_a_file_that_is_not_there_is_new() -> None:
    diffs = await diffs_of(Node("gpu1", cast("Host", Machine(FilesFound(())))), PLAN[:1])
    assert diffs["file"] == "--- /dev/null\n+++ /etc/new\n@@ -0,0 +1 @@\n+new\n"
