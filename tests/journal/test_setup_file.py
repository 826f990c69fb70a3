"""Setup files: what they may say, and every mistake at once with its line and key."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tomlkit.exceptions import TOMLKitError

from gpu_wizard.cli.starter import starter
from gpu_wizard.journal.recording import read_setup, write_new
from gpu_wizard.model.errors import InputError, InputListError
from gpu_wizard.model.secret import SecretSource

GOOD = """\
version = 1
[control_plane]
host = "k3s-1"
sudo = {from = "env"}
[cluster]
server = "https://192.0.2.10:6443"
[stages.toolkit]
version = "1.19.1"
[[nodes]]
name = "gpu-1"
host = "anna@gpu-1:2222"
host_key = "SHA256:9kq2bXo17dRwVt0e9kq2bXo17dRwVt0e9kq2bXo17dR"
sudo = {from = "prompt"}
[[nodes]]
host = "local"
[nodes.stages.join]
node_ip = "192.0.2.7"
[choices]
"labels.nvidia.com/gpu" = "keep"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "setup.toml"
    path.write_text(text)
    return path


def mistakes(tmp_path: Path, text: str) -> dict[str, tuple[int | None, str]]:
    with pytest.raises(InputListError) as caught:
        read_setup(written(tmp_path, text))
    assert all(error.where.file.endswith("setup.toml") for error in caught.value.errors)
    return {error.where.key: (error.where.line, error.message) for error in caught.value.errors}


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    setup = read_setup(written(tmp_path, GOOD))
    first, second = setup.nodes
    assert setup.control_plane is not None
    assert setup.control_plane.sudo == SecretSource("env")
    assert (first.name, first.host.host, first.host.sudo) == (
        "gpu-1",
        "anna@gpu-1:2222",
        SecretSource("prompt"),
    )
    assert first.options.toolkit.version == second.options.toolkit.version == "1.19.1"
    assert (first.options.join.node_ip, second.options.join.node_ip) == ("", "192.0.2.7")
    assert setup.choices == {"labels.nvidia.com/gpu": "keep"}


def test_every_mistake_is_told_at_once_with_line_and_key(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """\
version = 2
colour = "red"
[control_plane]
hosts = "k3s-1"
[cluster]
server = "http://a:6443"
[[nodes]]
host = "gpu-1"
host_key = "md5:zz"
sudo = "hunter2"
[[nodes]]
name = "gpu-1"
host = 7
[stages.join]
installer_sha256 = true
[stages.nonsense]
""",
    )
    assert found["version"][0] == 1
    assert found["colour"][0] == 2
    assert "Did you mean host?" in found["control_plane.hosts"][1]
    assert found["cluster.server"][0] == 6
    assert found["nodes[0].host_key"][0] == 9
    assert found["nodes[0].sudo"][0] == 10
    assert found["nodes[1].host"][0] == 12 or found["nodes[1].host"][0] == 13
    assert found["nodes[1].name"][0] == 12
    assert found["stages.join.installer_sha256"][0] == 15
    assert found["stages.nonsense"][0] == 16
    assert "control_plane.host" in found


def test_a_host_of_the_wrong_type_is_one_mistake(tmp_path: Path) -> None:
    path = written(tmp_path, 'version = 1\n[control_plane]\nhost = "k3s-1"\n[[nodes]]\nhost = 7\n')
    with pytest.raises(InputListError) as caught:
        read_setup(path)
    assert [str(error) for error in caught.value.errors] == [
        f"nodes[0].host must be a text, not a whole number. ({path}:5, key nodes[0].host)"
    ]


