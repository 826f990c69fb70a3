"""Logging in with asyncssh: configuration, jump hosts, host key, keys, agent, password.

Every attempt runs without a person; whoever has to be asked is asked between two attempts, so that each attempt
has a short time limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import asyncssh

from gpu_wizard.host.client import Client
from gpu_wizard.host.keys import opened, unlock
from gpu_wizard.host.known_hosts import SSH_PORT, HostKey, KnownKey, known_keys, remember
from gpu_wizard.host.ssh_errors import is_denial, translated
from gpu_wizard.host.target import SshOptions, SshTarget
from gpu_wizard.host.trust import judge, refused
from gpu_wizard.model.errors import AccessError, TrustError, Where, WizardError
from gpu_wizard.model.secret import Secret

KEEPALIVE_SECONDS = 15
KEEPALIVE_MISSES = 3
LOGIN_SECONDS = 30.0
"""For authentication, once the host has shown its key: PAM and name look-ups of the host may take long."""

FAST_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
"""Put first, the others stay: one call a packet, where asyncssh's own first choice (ChaCha20) makes five; a seventh of
the CPU that a look at a node costs."""

CLOSE_SECONDS = 2.0
PASSWORD_TRIES = 3
_RECEIVING = "_recv_handler"
"""Where asyncssh's connection holds a method of its own: a circle, which kept 30 KB until garbage was searched for."""
_SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


@dataclass
class Login:
    """A connection, and those of the jump hosts that carry it.

    What a person gave to get in is kept for the next time: `password`, and `keys` that had a passphrase.
    """

    connection: asyncssh.SSHClientConnection
    jumps: tuple[asyncssh.SSHClientConnection, ...] = ()
    password: Secret | None = None
    keys: Sequence[asyncssh.SSHKey] = ()

    async def close(self) -> None:
        """Close all of them; a host that does not answer to that is not waited for."""
        for one in (self.connection, *self.jumps):
            one.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await one.wait_closed()
            vars(one).pop(_RECEIVING, None)


async def log_in(
    target: SshTarget, options: SshOptions, keys: Sequence[asyncssh.SSHKey] = ()
) -> Login:
    """Connect, through jump hosts where configured; `keys`: opened for an earlier login.

    Raises: UnreachableError, TrustError, AccessError.
    """
    jumps: list[asyncssh.SSHClientConnection] = []
    try:
        route = await _settings(target, options)
        for name in _jump_names(route.tunnel):
            via = jumps[-1] if jumps else None
            hop = SshTarget.parse(name)
            jumps.append(await _Attempts(hop, replace(options, password=None), via, keys).connect())
        via = jumps[-1] if jumps else None
        attempts = _Attempts(target, options, via, keys, route)
        connection = await attempts.connect()
    except BaseException:
        for jump in jumps:
            jump.close()
        raise
    return Login(connection, tuple(jumps), attempts.password, attempts.unlocked)


def _jump_names(tunnel: object) -> list[str]:
    return tunnel.split(",") if isinstance(tunnel, str) and tunnel.lower() != "none" else []


def _arguments(target: SshTarget, options: SshOptions) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "host": target.host,
        "agent_forwarding": False,
        # A certificate authority in ~/.ssh/ca-bundle.crt is asyncssh's own: ssh knows none, and no record is asked.
        "x509_trusted_certs": None,
        "x509_trusted_cert_paths": (),
        "keepalive_interval": KEEPALIVE_SECONDS,
        "keepalive_count_max": KEEPALIVE_MISSES,
    }
    if target.user:
        arguments["username"] = target.user
    if target.port is not None:
        arguments["port"] = target.port
    if options.config_file is not None:
        arguments["config"] = [str(options.config_file)]
    return arguments


async def _settings(target: SshTarget, options: SshOptions) -> asyncssh.SSHClientConnectionOptions:
    """What the user's SSH configuration makes of a target."""
    # Keys are read by each attempt; here they would be read for nothing.
    arguments = {**_arguments(target, options), "client_keys": None}
    arguments.setdefault("config", ())
    try:
        settings = await asyncssh.SSHClientConnectionOptions.construct(None, **arguments)
    except (OSError, ValueError, asyncssh.Error) as error:
        raise translated(error, target) from error
    return cast("asyncssh.SSHClientConnectionOptions", settings)


