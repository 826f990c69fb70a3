"""Fixtures of the bed, and the hooks that move its tests into a child process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from . import apart
from .bed import Bed
from .bed import bed as new_bed
from .machine import Machine
from .places import HERE
from .relay import Lanes, Wire, failure, lane_of
from .wizard import Wizard

REQUIRED_VARIABLE = "GPU_WIZARD_REQUIRE_REAL"

_lanes = pytest.StashKey[Lanes]()
_items = pytest.StashKey[list[pytest.Item]]()
_reason = pytest.StashKey[str]()


def _of_bed(item: pytest.Item) -> bool:
    return item.path.is_relative_to(HERE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Finds out, once, whether there can be a bed here; a process of pytest-xdist gets all tests of a lane."""
    own = [item for item in items if _of_bed(item)]
    for item in own:
        item.add_marker(pytest.mark.xdist_group(lane_of(item)))
    config.stash[_reason] = apart.why_not() if own and not apart.inside() else ""


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is left after every selection."""
    session.config.stash[_items] = [item for item in session.items if _of_bed(item)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A test of the bed runs in the child; here its reports are told."""
    config = item.config
    reason = config.stash[_reason]
    if not _of_bed(item) or apart.inside():
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    if reason:
        item.ihook.pytest_runtest_logreport(report=_without_bed(item, reason))
    else:
        if _lanes not in config.stash:
            items = config.stash[_items]
            config.stash[_lanes] = Lanes(config, items, _teller(config))
        following = nextitem if nextitem is not None and _of_bed(nextitem) else None
        for report in config.stash[_lanes].run(item, following):
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _without_bed(item: pytest.Item, reason: str) -> pytest.TestReport:
    """A test that is skipped, or fails where a bed is required; `tests/conftest.py` says the reason once more."""
    if os.environ.get(REQUIRED_VARIABLE) == "1":
        report = failure(item, reason)
        report.user_properties = [("no bed", reason)]
    else:
        at = (str(item.path), item.location[1] or 0, f"Skipped: {reason}")
        report = pytest.TestReport(item.nodeid, item.location, {}, "skipped", at, "setup")
        said = f"{reason} ({REQUIRED_VARIABLE}=1 makes this a failure)"
        report.user_properties = [("no bed", said)]
    return report


def _teller(config: pytest.Config) -> Callable[[str], None]:
    """Writes a line to the terminal, past the capture."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            if reporter is None:  # a process of pytest-xdist
                os.write(2, f"{line}\n".encode())
            else:
                reporter.ensure_newline()
                reporter.write_line(line)

    return tell


def pytest_unconfigure(config: pytest.Config) -> None:
    """The bed goes down with the run."""
    lanes = config.stash.get(_lanes, None)
    if lanes is not None:
        lanes.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """In the child: tests as they are ordered."""
    if not apart.inside():
        return None
    wire = Wire()
    session.config.pluginmanager.register(_Reports(session.config, wire))
    by_id = {item.nodeid: item for item in session.items}
    for wanted, then in wire.orders():
        item, following = by_id[wanted], by_id[then] if then else None
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        wire.send({"done": wanted})
    return True


class _Reports:
    """In the child: reports go to the parent."""

    def __init__(self, config: pytest.Config, wire: Wire) -> None:
        self._config, self._wire = config, wire

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._wire.send({"report": data})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure tells what K3s said last on every machine that is still there."""
    report = yield
    made = getattr(item, "funcargs", {}).get("bed")
    if report.failed and isinstance(made, Bed):
        report.sections += [(f"K3s on {name}", said) for name, said in made.last_words()]
    return report


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """A bed whose control plane runs; one for all tests."""
    with new_bed() as made:
        made.start_server()
        yield made


@pytest.fixture
def fresh(bed: Bed) -> Iterator[Machine]:
    """A new machine `gpu1` with one card and its driver, and nothing else."""
    yield bed.add("gpu1", cards=1)
    bed.tidy()


@pytest.fixture
def equipped(bed: Bed) -> Iterator[Machine]:
    """A new machine `gpu1` with one card, its driver and NVIDIA's toolkit; K3s will find it at its first start."""
    yield bed.add("gpu1", cards=1, toolkit=True)
    bed.tidy()


@pytest.fixture
def wizard(bed: Bed, tmp_path: Path) -> Wizard:
    """The product, with a home of its own."""
    return Wizard(bed, tmp_path)
