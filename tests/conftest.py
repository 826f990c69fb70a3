"""The last line of a run: why there was no bed for tests/real, and what to install."""

from __future__ import annotations

from collections.abc import Generator

import pytest

NO_BED = "no bed"
"""The property of a report that says why; `tests/real/conftest.py` gives it."""


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