@pytest.mark.parametrize("host", ["", 'host = ""\n'])
def test_a_host_that_is_missing_is_one_mistake(tmp_path: Path, host: str) -> None:
    text = f'version = 1\n[control_plane]\nhost = "a"\n[[nodes]]\nname = "gpu1"\n{host}'
    with pytest.raises(InputListError) as caught:
        read_setup(written(tmp_path, text))
    (mistake,) = caught.value.errors
    assert mistake.where.key == "nodes[0].host"


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = GOOD.replace('sudo = {from = "prompt"}', 'sudo = "hunter2"')
    found = mistakes(tmp_path, text)
    assert "hunter2" not in str(found)
    assert "from" in found["nodes[0].sudo"][1]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("version = 1\n", "nodes"),
        ('version = 1\n[[nodes]]\nhost = "a"\n', "control_plane"),
        ('version = 1\nnodes = "a"\n', "nodes"),
        (
            'version = 1\n[control_plane]\nhost = "a"\n[[nodes]]\nhost = "local"\nuser = "x"\n',
            "nodes[0].host",
        ),
    ],
)
def test_what_is_missing_or_contradicts_is_named(tmp_path: Path, text: str, key: str) -> None:
    assert key in mistakes(tmp_path, text)


def test_broken_toml_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_setup(written(tmp_path, "version = 1\n[control_plane\n"))
    assert caught.value.where.line == 2


def test_bytes_that_are_no_text_are_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "setup.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError):
        read_setup(path)


def test_dotted_choices_without_quotes_mean_the_same(tmp_path: Path) -> None:
    text = GOOD.replace('"labels.nvidia.com/gpu" = "keep"', 'device-plugin.foreign = "join"')
    assert read_setup(written(tmp_path, text)).choices == {"device-plugin.foreign": "join"}


def test_the_starter_file_is_a_good_file(tmp_path: Path) -> None:
    setup = read_setup(written(tmp_path, starter("setup.toml", ["a", "b"])))
    assert [node.name for node in setup.nodes] == ["a", "b"]


def test_the_starters_commented_options_are_the_defaults(tmp_path: Path) -> None:
    import re

    text = starter("setup.toml", ["a"])
    plain = read_setup(written(tmp_path, text))
    options = re.sub(r"(?m)^# (\w+ = (?!.*…)[^#\n]+)", r"\1", text.partition("[stages.join]")[2])
    uncommented = text.partition("[stages.join]")[0] + "[stages.join]" + options
    assert read_setup(written(tmp_path, uncommented)).nodes == plain.nodes


def test_a_new_file_is_whole_or_not_there(tmp_path: Path) -> None:
    write_new(tmp_path / "new.toml", "x = 1\n")
    with pytest.raises(InputError):
        write_new(tmp_path / "new.toml", "y = 2\n")
    with pytest.raises(InputError):
        write_new(tmp_path / "no" / "folder.toml", "y = 2\n")
    assert [path.name for path in tmp_path.iterdir()] == ["new.toml"]
    assert (tmp_path / "new.toml").read_text() == "x = 1\n"
    assert (tmp_path / "new.toml").stat().st_mode & 0o777 == 0o600


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = GOOD + '[stages.join]\nhttp_proxy = "http://anna:hunter2@proxy:3128"\n'
    found = mistakes(tmp_path, text)
    assert "hunter2" not in str(found)
    assert found["stages.join.http_proxy"][0] is not None


BASE = 'version = 1\n[control_plane]\nhost = "k"\n[[nodes]]\nhost = "a"\n'


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ('[stages.join]\nversion = "1.34.3"\n', "stages.join.version", 7),
        ('[stages.join]\nnode_name = "a\\nb: c"\n', "stages.join.node_name", 7),
        ('[stages.join]\nnode_ip = "no"\n', "stages.join.node_ip", 7),
        ('[stages.join]\ninstaller_sha256 = "ABC"\n', "stages.join.installer_sha256", 7),
        ('[stages.join]\ninstaller_url = "ftp:/x y"\n', "stages.join.installer_url", 7),
        ('[stages.join]\nhttp_proxy = "proxy"\n', "stages.join.http_proxy", 7),
        ('[stages.toolkit]\nversion = "latest"\n', "stages.toolkit.version", 7),
        ('[stages.toolkit]\nrepository = "https://m\\ndeb x"\n', "stages.toolkit.repository", 7),
        ('[stages.toolkit]\nfingerprint = "abc"\n', "stages.toolkit.fingerprint", 7),
        ('[stages.runtime]\nbinary = "bin/x"\n', "stages.runtime.binary", 7),
        ('[stages.runtime-class]\nname = "../x"\n', "stages.runtime-class.name", 7),
        ('[stages.proof]\nimage = "a b"\n', "stages.proof.image", 7),
        ("[stages.proof]\ntimeout_seconds = nan\n", "stages.proof.timeout_seconds", 7),
        ('[stages.labels]\ngpu_present = "perhaps"\n', "stages.labels.gpu_present", 7),
        ('user = "x@y"\n', "nodes[0].user", 6),
        ('sudo = {from = "control-plane"}\n', "nodes[0].sudo.from", 6),
        ('sudo = {from = "env", name = "A=B"}\n', "nodes[0].sudo.name", 6),
        ('[[nodes]]\nhost = "b:99999"\n', "nodes[1].host", 7),
        ('[[nodes]]\nhost = "x@b"\nuser = "y"\n', "nodes[1].user", 8),
        ('[[nodes]]\nname = "b"\nhost = "a"\n', "nodes[1].host", 8),
        ('[cluster]\ncontext = "c"\n', "cluster.context", 7),
    ],
)
def test_what_a_value_must_look_like_is_told_where_it_stands(
    tmp_path: Path, text: str, key: str, line: int
) -> None:
    found = mistakes(tmp_path, BASE + text)
    assert (list(found), found[key][0]) == ([key], line)


