"""Where there can be no bed: the tests are skipped, the last line says why and what to do; or, required, they fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
FEW = "tests/real/test_real_manifests.py"
TOOLS = (
    *("sh", "env", "ip", "mount", "mkdir", "setpriv", "unshare", "gcc", "gpg", "ssh", "ssh-keygen"),
    *("busybox", "dpkg-deb", "apt-ftparchive", "debootstrap", "systemd-nspawn"),
)

WITHOUT_GO = '[ ! -d /usr/local/go ] || mount -t tmpfs tmpfs /usr/local/go; exec "$@"'
NO_ROOT = ("--reuid=65534", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
NO_NAMESPACES = ("--bounding-set=-sys_admin", "--inh-caps=-sys_admin")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("setpriv", "unshare"))),
    reason="takes rights away, which root alone can do, by setpriv and unshare",
)


def run_bed_tests(
    prefix: tuple[str, ...], *options: str, path: str = "", required: bool = False
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    environment.pop("GPU_WIZARD_REQUIRE_REAL", None)
    if required:
        environment["GPU_WIZARD_REQUIRE_REAL"] = "1"
    plain = ("-p", "no:cacheprovider", "--color=no", *options)
    return subprocess.run(
        [*prefix, sys.executable, "-m", "pytest", *plain, FEW],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def path_with(folder: Path, *without: str) -> str:
    """A PATH of the bed's tools alone, some left out."""
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or "/bin/true")
    for tool in without:
        (folder / tool).unlink()
    return str(folder)


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        pytest.param(NO_ROOT, "run pytest as root", id="no root"),
        pytest.param(NO_NAMESPACES, "must be privileged", id="no namespaces"),
    ],
)
@pytest.mark.parametrize("processes", [(), ("-n", "1", "--dist", "loadgroup")])
def test_without_the_right_the_bed_is_skipped_and_the_last_line_says_why(
    taken: tuple[str, ...], said: str, processes: tuple[str, ...]
) -> None:
    done = run_bed_tests(("setpriv", *taken, "--"), *processes)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^=+ \d+ skipped in ", done.stdout, re.MULTILINE)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("tests/real: ")
    assert said in last
    assert "GPU_WIZARD_REQUIRE_REAL=1 makes this a failure" in last


@pytest.mark.parametrize("without", [("debootstrap", "systemd-nspawn"), ("go",)])
def test_without_a_program_the_last_line_says_what_to_install(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    path = path_with(tmp_path, *(name for name in without if name != "go"))
    unshare = shutil.which("unshare") or ""

    done = run_bed_tests((unshare, "--mount", "sh", "-c", WITHOUT_GO, "sh"), path=path)

    assert done.returncode == 0, done.stdout + done.stderr
    packages = {"systemd-nspawn": "systemd-container", "go": "golang-go"}
    wanted = sorted({"golang-go", *(packages.get(name, name) for name in without)})
    assert f"apt-get install {' '.join(wanted)} (" in done.stdout.splitlines()[-1]


def test_required_bed_that_cannot_be_is_a_failure() -> None:
    done = run_bed_tests(("setpriv", *NO_NAMESPACES, "--"), required=True)

    assert done.returncode == 1
    assert re.search(r"^=+ \d+ errors in ", done.stdout, re.MULTILINE)
    assert "must be privileged" in done.stdout.splitlines()[-1]
