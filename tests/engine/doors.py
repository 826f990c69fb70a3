"""Many machines out of one: each door is an SSH server of its own, and what lies behind it is one machine's answers.

The first script that asks something is carried out on the machine; whoever asks the same later gets what it said,
under the door's own name. So hundreds of nodes cost hundreds of real SSH connections, and one node's work.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

_TOKEN = re.compile(r"'(gw-[0-9a-f]+)''([0-9a-f]+)'")
_ASK = re.compile(r"^ask (\d+) (.*)$", re.MULTILINE)
_OWN = re.compile(
    rb"(?m)^(?P<stamp>\d{10}\.)\d{6}(?= )|^(?P<file>= \d+ \S+ \d+ )(?P<mtime>\d+)(?= )"
    rb"|(?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}|\b[0-9a-f]{20})[0-9a-f]{12}\b"
)
"""What no two machines have in common: times of a journal and of files, ids of cards and of a unit's start."""
_AS_ROOT = 'LC_ALL=C; export LC_ALL; [ "$(id -u)" = 0 ]'
Answer = tuple[bytes, bytes, int]


@dataclass
class Door:
    """One node's SSH server. `exchanges` and `roots`: channels opened, and root shells among them."""

    name: str
    port: int = 0
    connections: int = 0
    open: set[asyncssh.SSHServerConnection] = field(default_factory=set)
    exchanges: int = 0
    roots: int = 0


@dataclass
class Doors:
    """`async with Doors(names, machine_port, key, folder)`: writes `folder/known_hosts` and `folder/setup.toml`.

    `machine_port`: on 127.0.0.1, of the machine whose answers are given; `key` opens it as anna and as root.
    `hanging`: names of doors that take a command and never answer. `head`: how the setup file begins.
    """

    names: Sequence[str]
    machine_port: int
    key: Path
    folder: Path
    hanging: Collection[str] = ()
    head: str = "version = 1\n"
    doors: dict[str, Door] = field(default_factory=dict)
    bank: dict[tuple[str, str], Answer] = field(default_factory=dict)
    _listeners: list[asyncssh.SSHAcceptor] = field(default_factory=list)
    _machine: dict[str, asyncssh.SSHClientConnection] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Doors:
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        if not self.key.exists():
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(self.key)
        for name in self.names:
            door = self.doors[name] = Door(name)
            listener = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_factory=lambda door=door: _Server(door),
                server_host_keys=[host_key],
                process_factory=lambda process, door=door: self._serve(process, door),
                encoding=None,
            )
            door.port = listener.get_port()
            self._listeners.append(listener)
        public = host_key.export_public_key().decode().strip()
        known = self.folder / "known_hosts"
        known.write_text("".join(f"[127.0.0.1]:{d.port} {public}\n" for d in self.doors.values()))
        nodes = "".join(
            f'\n[[nodes]]\nname = "{door.name}"\nhost = "anna@127.0.0.1:{door.port}"\n'
            f'identity_file = "{self.key}"\nknown_hosts = "{known}"\n'
            for door in self.doors.values()
        )
        (self.folder / "setup.toml").write_text(self.head + nodes)
        return self

    async def __aexit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.close()
        for connection in self._machine.values():
            connection.close()
            await connection.wait_closed()

    def cut(self, name: str) -> None:
        """Close a door and cut whoever is in it."""
        for connection in self.doors[name].open:
            connection.abort()
        self._listeners[list(self.doors).index(name)].close()

    async def all_gone(self) -> None:
        """Wait until nobody is connected to any door."""
        while any(door.open for door in self.doors.values()):
            await asyncio.sleep(0.01)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes], door: Door) -> None:
        door.exchanges += 1
        with contextlib.suppress(asyncssh.Error, OSError):
            if door.name in self.hanging:
                await process.stdin.read()
                return
            script = shlex.split(process.command or "")[-1]
            plain, mark, rest = script.partition(_AS_ROOT)
            await self._answer(process, door, plain, "anna")
            if mark:
                door.roots += 1
                started = _TOKEN.search(shlex.split(rest.splitlines()[0])[-1])
                assert started is not None
                process.stdout.write(f"{started[1]}{started[2]} 0 0\n".encode())
                await self._answer(process, door, (await process.stdin.read()).decode(), "root")
            process.exit(0)

    async def _answer(
        self, process: asyncssh.SSHServerProcess[bytes], door: Door, script: str, user: str
    ) -> None:
        token = _TOKEN.search(script)
        if token is None:
            return
        word = token[1] + token[2]
        asked = [(number, text) for number, text in _ASK.findall(script)]
        if any((user, text) not in self.bank for _, text in asked):
            async with self._turn:
                if any((user, text) not in self.bank for _, text in asked):
                    await self._learn(script, word, user, asked)
        out, err = bytearray(f"{word} 0 0\n".encode()), bytearray(f"{word} 0 0\n".encode())
        for number, text in asked:
            stdout, stderr, status = self.bank[user, text]
            end = f"{word} {number} {status}\n".encode()
            own = _own(stdout, list(self.doors).index(door.name))
            out += (f"{door.name}\n".encode() if text.endswith(" hostname") else own) + end
            err += stderr + end
        process.stdout.write(bytes(out))
        process.stderr.write(bytes(err))
        await process.stdout.drain()

    async def _learn(
        self, script: str, word: str, user: str, asked: Sequence[tuple[str, str]]
    ) -> None:
        if user not in self._machine:
            self._machine[user] = await asyncssh.connect(
                "127.0.0.1",
                self.machine_port,
                username=user,
                client_keys=[str(self.key)],
                known_hosts=None,
                config=None,
                agent_path=None,
            )
        command = f"exec sh -c {shlex.quote(script)}"
        ran = await self._machine[user].run(command, encoding=None, stdin=asyncssh.DEVNULL)
        streams = [_split(bytes(text or b""), word) for text in (ran.stdout, ran.stderr)]  # type: ignore[arg-type]  # bytes, as encoding is None
        for number, text in asked:
            (stdout, status), (stderr, _) = streams[0][number], streams[1][number]
            self.bank[user, text] = stdout, stderr, status


def _own(answer: bytes, number: int) -> bytes:
    """The machine's answer as another one of the same kind gives it."""

    def owned(found: re.Match[bytes]) -> bytes:
        if found["stamp"]:
            return found["stamp"] + b"%06d" % number
        if found["file"]:
            return found["file"] + b"%d" % (int(found["mtime"]) - number)
        return found["uuid"] + b"%012d" % number

    return _OWN.sub(owned, answer)


def _split(stream: bytes, word: str) -> dict[str, tuple[bytes, int]]:
    """Number → what stands before its mark, and the status in it."""
    parts: dict[str, tuple[bytes, int]] = {}
    start = 0
    for mark in re.finditer(word.encode() + rb" (\d+) (\d+)\n", stream):
        parts[mark[1].decode()] = stream[start : mark.start()], int(mark[2])
        start = mark.end()
    return parts


class _Server(asyncssh.SSHServer):
    """Lets everybody in who has a key."""

    def __init__(self, door: Door) -> None:
        self._door = door
        door.connections += 1

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._door.open.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.open.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True
