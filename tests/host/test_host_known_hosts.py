"""Lines added to known_hosts: none that is there already is lost, whoever else writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ADD = """
import sys
from gpu_wizard.host.known_hosts import HostKey, remember
for number in range(40):
    remember(HostKey(f"{sys.argv[1]}-{number}", 22, "ssh-ed25519", "SHA256:x", sys.argv[2], "AAAA"))
"""


def test_two_programs_that_add_at_once_keep_each_others_lines(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    adding = [
        subprocess.Popen([sys.executable, "-c", ADD, name, str(file)]) for name in ("one", "two")
    ]
    assert [each.wait(60) for each in adding] == [0, 0]
    entries = sorted(line.split()[0] for line in file.read_text().splitlines())
    assert entries == sorted(f"{name}-{n}" for name in ("one", "two") for n in range(40))
    assert file.stat().st_mode & 0o777 == 0o600
