"""Every code that a host can give has a text; and the classes are what the engine asks for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from gpu_wizard.host.local import LocalHost
from gpu_wizard.host.ssh import SshHost, SshReader
from gpu_wizard.knowledge.texts import catalogue
from gpu_wizard.model.ports import Host, HostReader

HOST = Path(__file__).parent.parent.parent / "gpu_wizard" / "host"
CODE = re.compile(r"[a-z]+(?:-[a-z]+)+")
LISTED = re.compile(r"(?:sudo|host-key|disk|read-only|file-not)-[a-z-]+")
WITH_CODE = re.compile(r"\w*Error|Unknown|_Meaning|_error|_not_readable")


def codes() -> set[str]:
    """The first literal arguments of whatever makes an error or an `Unknown`, and the codes in tables."""
    found: set[str] = set()
    for path in HOST.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and LISTED.fullmatch(str(node.value)):
                found.add(str(node.value))
            if isinstance(node, ast.Call) and WITH_CODE.fullmatch(
                ast.unparse(node.func).split(".")[-1]
            ):
                words = [word.value for word in node.args[:2] if isinstance(word, ast.Constant)]
                found |= {word for word in words if isinstance(word, str) and CODE.fullmatch(word)}
    return found


def test_every_code_has_a_text() -> None:
    known = catalogue()["reason"]
    assert len(codes()) > 25
    assert codes() - set(known) == set()
    for code in codes():
        assert {"en", "ru", "next_en", "next_ru"} <= set(known[code])


def test_a_reader_has_no_method_that_writes() -> None:
    assert not {"run", "put", "capture", "restore"} & set(dir(SshReader))


def as_the_engine_wants(
    ssh: SshHost, local: LocalHost, reader: SshReader
) -> tuple[Host, Host, HostReader]:
    """Checked by mypy alone."""
    return ssh, local, reader
