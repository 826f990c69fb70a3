"""A machine with pretend cards: NVML's library, compiled here, whose answers stand in a file."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")
NAME = "libnvidia-ml.so.1"


def build(folder: Path, branch: int) -> Path:
    """Compile the library as a driver branch brings it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: NVML can't be pretended")
    path = folder / NAME
    options = ["-shared", "-fPIC", "-O1", f"-Wl,-soname,{NAME}", f"-DBRANCH={branch}"]
    subprocess.run([compiler, *options, "-o", str(path), str(SOURCE)], check=True, timeout=60)
    return path


@dataclass(frozen=True)
class Cards:
    """The pretend library, and the file that it answers from."""

    library: Path
    answers: Path

    def say(self, **values: int) -> None:
        """Change the answers, all at once."""
        new = self.answers.with_suffix(".new")
        new.write_text("".join(f"{key} {value}\n" for key, value in values.items()))
        new.replace(self.answers)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library of branch 580."""
    return build(tmp_path_factory.mktemp("nvml"), 580)


@pytest.fixture
def cards(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cards:
    """A machine of its own for each test; programs started from here find its library."""
    folder = tmp_path / "lib"
    folder.mkdir()
    made = Cards(Path(shutil.copy(library, folder)), tmp_path / "answers")
    made.say()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))
    monkeypatch.setenv("FAKE_NVML", str(made.answers))
    return made
