"""Ctrl-C, SIGTERM and a terminal that was closed: heard here alone, told to whoever waits.

Imports nothing that `--help` would wait for.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.terminal_app import TerminalApp

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_T = TypeVar("_T")

_listening: list[Callable[[], object]] = []
"""Who is told, the last one alone: a process has one answer to a signal."""


def as_interrupts() -> None:
    """Each of the signals raises KeyboardInterrupt, as Ctrl-C does; what is ignored, under nohup say, stays so."""
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def heard(stop: Callable[[], object]) -> Iterator[None]:
    """While inside, each of the signals calls `stop` in the running loop, and nothing else.

    A thread that is not the first gets no signals: there they stay what they were.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _listening.append(stop)
    try:
        if len(_listening) > 1:
            yield
        else:
            with _ears():
                yield
    finally:
        _listening.pop()


@contextmanager
def _ears() -> Iterator[None]:
    import asyncio

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard_ones = [n for n, answer in before.items() if answer not in (None, signal.SIG_IGN)]
    for number in heard_ones:
        loop.add_signal_handler(number, _tell, number)
    try:
        yield
    finally:
        for number in heard_ones:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def _tell(number: int) -> None:
    if number == signal.SIGHUP:
        _let_go_of_terminal()
    _listening[-1]()


def until_stopped(main: Coroutine[Any, Any, _T]) -> _T:
    """`asyncio.run`; unless somebody within listens, a signal calls it off. Raises: KeyboardInterrupt: it was."""
    import asyncio

    async def listening() -> _T:
        task = asyncio.ensure_future(main)
        with heard(task.cancel):
            return await task

    try:
        return asyncio.run(listening())
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error


async def shown(app: TerminalApp) -> int | None:
    """What a program with screens ends with; None where a signal ended it. Raises: the bug that ended it."""
    with heard(app.stop):
        status = await app.run_async()
    if app.failure is not None:
        raise app.failure
    return status


def _let_go_of_terminal() -> None:
    """What is written to a terminal that is no more goes nowhere, and nobody types any more.

    Writing to it would fail in the midst of a step; reading from it would give an end of input without end.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number, instead in ((0, _untouched(nowhere)), (1, nowhere), (2, nowhere)):
        if _was_terminal(number):
            os.dup2(instead, number)


def _untouched(nowhere: int) -> int:
    """A terminal on which nothing is ever typed, and reading never waits; `nowhere` where there is none to be had."""
    import termios

    try:
        _held, quiet = os.openpty()
    except OSError:
        return nowhere
    modes = termios.tcgetattr(quiet)
    modes[3] &= ~(termios.ICANON | termios.ECHO)
    # A thread that was told of the end, and is about to read, gets nothing instead of waiting for ever.
    modes[6][termios.VMIN] = modes[6][termios.VTIME] = 0
    termios.tcsetattr(quiet, termios.TCSANOW, modes)
    return quiet


def _was_terminal(number: int) -> bool:
    """Whether a descriptor leads to a device that is no terminal, or no longer one."""
    try:
        return stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number)
    except OSError:
        return False
