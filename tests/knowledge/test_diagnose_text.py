"""The forms that logs come in: terminals, journald, JSON, Windows, wrapped, cut, hostile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_wizard.knowledge.diagnose import Diagnoser, diagnose

MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"
TOKEN = 'level=error msg="token CA hash does not match the Cluster CA certificate hash: aa != bb"'
NO_CLASS = 'rpc error: code = Unknown desc = RuntimeHandler "nvidia" not supported'


def ids(data: bytes) -> list[str]:
    diagnoser = Diagnoser()
    diagnoser.feed(data)
    return [each.id for each in diagnoser.end().findings]


FORMS = {
    "plain": MISMATCH,
    "no end of line": MISMATCH,
    "windows": f"one\r\n{MISMATCH}\r\ntwo",
    "syslog": f"Jan  5 10:00:00 gpu nvidia-smi[12]: {MISMATCH}",
    "coloured": f"\x1b[31;1m{MISMATCH[:20]}\x1b[0m{MISMATCH[20:]}\x1b[K",
    "json": f'{{"log": "{MISMATCH}\\n", "stream": "stderr"}}',
    "containerd": f"2026-01-05T10:00:00.1Z stderr F {MISMATCH}",
    "quoted mail": f"> > {MISMATCH}",
    "wide blanks": MISMATCH.replace(" ", "  \t "),
    "wrapped": MISMATCH.replace(" version ", "\nversion "),
    "wrapped and indented": MISMATCH.replace(" NVML: ", "\n    NVML: "),
    "capitals": MISMATCH.upper(),
    "among many": "\n".join([*(f"line {n} ok" for n in range(500)), MISMATCH, "end"]),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_form(text: str) -> None:
    assert ids(text.encode())[:1] == ["driver-library-mismatch"]


def test_lines_count_from_one_and_say_where() -> None:
    found = diagnose(["fine", TOKEN, "fine", TOKEN]).findings[0]
    assert found.lines == (2, 4)
    assert found.text == TOKEN


def test_escaped_quotes_of_a_message_in_a_message() -> None:
    text = 'msg="err: rpc error: RuntimeHandler \\\\\\"nvidia\\\\\\" not supported"'
    assert ids(text.encode())[:1] == ids(NO_CLASS.encode())[:1]


HOSTILE = {
    "nothing": b"",
    "nul": b"\0" * 5000,
    "not utf-8": bytes(range(256)) * 50,
    "open escape": b"\x1b[" + b"1;" * 50_000,
    "open title": b"\x1b]0;" + b"a" * 50_000,
    "one long line": b"nvidia " * 100_000,
    "quotes": b'\\"' * 100_000,
    "backslashes": b"\\" * 300_000,
    "braces": b"{" * 50_000 + b"}" * 50_000,
    "blanks": b" " * 300_000,
    "empty lines": b"\n" * 200_000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_are_harmless(data: bytes) -> None:
    assert ids(data) == []
    assert ids(data + b"\n" + MISMATCH.encode() + b"\n" + data)[:1] == ["driver-library-mismatch"]


def test_what_is_shown_holds_nothing_that_a_terminal_obeys() -> None:
    line = f"\x1b]0;owned\x07\u202e{MISMATCH}\x9b31m {'x' * 5000}"
    shown = diagnose([line]).findings[0].text
    assert shown.isprintable()
    assert len(shown) <= 240


@pytest.mark.parametrize("depth", range(9))
@pytest.mark.parametrize("escaped", ['"nvidia"', "u0022nvidiau0022", "U0022nvidiaU0022"])
def test_quotes_are_read_however_often_they_were_escaped(depth: int, escaped: str) -> None:
    marks = ('"', "u0022", "U0022")
    written = next(each for each in marks if escaped.startswith(each))
    slashes = "\\" * (depth or int(written != '"'))
    text = f"msg=RuntimeHandler {escaped.replace(written, slashes + written)} not supported"
    assert ids(text.encode())[:1] == ids(NO_CLASS.encode())[:1]


@pytest.mark.parametrize("end", ["\\n", "\\\\n", "\\r\\n", "\\t", "\\\\\\t"])
def test_escaped_ends_of_lines_and_tabs_are_blanks(end: str) -> None:
    assert ids(MISMATCH.replace(" version", f"{end} version").encode()) == ids(MISMATCH.encode())


def test_a_long_line_is_read_to_its_end() -> None:
    text = b"a " * 400_000 + MISMATCH.encode() + b" b" * 1000 + b"\nsecond\n"
    diagnoser = Diagnoser()
    diagnoser.feed(text)
    diagnosis = diagnoser.end()
    assert diagnosis.findings[0].id == "driver-library-mismatch"
    assert diagnosis.findings[0].lines == (1,)
    assert diagnosis.lines == 2


MIXED = "\n".join([TOKEN, "fine", *FORMS.values(), NO_CLASS, "Ünïcode", TOKEN]).encode()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(MIXED)), max_size=12))
def test_how_the_text_is_cut_makes_no_difference(cuts: list[int]) -> None:
    whole, cut = Diagnoser(), Diagnoser()
    whole.feed(MIXED)
    places = [0, *sorted(cuts), len(MIXED)]
    for begin, end in pairwise(places):
        cut.feed(MIXED[begin:end])
    assert cut.end() == whole.end()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read(data: bytes) -> None:
    diagnoser = Diagnoser()
    diagnoser.feed(data)
    assert diagnoser.end().lines <= data.count(b"\n") + 1


def test_a_repeated_error_costs_few_lines() -> None:
    found = diagnose([TOKEN] * 5000).findings[0]
    assert len(found.lines) <= 20
    assert found.lines[-1] == 5000


def test_what_came_right_later_is_no_fault() -> None:
    early = 'level=error msg="Container runtime network not ready: cni plugin not initialized"'
    late = 'I0105 kubelet_node_status.go:493] "Fast updating node status as it just became ready"'
    assert "verify-node-not-ready" in [each.id for each in diagnose([early]).findings]
    assert diagnose([early, late]).findings == ()
    assert diagnose([late, early]).findings


UNKNOWN = {
    "driver": "NVRM: an error nobody has seen: 0x77",
    "packages": "apt-get: unheard-of failure in stanza seven",
    "containerd": "containerd: error: the flux is not capacitated",
    "k3s": "k3s agent failed in a novel way",
}


@pytest.mark.parametrize(("layer", "text"), UNKNOWN.items(), ids=UNKNOWN)
def test_unknown_text_has_a_layer_and_three_commands(layer: str, text: str) -> None:
    diagnosis = diagnose([text])
    assert diagnosis.findings == ()
    assert diagnosis.unknown is not None
    assert diagnosis.unknown.id == layer
    assert len(diagnosis.unknown.commands) == 3


def test_a_recognised_fault_needs_no_guess() -> None:
    assert diagnose([MISMATCH]).unknown is None


def test_of_lines_that_differ_in_ids_a_small_number_still_tells_the_cause() -> None:
    line = "NVRM: Xid (PCI:0000:01:00): {}, pid=1200, name=job-{:08x}f-{:05x}, Ch 00000008"
    often = [line.format(13, each * 7919, each * 31) for each in range(300)]
    one = line.format(79, 12345678, 4321)
    expected = {each.id for text in (often[0], one) for each in diagnose([text]).findings}
    found = diagnose([*often, one]).findings
    assert {"gpu-xid-program", "gpu-xid-79"} <= expected
    assert {each.id for each in found} == expected
    assert {each.id: each.lines[-1] for each in found}["gpu-xid-program"] == 300


def test_what_a_line_does_not_tell_is_left_open_in_the_texts() -> None:
    (found,) = diagnose(["ERROR: unable to select packages:"]).findings
    assert found.title("en") == "No repository offers …"
    assert "{" not in found.cause("ru")


def test_a_word_is_taken_in_any_quotes_or_in_none() -> None:
    told = "is not allowed to modify node {}, says the API"
    for each in ("n-7", '"n-7"', "'n-7'", "`n-7`"):
        (found,) = diagnose([told.format(each)]).findings
        assert (found.id, found.params["node"]) == ("kubelet-name-mismatch", "n-7")
