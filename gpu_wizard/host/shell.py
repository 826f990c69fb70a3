"""A machine that can be asked, and one that can be changed, over any transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gpu_wizard.host.lines import Secrets
from gpu_wizard.host.process import CUT, LOST, Transport
from gpu_wizard.host.running import Running
from gpu_wizard.host.sudo import Sudo
from gpu_wizard.host.survey import Survey
from gpu_wizard.host.writing import Writing
from gpu_wizard.model.action import RestoreFile, Run
from gpu_wizard.model.errors import AccessError, UnreachableError, Where
from gpu_wizard.model.ports import Heard, Kept, PreImage
from gpu_wizard.model.question import HostAnswer, HostAsk
from gpu_wizard.model.secret import Secret

RETRY_SECONDS = 1.0
REFUSED_SECONDS = 3.0


class ShellReader:
    """A machine with a POSIX shell, to ask alone. See `HostReader`."""

    def __init__(self, transport: Transport, sudo: Sudo, known: Secrets) -> None:
        self._transport = transport
        self._sudo = sudo
        self._secrets = known

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return self._transport.name

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        """Answer all questions in one exchange; see `HostReader.ask`. A lost connection, or one cut at the login, is opened once more.

        Raises: UnreachableError, TrustError, AccessError (login): the host could not be reached anew.
        """
        if not asks:
            return []
        survey = Survey(self._transport, self._sudo, self._secrets)
        numbered = dict(enumerate(asks, start=1))
        try:
            answers = await survey.ask(numbered)
        except UnreachableError as error:
            if error.code not in (LOST, CUT):
                raise
            answers = await survey.ask(numbered)
        return [answers[number] for number in numbered]

    async def close(self) -> None:
        """Close the connection; asking again opens it anew."""
        await self._transport.close()

    def hide(self, secret: Secret) -> None:
        """Replace this value in all output of this machine from now on."""
        self._secrets.add(secret)


class ShellHost(ShellReader):
    """A machine with a POSIX shell, to ask and to change. See `Host`."""

    async def run(self, run: Run, heard: Heard) -> int:
        """Run a command, its output cleaned and given as it comes; see `Host.run`."""
        return await Running(self._transport, self._sudo, self._secrets).run(run, heard)

    async def capture(self, run: Run) -> Secret:
        """Run a command whose output is a secret; see `Host.capture`. It is hidden in later output."""
        return await Running(self._transport, self._sudo, self._secrets).capture(run)

    async def put(
        self,
        path: str,
        content: bytes | Secret | None,
        mode: int,
        run_id: str,
        kept: Kept | None = None,
    ) -> PreImage:
        """Write a root-owned file (None removes it); see `Host.put`."""
        if isinstance(content, Secret):
            self._secrets.add(content)
        return await self._writing().put(path, content, mode, run_id, kept)

    async def restore(self, restore: RestoreFile) -> None:
        """Put a file back as it was; see `Host.restore`."""
        await self._writing().restore(restore)

    async def reconnect(self, deadline_seconds: float) -> None:
        """Open the connection anew, trying again and again until the deadline.

        A refused login is tried again too, more slowly: a host that boots lets nobody in at first.

        Raises: UnreachableError, AccessError: not within the deadline. TrustError: at once.
        """
        await self._transport.close()
        clock = asyncio.get_running_loop().time
        end = clock() + deadline_seconds
        while True:
            try:
                async with asyncio.timeout_at(end):
                    return await self._transport.connect()
            except (UnreachableError, AccessError) as error:
                pause = REFUSED_SECONDS if isinstance(error, AccessError) else RETRY_SECONDS
                if clock() + pause >= end:
                    raise
                await asyncio.sleep(pause)
            except TimeoutError as error:
                message = f"{self.name} did not come back within {deadline_seconds:.0f} s."
                raise UnreachableError(
                    "connect-timed-out", message, Where(host=self.name), params={"host": self.name}
                ) from error

    def _writing(self) -> Writing:
        return Writing(self._transport, self._sudo, self._secrets)
