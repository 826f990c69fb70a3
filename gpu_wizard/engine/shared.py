"""What many nodes share: connected to once, asked once what all of them ask, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from gpu_wizard.model.errors import TimedOutError, Where, WizardError, as_unknown
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.ports import HostReader
from gpu_wizard.model.question import HostAnswer, HostAsk

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")
E = TypeVar("E")

FRESH_SECONDS = 5.0
"""How old an answer may be to be given again: a clock among them is compared with another machine's."""
RETRY_SECONDS = 30.0
"""How long a failed connection is not tried again."""
BOUND_SECONDS = 20.0
"""For connecting, and for one exchange. A node may wait for four of them in turn, and has its own deadline: so a
silent control plane spoils its own facts alone."""


class Opening(Generic[E]):
    """A connection that is opened once for all who want it, at the first wish."""

    def __init__(
        self, name: str, connect: Callable[[], Awaitable[E]], bound_seconds: float = BOUND_SECONDS
    ) -> None:
        """`name`: for messages."""
        self.name, self._connect, self._bound = name, connect, bound_seconds
        self._task: asyncio.Task[E | WizardError] | None = None
        self._ended_at = 0.0

    def begin(self) -> asyncio.Task[E | WizardError]:
        """Start connecting where nobody has; a failure that is old enough is tried again."""
        if self._task is None or self._failed_long_ago(self._task):
            self._task = asyncio.create_task(self._attempt())
        return self._task

    async def get(self) -> E:
        """The connection. Raises: WizardError: why there is none."""
        # Shielded: a node that gives up must not take the connection from the others.
        result = await asyncio.shield(self.begin())
        if isinstance(result, WizardError):
            raise result
        return result

    async def opened(self) -> E | None:
        """The connection if it stands; one that is being opened is given up. For whoever closes it."""
        task, self._task = self._task, None
        if task is None:
            return None
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        return None if isinstance(result, BaseException) else result

    def _failed_long_ago(self, task: asyncio.Task[E | WizardError]) -> bool:
        if not task.done() or task.cancelled() or not isinstance(task.result(), WizardError):
            return False
        return asyncio.get_running_loop().time() - self._ended_at > RETRY_SECONDS

    async def _attempt(self) -> E | WizardError:
        try:
            async with asyncio.timeout(self._bound):
                return await self._connect()
        except TimeoutError:
            message = f"{self.name} did not answer in {self._bound:g} s."
            where = Where(host=self.name)
            return TimedOutError("connect-timed-out", message, where, params={"host": self.name})
        except WizardError as error:
            return error
        finally:
            self._ended_at = asyncio.get_running_loop().time()


class SharedHost:
    """A host that many nodes ask the same. See `HostReader`; never raises. Closed by whoever owns the opening."""

    def __init__(self, host: Opening[HostReader], bound_seconds: float = BOUND_SECONDS) -> None:
        """`bound_seconds`: of one exchange."""
        self.name = host.name
        self._once = Once[HostAsk, HostAnswer](host, bound_seconds)

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        """Answers that are a few seconds old at most."""
        return await self._once.ask(asks)

    async def close(self) -> None:
        """Nothing: the connection is not one node's alone."""


class LentHost:
    """A node's own host where it is the control plane too: asked as it is, closed by its owner."""

    def __init__(self, host: HostReader) -> None:
        """`host`: whose connection is used."""
        self.name, self._host = host.name, host

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        """See `HostReader.ask`. Raises: UnreachableError."""
        return await self._host.ask(asks)

    async def close(self) -> None:
        """Nothing: the connection is not this node's alone."""


class Once(Generic[Q, A]):
    """A question under way is joined; an answer that several wanted is given again while it is young.

    What one node alone wants is not kept: two hundred nodes ask for two hundred Nodes.
    """

    def __init__(self, asked: Opening[Any], bound: float, fresh: float = FRESH_SECONDS) -> None:
        """`bound`: of one exchange, `fresh`: how old an answer may be, in seconds."""
        self._opening, self._bound, self._fresh = asked, bound, fresh
        self._running: dict[Q, asyncio.Task[dict[Q, A | Unknown]]] = {}
        self._common: set[Q] = set()
        self._told: dict[Q, tuple[float, A | Unknown]] = {}

    async def ask(self, asks: Sequence[Q]) -> list[A | Unknown]:
        """The answers, each under way, young enough or new."""
        self._forget()
        answers = {each: told[1] for each in asks if (told := self._told.get(each))}
        self._common.update(each for each in asks if each in self._running)
        left = dict.fromkeys(each for each in asks if each not in answers)
        missing = [each for each in left if each not in self._running]
        if missing:
            task = asyncio.create_task(self._exchange(missing))
            self._running.update(dict.fromkeys(missing, task))
        for task in {self._running[each]: None for each in left}:
            # Shielded: a node that gives up must not take the answer from the others.
            answers |= await asyncio.shield(task)
        return [answers[each] for each in asks]

    def forget(self) -> None:
        """Ask everything anew from now on."""
        self._told.clear()

    async def _exchange(self, asks: Sequence[Q]) -> dict[Q, A | Unknown]:
        try:
            answers = dict(zip(asks, await self._answers(asks), strict=True))
        finally:
            # Also after a bug: who asks next is to ask, not to get its error again.
            for each in asks:
                del self._running[each]
        now = asyncio.get_running_loop().time()
        for each, answer in answers.items():
            if each in self._common:
                self._told[each] = now, answer
        return answers

    async def _answers(self, asks: Sequence[Q]) -> list[A | Unknown]:
        try:
            asked = await self._opening.get()
            async with asyncio.timeout(self._bound):
                return list(await asked.ask(asks))
        except TimeoutError:
            return [Unknown("timed-out")] * len(asks)
        except WizardError as error:
            return [as_unknown(error)] * len(asks)

    def _forget(self) -> None:
        """Drop what is too old. What could not be asked may be to be had a moment later."""
        now = asyncio.get_running_loop().time()
        limits = {True: min(self._fresh, FRESH_SECONDS), False: self._fresh}
        old = [
            each
            for each, (at, answer) in self._told.items()
            if now - at > limits[isinstance(answer, Unknown)]
        ]
        for each in old:
            del self._told[each]