@dataclass
class _Attempts:
    """The attempts to log in to one machine, and what was learned between them."""

    target: SshTarget
    options: SshOptions
    via: asyncssh.SSHClientConnection | None
    unlocked: Sequence[asyncssh.SSHKey] = ()
    settings: asyncssh.SSHClientConnectionOptions | None = None
    """What the user's SSH configuration makes of the target, where that is known."""
    password: Secret | None = field(default=None, init=False)
    shown: HostKey | None = field(default=None, init=False)
    trouble: TrustError | None = field(default=None, init=False)
    known: list[KnownKey] = field(default_factory=list, init=False)
    files: list[Path] = field(default_factory=list, init=False)
    types: list[str] = field(default_factory=list, init=False)
    _host: str = field(default="", init=False)
    """As known_hosts knows the machine, with `_port`."""
    _port: int = field(default=SSH_PORT, init=False)
    _has_ciphers: bool = field(default=False, init=False)
    """Whether the configuration names its own."""
    _limit: asyncio.Timeout | None = field(default=None, init=False)
    """Of the attempt that is being made."""

    async def connect(self) -> asyncssh.SSHClientConnection:
        settings = self.settings or await _settings(self.target, self.options)
        self.settings = None  # this lives as long as the connection, which has its own
        self._look_up(settings)
        self.password, tries, asked = self.options.password, 0, 0
        while True:
            client = Client(self._verdict, self.password)
            try:
                return await self._attempt(client)
            except asyncssh.HostKeyNotVerifiable as error:
                await self._key_not_good(error)
            except (OSError, ValueError, asyncssh.Error) as error:
                if self.trouble is not None:
                    raise self.trouble from error
                if not is_denial(error):
                    raise translated(error, self.target) from error
                tries += 1
                if tries == 1 and await self._unlock(settings):
                    continue
                self.password = await self._ask_password(client, settings.username, asked)
                asked += 1
                if self.password is None:
                    raise self._denied(settings.username) from error

    async def _key_not_good(self, error: asyncssh.HostKeyNotVerifiable) -> None:
        """Returns where another attempt makes sense."""
        if self.shown is None:
            raise translated(error, self.target) from error
        if self.trouble is None:
            await self._ask_trust(self.shown)
        elif self.trouble.code == "host-key-not-pinned" and len(self.types) > 1:
            # A fingerprint does not tell its type, and a host may have a key of each.
            shown = "rsa-sha2" if self.shown.algorithm == "ssh-rsa" else self.shown.algorithm
            self.types = [one for one in self.types if not one.startswith(shown)]
        else:
            raise self.trouble from error

    async def _attempt(self, client: Client) -> asyncssh.SSHClientConnection:
        arguments = _arguments(self.target, self.options)
        if self.options.identity_files:
            arguments["client_keys"] = opened(self.options.identity_files)
        authorities = [_public_key(one) for one in self.known if one.marker == "@cert-authority"]
        arguments |= {
            "client_factory": lambda: client,
            "known_hosts": ([], authorities, []),
            "tunnel": self.via,
        }
        if self.unlocked:
            arguments["client_keys"] = [*arguments.get("client_keys", ()), *self.unlocked]
        if not authorities:
            arguments["server_host_key_algs"] = self.types
        if not self._has_ciphers:
            arguments["encryption_algs"] = FAST_CIPHERS
        try:
            async with asyncio.timeout(self.options.connect_seconds) as self._limit:
                return await asyncssh.connect(**arguments)
        finally:
            self._limit = None

    def _look_up(self, settings: asyncssh.SSHClientConnectionOptions) -> None:
        user_files = settings.config.get("UserKnownHostsFile", ["~/.ssh/known_hosts"])
        names = [self.options.known_hosts] if self.options.known_hosts else user_files
        files = [_records_file(str(name)) for name in names]  # type: ignore[attr-defined]  # the library says object
        self.files = files or [Path("~/.ssh/known_hosts").expanduser()]
        self._has_ciphers = bool(settings.config.get("Ciphers", ()))
        self._host = settings.host_key_alias or settings.host
        self._port = 22 if settings.host_key_alias else settings.port
        self.known = list(known_keys((*files, _SYSTEM_KNOWN_HOSTS), self._host, self._port))
        self.types = _wanted_types(self.known)

    def _verdict(self, key: HostKey) -> bool:
        """Judge a host's key; it is shown again whenever a connection changes its session keys."""
        self.shown = replace(key, host=self._host, port=self._port, file=str(self.files[0]))
        try:
            good = judge(self.shown, self.known, self.target.host_key) == "known"
            self.trouble = None
        except TrustError as error:
            self.trouble = error
            return False
        if good and self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + LOGIN_SECONDS)
        return good

    async def _ask_trust(self, shown: HostKey) -> None:
        if self.options.trust is None or not await self.options.trust(shown):
            raise refused(shown)
        self.known.append(KnownKey(shown.file, 0, "", shown.algorithm, shown.key))
        try:
            remember(shown)
        except OSError as error:
            raise WizardError(
                "known-hosts-not-written",
                f"{shown.file} could not be written: {error.strerror}.",
                Where(host=shown.host, file=shown.file),
                params={"file": shown.file, "detail": error.strerror or ""},
            ) from error

    async def _unlock(self, settings: asyncssh.SSHClientConnectionOptions) -> bool:
        """Whether a person opened another private key that has a passphrase."""
        if self.options.ask_password is None or self.unlocked:
            return False
        configured = [*self.options.identity_files, *settings.config.get("IdentityFile", ())]  # type: ignore[misc]  # the library says object
        self.unlocked = await unlock(configured, self.options.ask_password)
        return bool(self.unlocked)

    async def _ask_password(self, client: Client, user: str, refused: int) -> Secret | None:
        ask = self.options.ask_password
        if not client.wanted_password or ask is None or refused >= PASSWORD_TRIES:
            return None
        port = f":{self.target.port}" if self.target.port else ""
        return await ask(f"SSH password of {user}@{self.target.host}{port}", refused)

    def _denied(self, user: str) -> AccessError:
        return AccessError(
            "login-refused",
            f"{self.target.host} refused the login of {user}: no key and no password was accepted.",
            Where(host=str(self.target)),
            f"See whether `ssh {self.target.for_ssh}` works; load a key with a passphrase into the agent by `ssh-add`.",
            params={"host": self.target.host, "user": user, "target": self.target.for_ssh},
        )


def _records_file(name: str) -> Path:
    """A file that UserKnownHostsFile names; `none` stands for no records. Source: OpenSSH, ssh_config(5)."""
    return Path(os.devnull if name.lower() == "none" else name).expanduser()


def _public_key(known: KnownKey) -> asyncssh.SSHKey:
    return asyncssh.import_public_key(f"{known.algorithm} {known.key}")


def _wanted_types(known: Sequence[KnownKey]) -> list[str]:
    """Key types to ask for: those on record first, or a host with several keys would look changed."""
    on_record = {"rsa-sha2" if one.algorithm == "ssh-rsa" else one.algorithm for one in known}
    return sorted(_KEY_TYPES, key=lambda name: not any(name.startswith(one) for one in on_record))
