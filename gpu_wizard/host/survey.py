"""One exchange of questions with one host: what was answered, and why the rest was not."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gpu_wizard.host.files import files_found
from gpu_wizard.host.lines import Secrets, clean_lines
from gpu_wizard.host.process import Process, Transport
from gpu_wizard.host.script import Given, Marks, Token, questions, setting
from gpu_wizard.host.sudo import RootAttempt, Sudo
from gpu_wizard.model.errors import AccessError
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.question import Command, HostAnswer, HostAsk, Output

GRACE_SECONDS = 5.0
"""How much later than its own time limit a question is given up here: then the host could not end it."""

ANSWER_BYTES = 64 << 20
COMMAND_BYTES = 96 << 10
"""Linux takes at most 128 KiB in one argument; what is longer is asked in several exchanges."""

_ENDED_BY_LIMIT = (124, 137, 143)
"""`timeout` of coreutils, then KILL; busybox's ends by the signal itself."""


class Survey:
    """Asks numbered questions until each has an answer or a reason why not."""

    def __init__(self, transport: Transport, sudo: Sudo, known: Secrets) -> None:
        self._transport = transport
        self._sudo = sudo
        self._secrets = known

    async def ask(self, asks: Mapping[int, HostAsk]) -> dict[int, HostAnswer]:
        """All answers. Raises: UnreachableError: the connection was lost, and what was asked with it."""
        answers: dict[int, HostAnswer] = {}
        while left := {number: asked for number, asked in asks.items() if number not in answers}:
            given = await self._exchange(_portion(tuple(left.items())))
            answers.update(given)
        return answers

    async def _exchange(self, portion: _Portion) -> dict[int, HostAnswer]:
        """At least one answer; a question that hangs ends the exchange with it."""
        root: RootAttempt | None = None
        if portion.rooted:
            try:
                root = self._sudo.attempt()
            except AccessError as error:
                return dict.fromkeys(portion.rooted, _refused(error))
        token = Token()
        end = root.command() if root else "exit 0\n"
        # Quoted pieces side by side are one word.
        script = f"{shlex.quote(setting(token))}{portion.script}{shlex.quote(end)}"
        process = await self._transport.open(f"exec sh -c {script}", ANSWER_BYTES)
        try:
            answers, whole = await self._listen(portion.plain, token, process)
            if root and whole:
                answers |= await self._ask_as_root(portion, root, process)
            return answers
        finally:
            await process.close()

    async def _ask_as_root(
        self, portion: _Portion, root: RootAttempt, process: Process
    ) -> dict[int, HostAnswer]:
        try:
            await root.started(process)
        except AccessError as error:
            again = await self._sudo.learn(error)
            return {} if again else dict.fromkeys(portion.rooted, _refused(error))
        token = Token()
        await process.write((setting(token) + portion.root_script).encode())
        process.end_input()
        return (await self._listen(portion.rooted, token, process))[0]

    async def _listen(
        self, asks: Mapping[int, HostAsk], token: Token, process: Process
    ) -> tuple[dict[int, HostAnswer], bool]:
        """The answers as they come, and whether the script is still there for more.

        A question that hangs ends it, and is the last one answered.
        """
        marks, clock = Marks(token), asyncio.get_running_loop().time
        answers: dict[int, HostAnswer] = {}
        for number, asked in asks.items():
            began = clock()
            end = began + asked.timeout_seconds + GRACE_SECONDS
            while (given := marks.answer(number)) is None:
                ended = process.ended
                marks.read(process)
                if marks.answer(number) is not None:
                    continue
                if ended:
                    return answers | await self._unanswered(asks, answers, process), False
                if not await process.more(max(0.0, end - clock())):
                    return answers | {number: Unknown("timed-out")}, False
            answers[number] = _answer(asked, given, clock() - began, self._secrets)
        return answers, True

    async def _unanswered(
        self, asks: Mapping[int, HostAsk], answers: Mapping[int, HostAnswer], process: Process
    ) -> dict[int, HostAnswer]:
        """The script ended too early: nothing is known of the rest."""
        await process.status()
        said = bytes(process.held["err"] or process.held["out"])
        why = Unknown("no-answer", " ".join(clean_lines(said, self._secrets, last=2)))
        return {number: why for number in asks if number not in answers}


@dataclass(frozen=True)
class _Portion:
    """Questions of one exchange and their scripts; that for the login user is quoted as a word of a command."""

    plain: Mapping[int, HostAsk]
    rooted: Mapping[int, HostAsk]
    script: str
    root_script: str


@lru_cache(maxsize=16)
def _portion(asks: tuple[tuple[int, HostAsk], ...]) -> _Portion:
    """As many of the first questions as fit into one command; hundreds of nodes are asked the same."""
    plain: dict[int, HostAsk] = {}
    rooted: dict[int, HostAsk] = {}
    size = 0
    for number, asked in asks:
        words = asked.argv if isinstance(asked, Command) else asked.patterns
        size += 2 * len(" ".join(words).encode()) + 4096 * (not isinstance(asked, Command))
        if (plain or rooted) and size > COMMAND_BYTES:
            break
        (rooted if asked.root else plain)[number] = asked
    script = shlex.quote(questions(plain)) if plain else ""
    return _Portion(plain, rooted, script, questions(rooted))


def _refused(error: AccessError) -> Unknown:
    return Unknown(error.code, " ".join((error.message, *error.lines[-1:])))


def _answer(asked: HostAsk, given: Given, seconds: float, known: Secrets) -> HostAnswer:
    limit_reached = given.status == 124 or seconds >= 0.9 * asked.timeout_seconds
    if given.status in _ENDED_BY_LIMIT and limit_reached:
        return Unknown("timed-out")
    if isinstance(asked, Command):
        return Output(given.status, given.stdout, given.stderr)
    if given.status != 0:
        detail = " ".join(clean_lines(given.stderr, known, last=1))
        return Unknown("unreadable", detail)
    return files_found(given.stdout, asked)
