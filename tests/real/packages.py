"""A signed apt repository with the four packages of a home-made nvidia-container-toolkit."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .images import Image
from .places import built, digest

VERSIONS = ("1.17.8-1", "1.19.1-1", "1.20.0-1")

_BASE = ("nvidia-container-runtime", "nvidia-ctk", "nvidia-cdi-hook")
_HOOK = ("nvidia-container-runtime-hook",)
_CLI = """#!/bin/sh
# nvidia-container-cli, as far as installers ask it.
case "$1" in
info) nvidia-smi >/dev/null || exit 1; echo "NVRM version:   580.95.05"; echo "CUDA version:   13.0" ;;
--version | -V) echo "cli-version: VERSION" ;;
esac
"""
_POSTINST = """#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
[ -e /etc/nvidia-container-runtime/config.toml ] || nvidia-ctk --quiet config --in-place
"""


@dataclass(frozen=True)
class Repository:
    """A folder to serve as `…/stable`, and the keys: the one that signs and one that does not."""

    folder: Path
    fingerprint: str

    @property
    def key(self) -> bytes:
        """ASCII-armoured, of the key that signs."""
        return (self.folder / "gpgkey").read_bytes()

    @property
    def wrong_key(self) -> bytes:
        """Of another key."""
        return (self.folder / "wrong-gpgkey").read_bytes()


def repository(programs: Path) -> Repository:
    """The repository, built once for these programs."""
    key = digest([Path(__file__)], programs.name, *VERSIONS, Image.__name__)
    folder = built("deb", key, lambda out: _build(programs, out))
    return Repository(folder, (folder / "fingerprint").read_text().strip())


def _build(programs: Path, out: Path) -> None:
    place = out / "deb" / "amd64"
    place.mkdir(parents=True)
    for version in VERSIONS:
        _packages(programs, version, place)
    home = out / "gnupg"
    for name, file in (("signing", "gpgkey"), ("other", "wrong-gpgkey")):
        _make_key(home / name, out / file)
    (out / "fingerprint").write_text(_fingerprint(home / "signing"))
    index = subprocess.run(
        ["apt-ftparchive", "packages", "."], cwd=place, capture_output=True, check=True
    )
    (place / "Packages").write_bytes(index.stdout)
    release = subprocess.run(
        ["apt-ftparchive", "release", "."], cwd=place, capture_output=True, check=True
    )
    (place / "Release").write_bytes(release.stdout)
    for arguments, target in (
        (("--clearsign",), "InRelease"),
        (("--armor", "--detach-sign"), "Release.gpg"),
    ):
        _gpg(home / "signing", *arguments, "--output", str(place / target), str(place / "Release"))
    shutil.rmtree(home)


def _gpg(home: Path, *arguments: str) -> str:
    command = ["gpg", "--homedir", str(home), "--batch", *arguments]
    environment = {**os.environ, "GNUPGHOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"gpg failed: {done.stderr}")
    return done.stdout


def _make_key(home: Path, file: Path) -> None:
    home.mkdir(parents=True, mode=0o700)
    _gpg(
        home,
        "--passphrase",
        "",
        "--quick-gen-key",
        f"Test bed {file.name} <bed@example.test>",
        "rsa2048",
        "sign",
        "never",
    )
    _gpg(home, "--armor", "--output", str(file), "--export")


def _fingerprint(home: Path) -> str:
    listed = _gpg(home, "--with-colons", "--list-keys")
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


def _packages(programs: Path, version: str, place: Path) -> None:
    exact = f"(= {version})"
    for name, contents, needs in (
        ("libnvidia-container1", (), ""),
        ("libnvidia-container-tools", ("nvidia-container-cli",), f"libnvidia-container1 {exact}"),
        ("nvidia-container-toolkit-base", _BASE, ""),
        (
            "nvidia-container-toolkit",
            _HOOK,
            f"libnvidia-container-tools {exact}, nvidia-container-toolkit-base {exact}",
        ),
    ):
        root = place / "build"
        (root / "usr" / "bin").mkdir(parents=True)
        (root / "DEBIAN").mkdir()
        # A package without a file of its own is "completely replaced" by the next, and vanishes.
        (root / "usr" / "share" / "doc" / name).mkdir(parents=True)
        (root / "usr" / "share" / "doc" / name / "copyright").write_text(
            "A stand-in of the test bed.\n"
        )
        for program in contents:
            target = root / "usr" / "bin" / program
            if program == "nvidia-container-cli":
                target.write_text(_CLI.replace("VERSION", version.partition("-")[0]))
            else:
                shutil.copy2(programs / program, target)
            target.chmod(0o755)
        depends = f"Depends: {needs}\n" if needs else ""
        (root / "DEBIAN" / "control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: Test bed <bed@example.test>\n"
            f"Section: utils\nPriority: optional\n{depends}Description: stands in for NVIDIA's package\n"
        )
        if name == "nvidia-container-toolkit-base":
            (root / "DEBIAN" / "postinst").write_text(_POSTINST)
            (root / "DEBIAN" / "postinst").chmod(0o755)
        target = place / f"{name}_{version}_amd64.deb"
        command = [
            "dpkg-deb",
            "--root-owner-group",
            "-Zgzip",
            "-z1",
            "--build",
            str(root),
            str(target),
        ]
        subprocess.run(command, check=True, capture_output=True)
        shutil.rmtree(root)
