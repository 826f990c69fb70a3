"""Files that hold a text: the host looks, and only those travel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gpu_wizard.host.files import FILES_SCRIPT, files_arguments, files_found
from gpu_wizard.model.question import Files, FilesFound


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_only_files_that_hold_the_text_travel(tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    for name, text in (("a b", "x\nPCI_ID=10DE:2230\n"), ("c", "PCI_ID=8086:1\n"), ("d", "-e\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "uevent").write_text(text)
    (tmp_path / "e").mkdir()
    start = [program, "sh"] if shell == "busybox" else [program]

    def found(pattern: str, holding: str) -> list[str]:
        asked = Files((f"{tmp_path}/{pattern}",), holding=holding)
        done = subprocess.run(
            [*start, "-c", FILES_SCRIPT, "sh", *files_arguments(asked)],
            check=True,
            capture_output=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            timeout=30,
        )
        answer = files_found(done.stdout, asked)
        assert isinstance(answer, FilesFound)
        return [Path(file.path).parent.name for file in answer.files]

    assert found("*/uevent", "PCI_ID=10DE:") == ["a b"]
    assert found("*/uevent", "PCI_ID=") == ["a b", "c"]
    assert found("*/uevent", "-e") == ["d"]
    assert found("*/uevent", "10DE.") == []
    assert found("*/none", "x") == []
    assert found("none", "x") == []
    assert found("*", "x") == []
