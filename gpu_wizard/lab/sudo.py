"""`sudo` as Debian's 1.9: a password from the terminal, unseen, or by `-S` from standard input."""

from __future__ import annotations

import getopt
import time
from dataclasses import dataclass

from gpu_wizard.lab.kernel import PATH, Run
from gpu_wizard.lab.ports import User

_TRIES = 3
_LECTURED = "/var/lib/sudo/lectured"
_LECTURE = b"""
We trust you have received the usual lecture from the local System
Administrator. It usually boils down to these three things:

    #1) Respect the privacy of others.
    #2) Think before you type.
    #3) With great power comes great responsibility.

For security reasons, the password you type will not be visible.

"""
"""Shown before a user's first prompt. Source: sudo 1.9.16, plugins/sudoers/check.c."""
_KEPT = ("TERM", "LANG", "LANGUAGE", "DISPLAY", "COLORTERM", "LS_COLORS", "XAUTHORITY", "TZ")
"""What env_reset leaves, besides LC_*. Source: sudoers(5) of 1.9, `env_keep` defaults."""
_LONG = [
    "non-interactive",
    "stdin",
    "reset-timestamp",
    "remove-timestamp",
    "prompt=",
    "user=",
    "group=",
    "validate",
    "preserve-env=",
    "set-home",
    "login",
    "shell",
    "list",
    "version",
    "help",
    "chdir=",
]
_SHORT = {
    "--non-interactive": "-n",
    "--stdin": "-S",
    "--reset-timestamp": "-k",
    "--remove-timestamp": "-K",
    "--prompt": "-p",
    "--user": "-u",
    "--validate": "-v",
    "--set-home": "-H",
    "--login": "-i",
    "--shell": "-s",
    "--list": "-l",
    "--version": "-V",
    "--preserve-env": "-E",
    "--chdir": "-D",
}


