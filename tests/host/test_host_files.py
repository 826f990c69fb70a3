"""Files read as questions, and written whole or not at all, by real shells."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gpu_wizard.host.files import FILES_SCRIPT, files_arguments, files_found
from gpu_wizard.host.local import local_host
from gpu_wizard.host.shell import ShellHost
from gpu_wizard.host.ssh import connect
from gpu_wizard.host.writing import BACKUP_ROOT
from gpu_wizard.model.action import RestoreFile
from gpu_wizard.model.errors import CommandError, ConflictError
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.ports import PreImage
from gpu_wizard.model.question import Files, FilesFound
from gpu_wizard.model.secret import Secret
from tests.host.conftest import MakeUser
from tests.host.openssh import Sshd

SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]]
RUN_ID = f"test-{os.getpid()}"

# One process for all that remove the backups' folder once it is empty.
pytestmark = pytest.mark.xdist_group("backups")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="files are written as root")


@pytest.fixture
async def here() -> AsyncIterator[ShellHost]:
    """This machine; backups of the tests are taken away afterwards."""
    host = local_host()
    yield host
    await host.close()
    shutil.rmtree(f"{BACKUP_ROOT}/{RUN_ID}", ignore_errors=True)
    for folder in (Path(BACKUP_ROOT), Path(BACKUP_ROOT).parent):
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read(asked: Files, shell: list[str]) -> FilesFound | Unknown:
    """What one shell makes of a question, without any host."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    command = [*shell, "-c", FILES_SCRIPT, "sh", *files_arguments(asked)]
    done = subprocess.run(
        command, check=True, capture_output=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}
    )
    return files_found(done.stdout, asked)


def all_files(asked: Files, shell: list[str]) -> FilesFound:
    found = read(asked, shell)
    assert isinstance(found, FilesFound)
    return found


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_patterns_links_and_odd_names(tmp_path: Path, shell: list[str]) -> None:
    (tmp_path / "b.toml").write_bytes(b"\xff\x00binary\n")
    (tmp_path / "a 'b' $c.toml").write_text("two")
    (tmp_path / "empty.toml").touch()
    (tmp_path / "link.toml").symlink_to("b.toml")
    (tmp_path / "dangling.toml").symlink_to("nowhere")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "[x].conf").write_text("brackets")
    (tmp_path / "b.toml").chmod(0o640)
    patterns = (f"{tmp_path}/*.toml", f"{tmp_path}/[x].c?nf", f"{tmp_path}/none", "/dev/null")
    asked = Files(patterns, times=True)
    found = all_files(asked, shell)
    names = [Path(file.path).name for file in found.files]
    assert sorted(names) == sorted([*(p.name for p in tmp_path.iterdir()), "null"])
    file = found.at(str(tmp_path / "b.toml"))
    assert file is not None
    assert (file.kind, file.mode, file.owner, file.size) == ("file", 0o640, owner(tmp_path), 9)
    assert file.content == b"\xff\x00binary\n"
    assert file.mtime == int((tmp_path / "b.toml").stat().st_mtime)
    kinds = {Path(one.path).name: (one.kind, one.target, one.content) for one in found.files}
    assert kinds["a 'b' $c.toml"] == ("file", "", b"two")
    assert kinds["empty.toml"] == ("file", "", b"")
    assert kinds["link.toml"] == ("file", "b.toml", b"\xff\x00binary\n")
    assert kinds["dangling.toml"] == ("link", "nowhere", None)
    assert kinds["folder.toml"] == ("directory", "", None)
    assert kinds["null"] == ("device", "", None)
    assert kinds["[x].conf"] == ("file", "", b"brackets")


def owner(path: Path) -> str:
    return path.owner()


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_limits_and_metadata_alone(tmp_path: Path, shell: list[str]) -> None:
    file = tmp_path / "log"
    file.write_text("0123456789")
    found = all_files(Files((str(file),), max_bytes=4), shell).files[0]
    assert (found.content, found.truncated, found.size) == (b"0123", True, 10)
    found = all_files(Files((str(file),), max_bytes=10), shell).files[0]
    assert (found.text, found.truncated) == ("0123456789", False)
    assert found.mtime == 0
    found = all_files(Files((str(file),), content=False), shell).files[0]
    assert (found.content, found.truncated) == (None, False)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_nothing_is_there(tmp_path: Path, shell: list[str]) -> None:
    asked = Files((f"{tmp_path}/*.toml", f"{tmp_path}/a/b/c", f"{tmp_path}/a/*/c"))
    assert read(asked, shell) == FilesFound(())


