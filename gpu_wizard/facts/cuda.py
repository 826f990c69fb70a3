"""Which CUDA image a driver can run."""

from __future__ import annotations

from gpu_wizard.model.version import Version

TAGS = (
    "11.8.0",
    "12.0.1",
    "12.1.1",
    "12.2.2",
    "12.3.2",
    "12.4.1",
    "12.5.1",
    "12.6.3",
    "12.8.1",
    "12.9.1",
    "13.0.1",
)
"""Versions of nvidia/cuda with a `-base-ubuntu22.04` tag, oldest first. There is no 12.7.

Source: domain.md, stage 2's CUDA table; old tags are deleted about six months after their end, so the option
`[stages.proof] image` overrides the choice.
"""
REPOSITORY = "docker.io/nvidia/cuda"


def image_for(cuda: str) -> str:
    """The newest base image that a driver with this CUDA version (`13.0`) runs; the oldest for an older driver."""
    fitting = [tag for tag in TAGS if Version(tag.rsplit(".", 1)[0]) <= Version(cuda)]
    return f"{REPOSITORY}:{fitting[-1] if fitting else TAGS[0]}-base-ubuntu22.04"