@dataclass
class _Sudo:
    """One run of sudo, with its options by their short names."""

    run: Run
    given: dict[str, str]
    words: list[str]

    @property
    def key(self) -> tuple[str, int]:
        """Without a terminal sudo keeps tickets by the parent process; here by the session."""
        return self.run.user.name, self.run.process.session

    async def allowed(self) -> bool:
        """Whether this user may go on; what is to be said otherwise has been said."""
        user, tickets = self.run.user, self.run.kernel.tickets
        if user.uid == 0 or user.sudo == "nopasswd":
            return True
        fresh = "-k" not in self.given or not self.words
        if fresh and tickets.valid(self.key):
            return True
        if "-n" in self.given:
            await self.run.fail("a password is required")
            return False
        if "-S" not in self.given and not self.run.interactive:
            await self.run.fail(
                "a terminal is required to read the password; either use the -S option to read "
                "from standard input or configure an askpass helper"
            )
            await self.run.fail("a password is required")
            return False
        return await self.asked()

    async def asked(self) -> bool:
        """Ask up to three times, a line each."""
        user = self.run.user
        prompt = self.prompt()
        await self.lectured()
        for attempt in range(_TRIES):
            line = await self.answered(prompt)
            if not line:
                missing = "no password was provided" if attempt == 0 else _incorrect(attempt)
                await self.run.err(b"\n")
                await self.run.fail(missing)
                await self.run.fail("a password is required")
                return False
            if user.password is not None and line.rstrip(b"\r\n") == user.password.encode():
                return await self.checked()
            if attempt < _TRIES - 1:
                await self.run.err(b"Sorry, try again.\n")
        await self.run.fail(_incorrect(_TRIES))
        return False

    async def answered(self, prompt: bytes) -> bytes:
        """Prompt for a line: of the terminal, unseen, whatever standard input is; by -S of standard input."""
        echo = self.run.process.echo or (lambda shown: None)
        keys = None if "-S" in self.given else self.run.process.keys
        echo(False)
        try:
            await self.run.err(prompt)
            return await (keys or self.run.streams.input).line()
        finally:
            echo(True)

    async def lectured(self) -> None:
        """Lecture this user, once in the machine's life."""
        files, mark = self.run.kernel.computer.files, f"{_LECTURED}/{self.run.user.uid}"
        if not files.exists(mark):
            files.write(mark, b"", mode=0o600)
            await self.run.err(_LECTURE)

    async def checked(self) -> bool:
        """The password was right: remember it, unless it opens nothing."""
        user, host = self.run.user, self.run.kernel.computer.hostname.split(".")[0]
        if user.sudo == "none":
            if self.given.keys() & {"-v"}:
                await self.run.fail(f"Sorry, user {user.name} may not run sudo on {host}.")
            else:
                await self.run.err(f"{user.name} is not in the sudoers file.\n".encode())
            return False
        if "-k" not in self.given:
            self.run.kernel.tickets.granted[self.key] = time.monotonic()
        return True

    def prompt(self) -> bytes:
        """The prompt: `-p`, SUDO_PROMPT or sudo's own, with its escapes."""
        host = self.run.kernel.computer.hostname
        form = self.given.get(
            "-p", self.run.environment.get("SUDO_PROMPT", "[sudo] password for %p: ")
        )
        escapes = {
            "p": self.run.user.name,
            "u": self.run.user.name,
            "U": self.given.get("-u", "root"),
            "h": host.split(".")[0],
            "H": host,
            "%": "%",
        }
        shown, parts = "", iter(form)
        for char in parts:
            following = next(parts, "") if char == "%" else ""
            shown += escapes.get(following, char + following) if char == "%" else char
        return shown.encode("utf-8", "surrogateescape")

    def environment(self, target: User) -> dict[str, str]:
        """What env_reset makes of the caller's environment."""
        old = self.run.environment
        kept = {key: value for key, value in old.items() if key in _KEPT or key.startswith("LC_")}
        if "-E" in self.given:
            names = self.given["-E"].split(",")
            kept = {
                key: value for key, value in old.items() if names == [""] or key in names
            } | kept
        login = {
            "LOGNAME": target.name,
            "USER": target.name,
            "HOME": target.home,
            "SHELL": "/bin/bash",
        }
        mail = {"MAIL": f"/var/mail/{target.name}", "PATH": PATH}
        caller = self.run.user
        words = " ".join(self.words)
        return (
            kept
            | login
            | mail
            | {
                "SUDO_COMMAND": words,
                "SUDO_USER": caller.name,
                "SUDO_UID": str(caller.uid),
                "SUDO_GID": str(caller.gid),
            }
        )

    async def perform(self, target: User) -> int:
        """Run the command as the target user."""
        environment = self.environment(target)
        while self.words and "=" in self.words[0] and not self.words[0].startswith("/"):
            key, _, value = self.words.pop(0).partition("=")
            environment[key] = value
        if self.given.keys() & {"-i", "-s"}:
            script = " ".join(self.words)
            self.words = ["/bin/bash", "-c", script] if script else ["/bin/bash"]
        if not self.words:
            return 0
        view = self.run.kernel.view(target)
        if self.run.kernel.where(self.words[0], environment["PATH"], view) is None:
            return await self.run.fail(f"{self.words[0]}: command not found")
        directory = target.home if "-i" in self.given else self.given.get("-D", self.run.directory)
        return await self.run.start(
            tuple(self.words), user=target, environment=environment, directory=directory
        )


def _incorrect(tries: int) -> str:
    return f"{tries} incorrect password attempt{'s' if tries > 1 else ''}"


async def sudo(run: Run) -> int:
    """`sudo [-EHiknKSsv] [-p PROMPT] [-u USER] [NAME=VALUE]... [PROGRAM ARGUMENT...]`."""
    words = ["-E" if word == "--preserve-env" else word for word in run.argv[1:]]
    try:
        options, words = getopt.getopt(words, "EHiknKlSsvVbp:u:g:D:h", _LONG)
    except getopt.GetoptError as problem:
        return await run.fail(f"{problem}\nusage: sudo -h | -K | -k | -V")
    given = {_SHORT.get(name, name): value for name, value in options}
    if "-V" in given:
        await run.say("Sudo version 1.9.16p2")
        return 0
    request = _Sudo(run, given, words)
    idle = not words and not given.keys() & {"-v", "-l", "-i", "-s"}
    if idle and given.keys() & {"-k", "-K"}:
        run.kernel.tickets.granted.pop(request.key, None)
        return 0
    if idle:
        return await run.fail(
            "usage: sudo -h | -K | -k | -V\nusage: sudo -v [-ABkNnS] [-g group] [-h host] [-p prompt] [-u user]"
        )
    accounts = run.kernel.computer.users
    target = accounts.get(given.get("-u", "root")) or next(
        (user for user in accounts.values() if f"#{user.uid}" == given.get("-u")), None
    )
    if target is None:
        return await run.fail(f"unknown user {given['-u']}")
    if not await request.allowed():
        return 1
    return 0 if "-v" in given else await request.perform(target)
