"""apt's sources, keyrings without gpg, and what of the toolkit lies on a host."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_wizard.facts import apt, toolkit
from gpu_wizard.facts.openpgp import fingerprints, normal_fingerprint
from gpu_wizard.model.fact import Absent, Known
from gpu_wizard.model.question import FileFound, FilesFound

NVIDIA = "https://nvidia.github.io/libnvidia-container/stable"
MIRROR = "https://mirror.example/nvidia/stable"
KEYS = Path(__file__).parent.parent / "recorded" / "openpgp"
DEBIAN = "deb https://user:secret@mirror.example/debian trixie main\n"


def file(path: str, text: str | bytes = b"", mode: int = 0o644) -> FileFound:
    content = text.encode() if isinstance(text, str) else text
    return FileFound(path, "file", mode, "root", len(content), 0, "", content)


def sources(**texts: str) -> apt.AptSources:
    files = [file(f"{apt.PARTS}/{name.replace('__', '.')}", text) for name, text in texts.items()]
    fact = apt.parse_sources(FilesFound((file(apt.SOURCES, DEBIAN), *files)))
    assert isinstance(fact, Known)
    return fact.value


def test_user_and_password_of_a_source_are_not_kept() -> None:
    assert sources().sources == (apt.Source(apt.SOURCES, "https://mirror.example/debian"),)


@pytest.mark.parametrize(
    "text",
    [
        f"deb {NVIDIA}/deb/$(ARCH) /\n",
        f"deb [arch=amd64 signed-by=/a.gpg] {NVIDIA}/deb/amd64 /\n",
        "deb https://nvidia.github.io/nvidia-docker/ubuntu18.04/$(ARCH) /\n",
        "# kept\ndeb https://nvidia.github.io/nvidia-container-runtime/stable/x /\n",
    ],
)
def test_older_lists_are_found(text: str) -> None:
    found = sources(old__list=text)
    assert found.foreign(NVIDIA) == (f"{apt.PARTS}/old.list",)
    assert found.mixed(NVIDIA) == ()


def test_a_list_with_other_sources_beside_is_not_ours_to_remove() -> None:
    found = sources(all__list=f"{DEBIAN}deb {NVIDIA}/deb/amd64 /\n")
    assert found.mixed(NVIDIA) == (f"{apt.PARTS}/all.list",)


def test_comments_and_disabled_stanzas_do_not_count() -> None:
    stanza = f"Types: deb\nURIs: {NVIDIA}/deb/amd64\nSuites: /\n"
    assert sources(a__list=f"# deb {NVIDIA}/deb/amd64 /\n").foreign(NVIDIA) == ()
    assert sources(a__sources=f"Enabled: no\n{stanza}").foreign(NVIDIA) == ()
    assert sources(a__sources=f"X: 1\n\n{stanza}").foreign(NVIDIA) == (f"{apt.PARTS}/a.sources",)


def test_a_mirror_named_twice_is_found_too() -> None:
    found = sources(mine__list=f"deb {MIRROR}/deb/amd64 /\n")
    assert found.foreign(MIRROR) == (f"{apt.PARTS}/mine.list",)
    assert found.foreign(NVIDIA) == ()


def test_our_own_list_and_keyring() -> None:
    keyring = (KEYS / "one-key.gpg").read_bytes()
    text = apt.list_text(NVIDIA)
    fact = apt.parse_sources(FilesFound((file(apt.LIST, text), file(apt.KEYRING, keyring))))
    assert isinstance(fact, Known)
    assert fact.value.list_text == text
    assert fact.value.keys == ("713DE99AF4857C07E6C99721B604A8F261C469D7",)
    assert fact.value.foreign(NVIDIA) == ()


def test_fingerprints_of_binary_and_armoured_keyrings() -> None:
    binary = (KEYS / "one-key.gpg").read_bytes()
    one = ("713DE99AF4857C07E6C99721B604A8F261C469D7",)
    assert fingerprints(binary) == one
    assert fingerprints((KEYS / "one-key.asc").read_bytes()) == one
    assert fingerprints(binary + binary) == one * 2
    assert fingerprints(b"<html>not a key</html>") == ()
    assert fingerprints(binary[:40]) == ()
    begin, end = (b"-----%s PGP PUBLIC KEY BLOCK-----\n" % word for word in (b"BEGIN", b"END"))
    assert fingerprints(begin + b"\n" + base64.b64encode(binary) + b"\n" + end) == one


@given(st.binary(max_size=400))
def test_no_bytes_make_the_keyring_reader_fail(data: bytes) -> None:
    assert isinstance(fingerprints(data), tuple)


def test_a_fingerprint_as_people_write_it() -> None:
    written = "C95B 321B 61E8 8C18 09C4  F759 DDCA E044 F796 ECB0"
    assert normal_fingerprint(written) == "C95B321B61E88C1809C4F759DDCAE044F796ECB0"
    assert normal_fingerprint("c95b:321b") == "C95B321B"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[nvidia-container-runtime]\nmode = "legacy"\n', toolkit.ToolkitConfig("legacy")),
        ("[nvidia-container-cli]\nno-cgroups = true\n", toolkit.ToolkitConfig("", True)),
        ("nvidia-container-cli = 3\n", toolkit.ToolkitConfig()),
        ("mode = \n", toolkit.ToolkitConfig(broken=True)),
        ("", toolkit.ToolkitConfig()),
    ],
)
def test_the_runtimes_own_settings(text: str, expected: toolkit.ToolkitConfig) -> None:
    assert toolkit.parse_config(FilesFound((file(toolkit.CONFIG, text),))) == Known(expected)


def test_programs_count_where_they_can_be_run() -> None:
    found = toolkit.parse_files(
        FilesFound(
            (
                file(toolkit.RUNTIME, mode=0o755),
                file(toolkit.OPERATOR_RUNTIME, mode=0o644),
                file("/var/lib/apt/lists/mirror_dists_trixie_main_Packages"),
                file(toolkit.TRANSACTIONAL, mode=0o755),
            )
        )
    )
    expected = toolkit.ToolkitFiles(runtime=True, read_only="transactional", apt_lists=True)
    assert found == Known(expected)
    assert toolkit.parse_files(FilesFound(())) == Known(toolkit.ToolkitFiles())
    assert isinstance(toolkit.parse_config(FilesFound(())), Absent)
