"""Any bytes, cut anywhere, give the same safe text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_wizard.host.lines import Cleaner, Secrets, clean_lines
from gpu_wizard.model.secret import Secret

PIECES = st.sampled_from(
    [
        *(bytes([code]) for code in range(256)),
        b"\x1b[31m", b"\x1b[0;1m", b"\x1b[2J", b"\x1b]0;title\x07", b"\x1b]8;;x\x1b\\", b"\x1bP", b"\x1b(B",
        b"\xc2\x9b31m", b"\xc2\x9d", b"\xc2\x9c", b"\x1b\\", "да".encode(), "\u202e".encode(), "\u2028".encode(),
        b"s3cret", b"s3cr", b"et", b"s3cret-longer", b"line\n", b"\r\n", b"12;", b"\x1b[" + b"1" * 70, b"\xe2\x80",
    ]
)  # fmt: skip
ALLOWED = re.compile(
    r"(?:\x1b\[[0-9;:]{0,64}m|[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e])*"
)


def secrets(*values: bytes) -> Secrets:
    known = Secrets()
    for value in values:
        known.add(Secret(value))
    return known


def cleaned(parts: list[bytes], known: Secrets) -> str:
    cleaner = Cleaner("out", known)
    chunks = [cleaner.feed(part) for part in parts]
    return "".join(chunk.text for chunk in (*chunks, cleaner.end()) if chunk)


@settings(max_examples=250, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=6), max_size=12))
def test_borders_change_nothing(parts: list[list[bytes]]) -> None:
    known = secrets(b"s3cret", b"s3cret-longer", b"ecret")
    whole = b"".join(b"".join(part) for part in parts)
    text = cleaned([whole], known)
    assert cleaned([b"".join(part) for part in parts], known) == text
    assert cleaned([bytes([byte]) for byte in whole], known) == text
    assert ALLOWED.fullmatch(text)
    assert "s3cret" not in text


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_in_two_pieces(data: bytes, cut: int) -> None:
    assert cleaned([data[:cut], data[cut:]], Secrets()) == cleaned([data], Secrets())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain \ttext\r\n", "plain \ttext\r\n"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"a\x1b[2Jb\x1b[1;1Hc\x1b[?25l", "abc"),
        (b"a\x1b]0;owned\x07b\x1b]52;c;ZQ==\x1b\\c", "abc"),
        (b"a\x1b]never closed\nb", "a\nb"),
        (b"a\x1bPq#0\x1b\\b\x1b(Bc\x1bcd", "abcd"),
        (b"bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
        ("a\u202eb\u2066c\x85d\x9b31me\u2028f".encode(), "abcdef"),
        (b"bad \xff byte", "bad \ufffd byte"),
        ("Нода готова".encode(), "Нода готова"),
        (b"\r 10%\r 20%\r100%\n", "\r 10%\r 20%\r100%\n"),
        (b"\x1b[" + b"1" * 100 + b"m", "1" * 36 + "m"),
        (b"ends in \x1b[3", "ends in "),
    ],
)
def test_what_is_kept(data: bytes, text: str) -> None:
    assert cleaned([data], Secrets()) == text


def test_secret_across_borders_and_lines() -> None:
    known = secrets(b"K10abc::node:hunter22\n", b"abc")
    assert cleaned([b"token K10abc::no", b"de:hun", b"ter22 end"], known) == "token *** end"
    assert cleaned([b"token K10abc::node:hunter23"], known) == "token K10abc::node:hunter23"
    assert "hunter22" not in repr(known)


def test_last_lines() -> None:
    data = b"one\r\ntwo hunter22\x1b[2J\n\nthree\rfour\n"
    assert clean_lines(data, secrets(b"hunter22"), last=3) == ("two ***", "three", "four")
