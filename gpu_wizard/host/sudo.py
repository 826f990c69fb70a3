"""Becoming root, so that neither password nor script can land anywhere else.

With a password `sudo -k -S -p RANDOM` runs; the password is sent once, and only when that very prompt came. What
is to be run is sent only behind a mark printed by a shell that was started as root. `-k` beside a command leaves
the user's cached credentials as they are. Without a password `sudo -n` runs: it serves NOPASSWD and cached
credentials. Root needs no sudo.

Source: sudo(8) of sudo 1.9.13: `-k`, `-n`, `-p`, `-S`.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
from dataclasses import dataclass, field

from gpu_wizard.host.lines import Secrets, clean_lines
from gpu_wizard.host.process import Process
from gpu_wizard.host.script import SETTINGS, START, Token
from gpu_wizard.model.errors import AccessError, Where
from gpu_wizard.model.secret import AskSecret, Secret

ROOT_SECONDS = 60.0
"""For prompt, password and mark together; PAM delays a refusal by some seconds."""

TYPED_TRIES = 3
"""Passwords that a person may type. Source: sudoers(5), the default of `passwd_tries`."""


@dataclass
class Sudo:
    """How root is reached on one host. A refused password is forgotten and never sent again.

    What a person mistyped is asked for again; a password from elsewhere is not, and ends it.
    """

    host: str
    secrets: Secrets
    password: Secret | None = None
    ask: AskSecret | None = None
    refused: AccessError | None = field(default=None, init=False)
    _typed: int = field(default=0, init=False)

    def attempt(self) -> RootAttempt:
        """One go at a root shell. Raises: AccessError: a password was refused before."""
        if self.refused is not None:
            raise self.refused
        return RootAttempt(self.host, self.secrets, self.password)

    async def learn(self, error: AccessError) -> bool:
        """Whether another attempt makes sense after `error`: a person gave what was missing or mistyped."""
        was_mistyped = error.code == "sudo-wrong-password" and 0 < self._typed < TYPED_TRIES
        is_missing = error.code == "sudo-password-needed" and self.password is None
        if error.code == "sudo-wrong-password":
            self.refused, self.password = error, None
        if self.ask is None or not (was_mistyped or is_missing):
            return False
        self.password = await self.ask(f"sudo password on {self.host}", self._typed)
        if self.password is None:
            return False
        self.secrets.add(self.password)
        self._typed += 1
        self.refused = None
        return True


class RootAttempt:
    """One start of a root shell that reads its script from standard input."""

    def __init__(self, host: str, known: Secrets, password: Secret | None) -> None:
        self.token = Token()
        self._host = host
        self._secrets = known
        self._password = password
        self._prompt = f"gw-{secrets.token_hex(12)}:"
        self._sent = False

    def command(self) -> str:
        """Shell text that ends in the root shell; the shell that reads it is replaced."""
        shell = shlex.quote(f"{SETTINGS}printf '%s {START} 0\\n' {self.token.quoted}; exec sh")
        flags = "-n" if self._password is None else f"-k -S -p {self._prompt}"
        return (
            f'LC_ALL=C; export LC_ALL; [ "$(id -u)" = 0 ] && exec sh -c {shell}\n'
            f"command -v sudo >/dev/null 2>&1 || exit 127\n"
            f"exec sudo {flags} -- sh -c {shell}"
        )

    async def started(self, process: Process) -> None:
        """Wait for the mark of the root shell, answering the prompt; what came before it is dropped.

        Raises: AccessError: no root; the process is to be let go. UnreachableError: the connection was lost.
        """
        mark, end = self.token.mark(START), asyncio.get_running_loop().time() + ROOT_SECONDS
        while (at := process.held["out"].find(mark)) < 0:
            await self._answer(process)
            if process.ended:
                await self._fail(process)
            left = end - asyncio.get_running_loop().time()
            if not await process.more(max(0.0, left)):
                raise self._error(
                    "sudo-no-answer", "sudo did not start a root shell in time", process
                )
        process.take("out", at + len(mark))
        process.take("err")

    async def _answer(self, process: Process) -> None:
        prompts = process.held["err"].count(self._prompt.encode())
        if prompts and not self._sent and self._password is not None:
            self._sent = True
            await process.write(self._password.reveal().rstrip(b"\r\n") + b"\n")
        elif prompts > 1:
            raise self._error("sudo-wrong-password", "sudo refused the password", process)

    async def _fail(self, process: Process) -> None:
        status = await process.status()
        if process.held["out"].find(self.token.mark(START)) >= 0:
            return
        text = process.held["err"].decode(errors="replace").lower()
        code, message = _reason(text, status, sent=self._sent)
        raise self._error(code, message, process)

    def _error(self, code: str, message: str, process: Process) -> AccessError:
        said = bytes(process.held["err"]).replace(self._prompt.encode(), b"")
        lines = clean_lines(said, self._secrets, last=5)
        where, params = Where(host=self._host), {"host": self._host, "detail": " ".join(lines[-1:])}
        return AccessError(code, f"{message}.", where, _NEXT[code], lines, params)


def _reason(text: str, status: int | None, *, sent: bool) -> tuple[str, str]:
    """Why sudo ended without a root shell. Source: sudo 1.9.13 and sudo-rs 0.2 with `LC_ALL=C`."""
    refusals = ("not in the sudoers", "not allowed", "may not run", "i'm afraid i can't do that")
    if not text.strip() and (status is None or status > 128):
        return "sudo-no-answer", "The shell on the host ended before sudo answered"
    if status == 127 and "sudo: " not in text:
        return "sudo-missing", "There is no sudo, and the login user is not root"
    if "must have a tty" in text:
        return "sudo-requires-tty", "sudo is set to run in terminals only"
    if any(refusal in text for refusal in refusals):
        return "sudo-refused", "sudo does not let this user become root"
    if sent and ("incorrect" in text or "try again" in text):
        return "sudo-wrong-password", "sudo refused the password"
    if "password is required" in text or "authentication is required" in text:
        return "sudo-password-needed", "sudo wants a password"
    return "sudo-refused", "sudo did not start a root shell"


_NEXT = {
    "sudo-missing": "Log in as root, or install sudo and allow this user to use it.",
    "sudo-requires-tty": "Remove `requiretty` for this user from the host's sudoers.",
    "sudo-refused": "Allow this user in the host's sudoers, or log in as another user.",
    "sudo-wrong-password": "Give the right sudo password; it is not tried again by itself.",
    "sudo-password-needed": "Give the sudo password, or allow sudo without one for this user.",
    "sudo-no-answer": "Try `sudo -v` on the host by hand: it may wait for a second factor.",
}