async def test_not_readable_is_not_absent(sshd: Sshd, make_user: MakeUser) -> None:
    """For another user than root; what it can't see is not said to be absent."""
    user = make_user()
    home = Path(f"~{user}").expanduser()
    closed, shut = home / "closed", home / "shut"
    for folder in (closed, shut):
        folder.mkdir()
        (folder / "file").write_text("x")
    closed.chmod(0o700)
    shut.chmod(0o711)
    (home / "secret").write_text("x")
    (home / "secret").chmod(0o600)
    host = await connect(sshd.target(user), sshd.options())
    patterns = (f"{closed}/file", f"{closed}/*", f"{shut}/*", f"{home}/secret", f"{closed}/deep/er")
    denied = await host.ask([Files((pattern,)) for pattern in patterns])
    open_ones = await host.ask([Files((f"{shut}/none",)), Files((f"{shut}/file", f"{home}/no*"))])
    await host.close()
    assert [getattr(answer, "code", "") for answer in denied] == ["not-readable"] * len(patterns)
    assert str(closed) in getattr(denied[0], "detail", "")
    assert open_ones[0] == FilesFound(())
    assert isinstance(open_ones[1], FilesFound)
    assert [file.text for file in open_ones[1].files] == ["x"]


TOKEN = "K10" + "0a" * 32 + "::node:canary1"
SECRETS = f"""\
server: https://10.0.0.1:6443
token: {TOKEN}
token-file: /etc/rancher/node/token
agent-token: "canary2"
K3S_TOKEN='canary3'
export DB_PASSWORD=canary4
# token: canary5
- secret: canary6
password = "canary7"
[plugins."io.containerd.grpc.v1.cri".registry.configs."reg".auth]
  auth = "canary8"
key_file = "/etc/tls/node.key"
keyFile: /etc/tls/other.key
deb [signed-by=/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg] https://nvidia.github.io/x /
keyring: /usr/share/keyrings/x.gpg
datastore-endpoint: mysql://root:canary9@tcp(db:3306)/k3s
HTTP_PROXY=http://user:canary10@proxy:3128
endpoint = ["https://mirror.example"]
ExecStart=/usr/local/bin/k3s agent --token canary11 --token-file /a/b --server https://x
\t'--token' \\
\t'canary12' \\
\t'--node-label' \\
\t'a=b'
  {{"credentials": "canary13", "user": "me"}}
bare {TOKEN} and abcdef.0123456789abcdef in a line
node-label:
  - gpu=true
monkey: wrench
binaryName = "/usr/bin/nvidia-container-runtime"
"""


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_secrets_stay_on_the_host(tmp_path: Path, shell: list[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SECRETS)
    text = all_files(Files((str(file),), redact=True), shell).files[0].text
    assert "canary" not in text
    assert "0123456789abcdef" not in text
    kept = (
        "server: https://10.0.0.1:6443\n", "token: ***\n", "token-file: /etc/rancher/node/token\n",
        'key_file = "/etc/tls/node.key"\n', "keyFile: /etc/tls/other.key\n",
        "signed-by=/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg] https://nvidia.github.io/x /\n",
        "keyring: /usr/share/keyrings/x.gpg\n", 'endpoint = ["https://mirror.example"]\n',
        "HTTP_PROXY=http://***@proxy:3128\n", "--token *** --token-file /a/b --server https://x\n",
        "\t'--token' \\\n\t'***' \\\n\t'--node-label' \\\n\t'a=b'\n", "node-label:\n  - gpu=true\n",
        'binaryName = "/usr/bin/nvidia-container-runtime"\n', '"user": "me"',
    )  # fmt: skip
    assert [part for part in kept if part not in text] == []
    assert len(text.splitlines()) == len(SECRETS.splitlines())


@root_only
async def test_put_keeps_the_old_file_and_restores_it(here: ShellHost, tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "it's.conf"
    first = await here.put(str(file), b"one\n", 0o644, RUN_ID)
    assert first == PreImage("", digest(b"one\n"))
    assert (file.read_bytes(), file.stat().st_mode & 0o7777) == (b"one\n", 0o644)
    file.chmod(0o604)
    os.chown(file, 12345, 54321)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    second = await here.put(str(file), b"two\n", 0o640, RUN_ID)
    backup = Path(second.backup)
    assert second.written_sha256 == digest(b"two\n")
    assert backup.is_relative_to(f"{BACKUP_ROOT}/{RUN_ID}")
    assert (backup.read_bytes(), backup.stat().st_mode & 0o777) == (b"one\n", 0o600)
    assert backup.parent.stat().st_mode & 0o777 == 0o700
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (0, 0o640)
    await here.restore(RestoreFile(str(file), second.backup, second.written_sha256))
    state = file.stat()
    assert file.read_bytes() == b"one\n"
    assert (state.st_uid, state.st_gid, state.st_mode & 0o777) == (12345, 54321, 0o604)
    assert int(state.st_mtime) == 1_000_000_000
    await here.restore(RestoreFile(str(file), second.backup, second.written_sha256))
    await here.restore(RestoreFile(str(file), first.backup, digest(b"one\n")))
    assert not file.exists()
    assert list(file.parent.iterdir()) == []


@root_only
@pytest.mark.parametrize("content", [b"new", None], ids=["written", "removed"])
async def test_how_a_file_is_taken_back_is_told_before_it_is_changed(
    here: ShellHost, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    told: list[PreImage] = []

    def kept(image: PreImage) -> None:
        assert file.read_bytes() == b"old"
        assert Path(image.backup).read_bytes() == b"old"
        told.append(image)

    assert await here.put(str(file), content, 0o600, RUN_ID, kept) == told[0]
    assert (file.read_bytes() if file.exists() else None) == content
    await here.put(str(file), content, 0o600, RUN_ID, kept)
    assert len(told) == 1
    await here.restore(RestoreFile(str(file), told[0].backup, told[0].written_sha256))
    assert file.read_bytes() == b"old"


@root_only
@pytest.mark.parametrize("content", [b"new", None], ids=["written", "removed"])
async def test_what_could_not_be_noted_down_is_not_done(
    here: ShellHost, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def full(_image: PreImage) -> None:
        raise CommandError("journal-unwritable", "No room.")

    with pytest.raises(CommandError, match="No room"):
        await here.put(str(file), content, 0o600, RUN_ID, full)
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert not list(Path(BACKUP_ROOT).glob(f"{RUN_ID}/*.file.*"))


@root_only
async def test_nothing_is_written_where_nothing_differs(here: ShellHost, tmp_path: Path) -> None:
    file = tmp_path / "same"
    await here.put(str(file), b"same", 0o600, RUN_ID)
    before = (file.stat().st_ino, file.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns)
    again = await here.put(str(file), b"same", 0o600, RUN_ID)
    assert again == PreImage("", digest(b"same"), changed=False)
    assert before == (file.stat().st_ino, file.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns)
    assert (await here.put(str(file), b"same", 0o644, RUN_ID)).changed
    gone = await here.put(str(tmp_path / "none"), None, 0o644, RUN_ID)
    assert gone == PreImage("", "", changed=False)


@root_only
async def test_a_file_is_removed_and_comes_back(here: ShellHost, tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text("old")
    removed = await here.put(str(file), None, 0o644, RUN_ID)
    assert removed.changed
    assert not file.exists()
    await here.restore(RestoreFile(str(file), removed.backup))
    assert file.read_text() == "old"


@root_only
async def test_what_somebody_changed_is_left_alone(here: ShellHost, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    written = await here.put(str(file), b"ours", 0o644, RUN_ID)
    file.write_text("theirs")
    with pytest.raises(ConflictError) as caught:
        await here.restore(RestoreFile(str(file), written.backup, written.written_sha256))
    assert caught.value.where.file == str(file)
    assert written.backup in caught.value.next_step
    file.unlink()
    with pytest.raises(ConflictError):
        await here.restore(RestoreFile(str(file), written.backup, written.written_sha256))
    await here.restore(RestoreFile(str(file), written.backup))
    assert file.read_text() == "old"


@root_only
async def test_a_link_is_followed_and_a_folder_refused(here: ShellHost, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to("real")
    await here.put(str(link), b"content", 0o644, RUN_ID)
    assert link.is_symlink()
    assert real.read_bytes() == b"content"
    with pytest.raises(CommandError) as caught:
        await here.put(str(tmp_path), b"content", 0o644, RUN_ID)
    assert "Is a directory" in caught.value.lines[-1]


@root_only
async def test_large_binary_content(here: ShellHost, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    assert (await here.put(str(tmp_path / "k3s"), data, 0o755, RUN_ID)).changed
    assert (tmp_path / "k3s").read_bytes() == data
    assert (await here.put(str(tmp_path / "none"), b"", 0o644, RUN_ID)).changed
    assert (tmp_path / "none").read_bytes() == b""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("can't mount a small file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_changes_nothing(here: ShellHost, small_disk: Path) -> None:
    file = small_disk / "file"
    file.write_text("old")
    with pytest.raises(CommandError) as caught:
        await here.put(str(file), Secret(b"x" * 200_000), 0o600, RUN_ID)
    assert caught.value.code == "disk-full"
    assert caught.value.where.file == str(file)
    assert "No space left on device" in caught.value.lines[-1]
    assert [path.name for path in small_disk.iterdir()] == ["file"]
    assert file.read_text() == "old"
    assert not list(Path(BACKUP_ROOT).glob(f"{RUN_ID}/*.file.*"))


async def test_a_read_only_file_system(here: ShellHost, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(CommandError) as caught:
        await here.put(str(small_disk / "file"), b"x", 0o600, RUN_ID)
    assert caught.value.code == "read-only-file-system"


async def test_a_connection_cut_while_writing_leaves_nothing(
    own_sshd: Sshd, tmp_path: Path, here: ShellHost
) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / "file").write_text("old")
    host = await connect(own_sshd.target(), own_sshd.options())
    data = os.urandom(60_000_000)
    writing = asyncio.create_task(host.put(str(folder / "file"), data, 0o600, RUN_ID))
    async with asyncio.timeout(20):
        while len(list(folder.iterdir())) == 1:
            await asyncio.sleep(0.01)
        own_sshd.cut()
        results = await asyncio.gather(writing, return_exceptions=True)
        assert isinstance(results[0], Exception)
        while len(list(folder.iterdir())) > 1:
            await asyncio.sleep(0.05)
    assert (folder / "file").read_text() == "old"
    assert not list(Path(BACKUP_ROOT).glob(f"{RUN_ID}/*.file.*"))
    await host.close()
