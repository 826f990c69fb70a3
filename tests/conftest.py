"""What holds for the run as a whole: its order, and its last line, which says why there was no bed for tests/real."""

from __future__ import annotations

import gc
import signal
from collections import Counter
from collections.abc import Generator

import pytest

NO_BED = "no bed"
"""The property of a report that says why; `tests/real/conftest.py` gives it."""


def pytest_configure() -> None:
    """A shell that starts a run in the background lets it ignore Ctrl-C, and so all that tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What one process has to do alone begins first, the most of it before all, so that nobody waits for it in the end."""
    sizes = Counter(map(_group, items))
    items.sort(key=lambda item: -sizes[_group(item)] if _group(item) else 0)


def _group(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else ""


def pytest_collection_finish() -> None:
    """Thousands of tests and all modules stay to the end: the collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Here, and by the reports: a process that only hands tests to pytest-xdist's never sees tests/real itself."""
    result = yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return result
    told = (
        why
        for reports in reporter.stats.values()
        for report in reports
        for name, why in getattr(report, "user_properties", ())
        if name == NO_BED
    )
    for why in dict.fromkeys(told):
        reporter.write_line(f"tests/real: {why}", yellow=True)
    return result
