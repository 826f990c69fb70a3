"""Setup files: what they may say, and every mistake at once with its line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

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
