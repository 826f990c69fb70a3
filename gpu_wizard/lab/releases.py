"""K3s releases that the lab can be, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass

STABLE = "v1.36.3+k3s1"
"""The `stable` channel of August 2026. Source: domain.md, baseline."""


@dataclass(frozen=True)
class Release:
    """One K3s version. The differences are those of recordings `k3s` and `k3s-1.34`."""

    version: str
    commit: str
    go: str
    containerd: str
    data: str
    """Name of the unpacked directory below /var/lib/rancher/k3s/data."""
    imports: bool
    """The rendered file imports `config-v3.toml.d`; its header names `config-v3.toml.tmpl`."""
    quotes: bool
    """Quotes stand around the reason in `Shutdown request received:`."""
    klog: bool
    """The kubelet's lines are klog's, not logrus's."""
    waits_deaf: bool
    """The wait for a token file doesn't hear SIGTERM, and has the older text."""
    refuses_cgroup_v1: bool
    wraps_token_error: bool
    """`token delete` of an unknown id names the Secret twice."""

    @property
    def minor(self) -> str:
        """`1.34` of `v1.34.3+k3s1`."""
        return ".".join(self.version.lstrip("v").split(".")[:2])


_V134 = Release(
    version="v1.34.3+k3s1",
    commit="48ffa7b6893f21b919b3029d54c9d9838ae426a1",
    go="go1.24.11",
    containerd="v2.1.5-k3s1",
    data="a1ec8c5c180d0abe6e177b3d86f5852946ddd566c67950573e0cdaf0e6f15a45",
    imports=False,
    quotes=False,
    klog=True,
    waits_deaf=True,
    refuses_cgroup_v1=False,
    wraps_token_error=True,
)


def _v136(version: str, commit: str) -> Release:
    return Release(
        version=version,
        commit=commit,
        go="go1.26.8",
        containerd="v2.3.2-k3s2",
        data="e6e5e10478ca9ca72170281b0e8afa43ce524e6be010c083ffbb6832a50962bf",
        imports=True,
        quotes=True,
        klog=False,
        waits_deaf=False,
        refuses_cgroup_v1=True,
        wraps_token_error=False,
    )


RELEASES = {
    release.version: release
    for release in (
        _V134,
        _v136("v1.36.2+k3s1", "af977adf00000000000000000000000000000000"),
        _v136(STABLE, "c0ffee3600000000000000000000000000000000"),
    )
}
DEFAULT_RELEASE = _V134.version


def release(version: str) -> Release:
    """A release by its version string; one that the lab doesn't know behaves as the newest."""
    return RELEASES.get(version, RELEASES[STABLE])
