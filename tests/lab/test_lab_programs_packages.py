"""apt-get, apt-cache, dpkg and gpg of lab machines."""

from __future__ import annotations

import pytest

from gpu_wizard.lab.machine import Lock
from gpu_wizard.lab.openpgp import NVIDIA_KEY, Key
from gpu_wizard.lab.packages import compare
from tests.lab.world_bench import Bench, pair

KEYRING = "/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg"
LIST = "/etc/apt/sources.list.d/nvidia-container-toolkit.list"
PACKAGES = (
    *("nvidia-container-toolkit", "nvidia-container-toolkit-base"),
    *("libnvidia-container-tools", "libnvidia-container1"),
)
GUIDE = f"""
curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | gpg --dearmor -o {KEYRING}
curl -s -L https://nvidia.github.io/libnvidia-container/stable/deb/nvidia-container-toolkit.list |
  sed 's#deb https://#deb [signed-by={KEYRING}] https://#g' | tee {LIST}
apt-get update
"""


def pinned(version: str) -> str:
    """The four packages of one version."""
    return " ".join(f"{name}={version}-1" for name in PACKAGES)


async def ready() -> Bench:
    """A machine with NVIDIA's archive."""
    gpu = pair().gpu
    got = await gpu.sh(GUIDE)
    assert got.status == 0, got
    return gpu


async def test_the_guides_way_to_the_toolkit() -> None:
    gpu = await ready()
    got = await gpu.sh(f"DEBIAN_FRONTEND=noninteractive apt-get install -y {pinned('1.18.0')}")
    assert got.status == 0
    assert "The following NEW packages will be installed:\n" in got.out
    assert "0 upgraded, 4 newly installed, 0 to remove and 0 not upgraded.\n" in got.out
    assert "Setting up nvidia-container-toolkit (1.18.0-1) ...\n" in got.out
    form = "${db:Status-Abbrev}|${Package}|${Version}\\n"
    got = await gpu.sh(f"dpkg-query -W -f='{form}' {' '.join(PACKAGES)}; nvidia-ctk --version")
    assert got.out.splitlines()[:4] == [f"ii |{name}|1.18.0-1" for name in PACKAGES]
    assert "NVIDIA Container Toolkit CLI version 1.18.0\n" in got.out
    got = await gpu.sh("command -v nvidia-container-runtime; nvidia-container-cli info; echo $?")
    assert got.out.startswith("/usr/bin/nvidia-container-runtime\nNVRM version:   580.95.05\n")
    assert got.out.endswith("\n0\n")


async def test_upgrade_downgrade_remove_and_purge() -> None:
    gpu = await ready()
    await gpu.sh(f"apt-get install -y {pinned('1.18.0')}")
    got = await gpu.sh(f"apt-get install -y {pinned('1.20.0')}")
    assert "4 upgraded, 0 newly installed" in got.out
    got = await gpu.sh(f"apt-get install -y {pinned('1.18.0')}")
    assert got.status == 100
    assert "E: Packages were downgraded and -y was used without --allow-downgrades." in got.err
    got = await gpu.sh(f"apt-get install -y --allow-downgrades {pinned('1.18.0')}")
    assert got.status == 0
    assert "4 downgraded" in got.out
    got = await gpu.sh(f"apt-get remove -y {' '.join(PACKAGES)}; command -v nvidia-ctk")
    assert got.status == 127 or not got.out.endswith("nvidia-ctk\n")
    got = await gpu.sh("dpkg-query -W -f='${Status}' nvidia-container-toolkit-base")
    assert got.out == "deinstall ok config-files"
    got = await gpu.sh("dpkg -l nvidia-container-toolkit-base | tail -1 | cut -c1-2")
    assert got.out == "rc\n"
    config = "/etc/nvidia-container-runtime/config.toml"
    got = await gpu.sh(f"ls {config}; apt-get purge -y nvidia-container-toolkit-base; ls {config}")
    assert got.status == 2
    got = await gpu.sh("dpkg-query -W nvidia-container-toolkit-base")
    text = "dpkg-query: no packages found matching nvidia-container-toolkit-base\n"
    assert (got.status, got.err) == (1, text)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("no-such-package", "E: Unable to locate package no-such-package\n"),
        (
            "nvidia-container-toolkit=9.9-1",
            "E: Version '9.9-1' for 'nvidia-container-toolkit' was not found\n",
        ),
    ],
)
async def test_what_is_not_there(words: str, text: str) -> None:
    gpu = await ready()
    got = await gpu.sh(f"apt-get install -y {words}")
    assert (got.status, got.err) == (100, text)


