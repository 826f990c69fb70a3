"""A shell on the host that has started, as the login user or as root, and waits for its script."""

from __future__ import annotations

import shlex
from base64 import b64encode

from gpu_wizard.host.process import Process, Transport
from gpu_wizard.host.script import SETTINGS, START, Token
from gpu_wizard.host.sudo import Sudo
from gpu_wizard.model.errors import AccessError, UnreachableError, Where

_SHELL_SECONDS = 30.0
PIECE_BYTES = 192 << 10


async def enter(transport: Transport, sudo: Sudo, *, root: bool) -> Process:
    """Start a shell that reads its script from standard input; what login said before is dropped.

    Raises: UnreachableError, TrustError; AccessError: login or sudo refused.
    """
    return await (_root_shell(transport, sudo) if root else _plain_shell(transport))


async def _root_shell(transport: Transport, sudo: Sudo) -> Process:
    while True:
        attempt = sudo.attempt()
        process = await transport.open(f"exec sh -c {shlex.quote(attempt.command())}")
        try:
            await attempt.started(process)
        except AccessError as error:
            await process.close()
            if not await sudo.learn(error):
                raise
        except BaseException:
            await process.close()
            raise
        else:
            return process


async def _plain_shell(transport: Transport) -> Process:
    token = Token()
    mark = token.mark(START)
    command = f"{SETTINGS}printf '%s {START} 0\\n' {token.quoted}; exec sh"
    process = await transport.open(f"exec sh -c {shlex.quote(command)}")
    try:
        while (at := process.held["out"].find(mark)) < 0:
            if process.ended and process.held["out"].find(mark) < 0:
                await process.status()
                raise AccessError(
                    "no-shell",
                    f"{transport.name} gave no shell.",
                    Where(host=transport.name),
                    "Log in by hand and see whether the account has a shell such as /bin/sh or bash.",
                    params={"host": transport.name},
                )
            if not await process.more(_SHELL_SECONDS):
                message = f"{transport.name} gave no shell within {_SHELL_SECONDS:.0f} s."
                params = {"host": transport.name}
                raise UnreachableError(
                    "no-shell", message, Where(host=transport.name), params=params
                )
    except BaseException:
        await process.close()
        raise
    process.take("out", at + len(mark))
    process.take("err")
    return process


def sending(content: bytes) -> list[str]:
    """Shell commands that print these bytes, a piece each: no file, no argument holds them."""
    pieces = (content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES))
    return [f"printf %s '{b64encode(piece).decode()}' | base64 -d" for piece in pieces]
