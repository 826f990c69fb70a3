"""Facts as a program reads them: JSON objects with the names of their fields."""

from __future__ import annotations

from gpu_wizard.faces.jsonlines import fields_of
from gpu_wizard.model.events import FactRead
from gpu_wizard.model.fact import Known
from gpu_wizard.model.question import FileFound, FilesFound


def test_a_file_that_was_found_has_its_names() -> None:
    found = FileFound("/etc/k", "file", 0o644, "root:root", 3, 7, content=b"a\xff")
    event = FactRead(node="n7", probe="k3s.files", fact=Known(FilesFound((found,))))
    (told,) = fields_of(event)["fact"]["value"]["files"]
    assert told == {
        "path": "/etc/k",
        "kind": "file",
        "mode": 0o644,
        "owner": "root:root",
        "size": 3,
        "mtime": 7,
        "target": "",
        "content": "a�",
        "truncated": False,
    }