def test_a_fingerprint_is_taken_as_people_write_it(tmp_path: Path) -> None:
    text = 'fingerprint = "C95B 321B 61E8 8C18 09C4  F759 DDCA E044 F796 ECB0"\n'
    setup = read_setup(written(tmp_path, f"{BASE}[stages.toolkit]\n{text.replace('  ', ' ')}"))
    assert setup.nodes[0].options.toolkit.fingerprint.startswith("C95B 321B")


def test_inline_tables_and_what_is_missing_have_a_line_too(tmp_path: Path) -> None:
    text = 'version = 1\ncontrol_plane = {host = "k"}\nnodes = [{host = "a",\n frob = 2}]\n'
    assert mistakes(tmp_path, text)["nodes[0].frob"][0] == 3
    assert mistakes(tmp_path, 'control_plane = {host = "k"}\n')["version"][0] == 1
    assert list(mistakes(tmp_path, BASE.replace("= 1", "= true"))) == ["version"]


LEAVES = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.booleans(),
    st.floats(),
    st.datetimes(),
    st.times(),
    st.sampled_from(["local", "a@b:70000", "[::1]:22", "env", "prompt", "\x1b[31m", "a" * 300]),
)
WORDS = [
    *("version", "control_plane", "cluster", "nodes", "stages", "choices", "host", "user", "sudo"),
    *(
        "password",
        "name",
        "from",
        "server",
        "join",
        "toolkit",
        "token",
        "labels",
        "proof",
        "reboot",
    ),
]
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=6))
def test_nonsense_is_an_error_with_file_line_and_key(document: dict[str, Any]) -> None:
    try:
        text = tomlkit.dumps(document)
    except (ValueError, TOMLKitError):
        assume(False)
    told_or_read(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_spoilt_file_is_an_error_with_its_file(data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        put = data.draw(st.text("[]{}=\"'.#\n\\,x0- \x00\x1bé", max_size=3))
        text = text[:at] + put + text[at + cut :]
    told_or_read(text)


def told_or_read(text: str) -> None:
    """Read a text; every error that is told has its place."""
    errors: tuple[InputError, ...] = ()
    with tempfile.TemporaryDirectory() as folder:
        try:
            read_setup(written(Path(folder), text))
        except InputListError as error:
            errors = error.errors
        except InputError as error:
            errors = (error,)
    assert all(error.where.file for error in errors)
    assert len(errors) == 1 or all(error.where.line and error.where.key for error in errors)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_where_files_have_one_name_only_a_new_one_is_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def link(source: str, target: Path) -> None:
        raise OSError(number, os.strerror(number), source, None, str(target))

    monkeypatch.setattr(os, "link", link)
    file = tmp_path / "new.toml"
    write_new(file, "x = 1\n")
    with pytest.raises(InputError) as raised:
        write_new(file, "y = 2\n")
    assert raised.value.code == "file-exists"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("x = 1\n", 0o600)
    assert list(tmp_path.iterdir()) == [file]
