"""The versions table: recommended, security floor, skew."""

from __future__ import annotations

import pytest

from gpu_wizard.facts import versions
from gpu_wizard.facts.versions import Component, VersionRow, version_table
from gpu_wizard.model.spec import DevicePluginOptions, ToolkitOptions


def row(component: Component, found: str, server: str = "") -> VersionRow:
    table = version_table({component: found}, server)
    return next(one for one in table if one.component == component)


def test_every_component_has_its_row() -> None:
    table = version_table({})
    assert [one.component for one in table] == list(versions.COMPONENTS)
    assert {one.verdict for one in table} == {"unknown"}


@pytest.mark.parametrize(
    ("component", "found", "verdict"),
    [
        ("toolkit", "1.20.0", "ok"),
        ("toolkit", "1.21.1-1", "ok"),
        ("toolkit", "1.18.0", "old"),
        ("toolkit", "1.17.7", "insecure"),
        ("driver", "580.159.04", "ok"),
        ("driver", "555.52.04", "old"),
        ("device-plugin", "v0.20.0", "ok"),
        ("device-plugin", "v0.17.0", "old"),
        ("containerd", "2.1.5-k3s1", "ok"),
        ("cuda", "12.5", "ok"),
        ("cuda", "?", "unknown"),
    ],
)
def test_recommendation_and_floor(component: Component, found: str, verdict: str) -> None:
    assert row(component, found).verdict == verdict


@pytest.mark.parametrize(
    ("agent", "verdict", "skew"),
    [
        ("v1.34.3+k3s1", "ok", ""),
        ("v1.34.1+k3s1", "old", ""),
        ("v1.31.0+k3s1", "old", ""),
        ("v1.30.9+k3s1", "skew", "v1.34.3+k3s1"),
        ("v1.35.0+k3s1", "skew", "v1.34.3+k3s1"),
    ],
)
def test_k3s_is_held_to_its_server(agent: str, verdict: str, skew: str) -> None:
    found = row("k3s", agent, "v1.34.3+k3s1")
    assert (found.verdict, found.skew, found.recommended) == (verdict, skew, "v1.34.3+k3s1")


def test_what_is_recommended_is_what_is_installed() -> None:
    assert ToolkitOptions().version == versions.TOOLKIT_RECOMMENDED
    assert DevicePluginOptions().version == versions.PLUGIN_RECOMMENDED
