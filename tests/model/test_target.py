"""How a machine is written."""

from __future__ import annotations

import pytest

from gpu_wizard.model.target import Written, parsed


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("gpu1", Written("gpu1", "", None)),
        ("anna@10.0.0.1:2222", Written("10.0.0.1", "anna", 2222)),
        ("anna@[fe80::1%eth0]:22", Written("fe80::1%eth0", "anna", 22)),
        ("fe80::1", Written("fe80::1", "", None)),
        ("gpu1:0", None),
        ("gpu1:65536", None),
        ("a b", None),
        ("/home/anna/kubeconfig", None),
        ("anna@host/path", None),
        ("", None),
    ],
)
def test_parts(text: str, parts: Written | None) -> None:
    assert parsed(text) == parts