async def test_one_pinned_package_does_not_bring_its_equals() -> None:
    gpu = await ready()
    got = await gpu.sh("apt-get install -y nvidia-container-toolkit=1.18.0-1")
    assert got.status == 100
    assert "nvidia-container-toolkit-base (= 1.18.0-1) but 1.20.0-1 is to be installed" in got.err


async def test_without_the_archive_there_is_no_toolkit() -> None:
    gpu = pair().gpu
    got = await gpu.sh("apt-get update && apt-get install -y nvidia-container-toolkit")
    assert (got.status, got.err) == (100, "E: Unable to locate package nvidia-container-toolkit\n")


async def test_a_wrong_key_is_told() -> None:
    gpu = pair().gpu
    gpu.machine.files.write(KEYRING, Key("0" * 40, "somebody").binary())
    line = (
        f"deb [signed-by={KEYRING}] https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /"
    )
    got = await gpu.sh(f"echo '{line}' > {LIST}; apt-get update")
    assert got.status == 100
    assert "NO_PUBKEY DDCAE044F796ECB0" in got.err
    gpu.machine.files.write(KEYRING, NVIDIA_KEY.binary())
    assert (await gpu.sh("apt-get update")).status == 0
    other = LIST.replace("nvidia-container-toolkit", "libnvidia-container")
    got = await gpu.sh(f"echo '{line.replace('keyring', 'other')}' > {other}; apt-get update")
    assert got.status == 100
    assert got.err.startswith("E: Conflicting values set for option Signed-By regarding source")


async def test_a_held_lock() -> None:
    gpu = await ready()
    clock = gpu.machine.clock
    gpu.machine.lock = Lock(1873, "unattended-upgr", clock.now() + 4 / clock.factor)
    got = await gpu.sh("apt-get install -y jq")
    assert got.status == 100
    held = "Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1873"
    assert got.err.startswith(f"E: {held} (unattended-upgr)\n")
    gpu.machine.lock = Lock(1873, "unattended-upgr", clock.now() + 8 / clock.factor)
    got = await gpu.sh("apt-get -o DPkg::Lock::Timeout=600 install -y jq")
    assert got.status == 0
    assert f"Waiting for cache lock: {held}" in got.out


async def test_only_root_may() -> None:
    gpu = pair().gpu
    got = await gpu.sh("apt-get install -y jq", user="anna")
    assert got.status == 100
    assert "are you root?" in got.err


async def test_apt_cache() -> None:
    gpu = await ready()
    got = await gpu.sh("apt-cache madison nvidia-container-toolkit | head -2")
    assert got.out.splitlines()[0].startswith(
        "nvidia-container-toolkit | 1.20.0-1 | https://nvidia."
    )
    got = await gpu.sh("apt-cache policy nvidia-container-toolkit | head -3")
    assert got.out == "nvidia-container-toolkit:\n  Installed: (none)\n  Candidate: 1.20.0-1\n"


async def test_gpg_shows_and_dearmours() -> None:
    gpu = pair().gpu
    url = "https://nvidia.github.io/libnvidia-container/gpgkey"
    got = await gpu.sh(f"curl -fsSL {url} -o key; gpg --show-keys --with-colons key | grep ^fpr")
    assert got.out == "fpr:::::::::C95B321B61E88C1809C4F759DDCAE044F796ECB0:\n"
    got = await gpu.sh("gpg --dearmor < key > ring; gpg --show-keys ring | sed -n 2p")
    assert got.out.strip() == NVIDIA_KEY.fingerprint
    got = await gpu.sh("echo no key | gpg --dearmor")
    assert (got.status, got.err.splitlines()[0]) == (2, "gpg: no valid OpenPGP data found.")
    got = await gpu.sh("gpg --dearmor -o /usr/share/keyrings/x.gpg key", user="anna")
    assert got.status == 2


@pytest.mark.parametrize(
    ("left", "test", "right", "holds"),
    [
        ("1.17.8-1", "lt", "1.18.0-1", True),
        ("1.9", "gt", "1.10", False),
        ("1.0~rc1", "lt", "1.0", True),
        ("1:0.5", "gt", "2.0", True),
        ("580.95.05", "eq", "580.95.5", True),
        ("1.0-1", "le", "1.0-1+b1", True),
    ],
)
async def test_versions_compare_as_dpkg_does(left: str, test: str, right: str, holds: bool) -> None:
    gpu = pair().gpu
    got = await gpu.sh(f"dpkg --compare-versions '{left}' {test} '{right}'")
    assert (got.status == 0) == holds
    assert compare(left, left) == 0
