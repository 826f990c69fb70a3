"""Who a host is, from the files that it has."""

from __future__ import annotations

from itertools import pairwise

from gpu_wizard.facts.identity import Identity, parse_k3s_config, parse_os_release, resolve
from gpu_wizard.model.fact import ABSENT, Known
from gpu_wizard.model.question import FileFound, FilesFound
from gpu_wizard.model.spec import JoinOptions, Spec, StageOptions

CONFIG = "/etc/rancher/k3s/config.yaml"
PART = "/etc/rancher/k3s/config.yaml.d/50-gpu-wizard.yaml"


def file(path: str, text: str) -> FileFound:
    return FileFound(path, "file", 0o600, "root", len(text), 7, content=text.encode())


def test_later_parts_win_and_plus_appends() -> None:
    found = FilesFound(
        (
            file(PART, "server: https://b:6443\nnode-label+: [x=1]\n"),
            file(CONFIG, "server: https://a:6443\nnode-label: [y=2]\n"),
        )
    )
    config = parse_k3s_config(found)
    assert isinstance(config, Known)
    assert config.value.text("server") == "https://b:6443"
    assert config.value.origins["server"] == PART
    assert config.value.values["node-label"] == ["y=2", "x=1"]


def test_a_file_that_is_no_mapping_is_named_and_the_rest_is_read() -> None:
    config = parse_k3s_config(FilesFound((file(CONFIG, "a: 1\n"), file(PART, "a: [1\n"))))
    assert isinstance(config, Known)
    assert config.value.broken == (PART,)
    assert config.value.text("a") == "1"


def test_no_file_is_absent() -> None:
    assert parse_k3s_config(FilesFound(())) == ABSENT


def test_the_name_in_the_cluster_is_lower_case_and_the_users_first() -> None:
    config = parse_k3s_config(FilesFound((file(CONFIG, "node-name: GPU_Two\n"),)))
    identity = Identity(hostname=Known("Box"), boot_id=Known("b"), config=config)
    assert resolve(Spec("n"), identity).kubernetes_node == "gpu_two"
    wanted = Spec("n", options=StageOptions(join=JoinOptions(node_name="Mine")))
    assert resolve(wanted, identity).kubernetes_node == "mine"
    bare = Identity(hostname=Known("Box"), boot_id=Known("b"), config=ABSENT)
    assert resolve(Spec("n"), bare).kubernetes_node == "box"


def test_os_release_values_may_be_quoted() -> None:
    release = parse_os_release(
        FilesFound((file("/etc/os-release", 'ID=ubuntu\nVERSION_ID="24.04"\nID_LIKE=debian\n'),))
    )
    assert isinstance(release, Known)
    assert (release.value.id, release.value.version_id, release.value.like) == (
        "ubuntu",
        "24.04",
        ("debian",),
    )


def test_a_few_lines_that_stand_for_millions_of_words_stay_a_few() -> None:
    levels = "abcdefghij"
    bomb = f"a: &a [{', '.join('x' * 9)}]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise(levels)
    )
    config = parse_k3s_config(
        FilesFound((file(CONFIG, f"{bomb}server: *j\nnode-name: {{a: *j}}\n"),))
    )
    assert isinstance(config, Known)
    assert len(config.value.text("server")) < 100
    assert config.value.text("node-name") == ""
    assert config.value.values["a"] == ["x"] * 9
