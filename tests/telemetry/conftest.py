"""A machine with pretend cards: NVML's library, compiled here, whose answers stand in a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")


@dataclass(frozen=True)
class Cards:
    """The pretend library's folder, and the file that it answers from."""

    folder: Path
    answers: Path

    def say(self, **values: int) -> None:
        """Change the answers, all at once."""
        text = "".join(f"{key} {value}\n" for key, value in values.items())
        new = self.answers.with_suffix(".new")
        new.write_text(text)
        new.replace(self.answers)

    @property
    def environment(self) -> Mapping[str, str]:
        """For a program that is to find this library."""
        return {
            **os.environ,
            "LD_LIBRARY_PATH": str(self.folder),
            "FAKE_NVML": str(self.answers),
        }


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: NVML can't be pretended")
    path = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(path), str(SOURCE)], check=True, timeout=60
    )
    return path


@pytest.fixture
def cards(library: Path, tmp_path: Path) -> Cards:
    """A machine of its own for each test."""
    folder = tmp_path / "lib"
    folder.mkdir()
    shutil.copy(library, folder)
    made = Cards(folder, tmp_path / "answers")
    made.say()
    return made
