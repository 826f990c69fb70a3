"""Host keys, configuration, passwords, jump hosts; and every way not to get in."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gpu_wizard.host.known_hosts import HostKey
from gpu_wizard.host.ssh import SshHost, connect
from gpu_wizard.host.target import SshOptions, SshTarget
from gpu_wizard.knowledge.texts import next_step
from gpu_wizard.model.errors import (
    AccessError,
    InputError,
    TrustError,
    UnreachableError,
    WizardError,
)
from gpu_wizard.model.question import Command, Output
from gpu_wizard.model.secret import Secret
from tests.host.conftest import MakeUser
from tests.host.openssh import Sshd, free_port, make_key, running_sshd

HOSTNAME = Command(("uname", "-s"))


async def works(host: SshHost) -> bool:
    answers = await host.ask([HOSTNAME])
    await host.close()
    return answers == [Output(0, b"Linux\n", b"")]


async def trouble(target: SshTarget, options: SshOptions) -> WizardError:
    with pytest.raises(WizardError) as caught:
        await connect(target, options)
    assert str(caught.value.where)
    return caught.value


def fingerprint_of(file: Path) -> str:
    listed = subprocess.run(["ssh-keygen", "-lf", str(file)], check=True, capture_output=True)
    return listed.stdout.decode().split()[1]


class Person:
    """Answers whether to trust a key, and remembers what was shown."""

    def __init__(self, *, trusts: bool) -> None:
        self.trusts = trusts
        self.shown: list[HostKey] = []

    async def __call__(self, key: HostKey) -> bool:
        self.shown.append(key)
        return self.trusts


async def test_an_unknown_key_is_refused_without_a_person(sshd: Sshd, tmp_path: Path) -> None:
    error = await trouble(sshd.target(), sshd.options(known_hosts=tmp_path / "none"))
    assert isinstance(error, TrustError)
    assert error.code == "host-key-unknown"
    assert error.params["fingerprint"] == fingerprint_of(sshd.folder / "host_key.pub")
    assert error.next_step


async def test_an_unknown_key_is_asked_about_and_not_written_when_refused(
    sshd: Sshd, tmp_path: Path
) -> None:
    person, file = Person(trusts=False), tmp_path / "known"
    error = await trouble(sshd.target(), sshd.options(known_hosts=file, trust=person))
    assert error.code == "host-key-unknown"
    assert len(person.shown) == 1
    assert not file.exists()


@pytest.mark.parametrize("hashed", [False, True])
async def test_a_trusted_key_is_remembered_as_ssh_does(
    sshd: Sshd, tmp_path: Path, hashed: bool
) -> None:
    file = tmp_path / "known"
    file.write_text("other.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==")
    if hashed:
        subprocess.run(["ssh-keygen", "-Hf", str(file)], check=True, capture_output=True)
    file.chmod(0o640)
    person = Person(trusts=True)
    assert await works(await connect(sshd.target(), sshd.options(known_hosts=file, trust=person)))
    assert await works(await connect(sshd.target(), sshd.options(known_hosts=file)))
    assert [key.fingerprint for key in person.shown] == [
        fingerprint_of(sshd.folder / "host_key.pub")
    ]
    assert file.stat().st_mode & 0o777 == 0o640
    found = ["ssh-keygen", "-F", f"[127.0.0.1]:{sshd.port}", "-f", str(file)]
    assert b"ssh-ed25519" in subprocess.run(found, check=True, capture_output=True).stdout
    assert (f"[127.0.0.1]:{sshd.port}" in file.read_text()) is not hashed
    assert len(file.read_text().splitlines()) == 2


async def test_a_key_that_nothing_remembers_is_asked_about_once_a_connection(sshd: Sshd) -> None:
    person = Person(trusts=True)
    host = await connect(sshd.target(), sshd.options(known_hosts=Path("/dev/null"), trust=person))
    assert await works(host)
    await host.reconnect(20)
    assert await works(host)
    assert len(person.shown) == 1


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
async def test_a_changed_key_gets_nothing(sshd: Sshd, tmp_path: Path, kind: str) -> None:
    """Also where the key on record is of a type that the machine no longer has."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(tmp_path / "old")]
    subprocess.run(command, check=True)
    key = " ".join((tmp_path / "old.pub").read_text().split()[:2])
    file = tmp_path / "known"
    file.write_text(f"# a remark\n[127.0.0.1]:{sshd.port} {key}\n")
    person = Person(trusts=True)
    pinned = fingerprint_of(sshd.folder / "host_key.pub")
    for target in (sshd.target(), sshd.target(host_key=pinned)):
        error = await trouble(target, sshd.options(known_hosts=file, trust=person))
        assert isinstance(error, TrustError)
        assert error.code == "host-key-changed"
        assert (error.where.file, error.where.line) == (str(file), 2)
        assert "ssh-keygen -R" in error.next_step
    assert person.shown == []


async def test_a_pinned_key(sshd: Sshd, tmp_path: Path) -> None:
    pinned = fingerprint_of(sshd.folder / "host_key.pub")
    nothing = sshd.options(known_hosts=tmp_path / "none")
    assert await works(await connect(sshd.target(host_key=pinned), nothing))
    whole = (sshd.folder / "host_key.pub").read_text()
    assert await works(await connect(sshd.target(host_key=whole), nothing))
    error = await trouble(sshd.target(host_key="SHA256:other"), sshd.options())
    assert error.code == "host-key-not-pinned"


async def test_a_pinned_key_among_several(login_key: Path, tmp_path: Path) -> None:
    """A fingerprint does not tell its type; the machine would show another key first."""
    ecdsa = tmp_path / "second"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(ecdsa)], check=True)
    with running_sshd(tmp_path, login_key, f"HostKey {ecdsa}") as server:
        target = server.target(host_key=fingerprint_of(tmp_path / "second.pub"))
        options = server.options(known_hosts=tmp_path / "none")
        assert await works(await connect(target, options))


async def test_a_revoked_key(sshd: Sshd, tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text("@revoked * " + (sshd.folder / "host_key.pub").read_text())
    error = await trouble(sshd.target(), sshd.options(known_hosts=file))
    assert error.code == "host-key-revoked"


async def test_the_users_configuration(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host gpu\n HostName 127.0.0.1\n Port {sshd.port}\n User root\n"
        f" IdentityFile {sshd.key}\n UserKnownHostsFile {sshd.known_hosts}\n"
        f"Host far\n HostName 127.0.0.1\n Port {sshd.port}\n User root\n ProxyJump gpu\n"
        f" IdentityFile {sshd.key}\n UserKnownHostsFile {sshd.known_hosts}\n"
    )
    options = SshOptions(config_file=config)
    assert await works(await connect(SshTarget("gpu"), options))
    far = await connect(SshTarget("far"), options)
    assert far.name == "far"
    assert await works(far)


async def test_a_broken_configuration(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Port many\n")
    error = await trouble(sshd.target(), sshd.options(config_file=config))
    assert isinstance(error, InputError)


async def test_password_given_or_asked_for(sshd: Sshd, make_user: MakeUser, tmp_path: Path) -> None:
    user = make_user("canary-Login-1")
    none = sshd.options(identity_files=(make_key(tmp_path / "stranger"),))
    given = SshOptions(**{**vars(none), "password": Secret(b"canary-Login-1")})
    assert await works(await connect(sshd.target(user), given))
    prompts: list[str] = []

    async def person(prompt: str, refused: int = 0) -> Secret:
        assert refused == len(prompts)
        prompts.append(prompt)
        return Secret(b"wrong" if len(prompts) == 1 else b"canary-Login-1")

    asked = SshOptions(**{**vars(none), "ask_password": person})
    assert await works(await connect(sshd.target(user), asked))
    assert len(prompts) == 2
    assert all(user in prompt for prompt in prompts)


async def test_a_key_with_a_passphrase(sshd: Sshd, tmp_path: Path) -> None:
    pytest.importorskip("bcrypt", reason="OpenSSH's own key encryption needs bcrypt")
    locked = tmp_path / "locked"
    shutil.copy(sshd.key, locked)
    locked.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-N", "canary-Phrase", "-P", "", "-f", str(locked)]
    subprocess.run(change, check=True, capture_output=True)
    answers = [Secret(b"wrong"), Secret(b"canary-Phrase")]
    prompts: list[str] = []

    async def person(prompt: str, refused: int = 0) -> Secret:
        assert refused == len(prompts)
        prompts.append(prompt)
        return answers[len(prompts) - 1]

    asked = sshd.options(identity_files=(locked,), ask_password=person)
    host = await connect(sshd.target(), asked)
    assert await works(host)
    assert await works(host)
    assert prompts == [f"Passphrase of {locked}"] * 2
    error = await trouble(sshd.target(), sshd.options(identity_files=(locked,)))
    assert error.code == "login-refused"
    assert "ssh-add" in error.next_step
    error = await trouble(sshd.target(), sshd.options(identity_files=(sshd.known_hosts,)))
    assert error.code == "bad-identity-file"


async def test_a_host_key_signed_by_an_authority(login_key: Path, tmp_path: Path) -> None:
    authority = make_key(tmp_path / "authority")
    make_key(tmp_path / "host_key")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "id", "-h", "-n", "127.0.0.1"]
    subprocess.run([*sign, str(tmp_path / "host_key.pub")], check=True, capture_output=True)
    file = tmp_path / "known"
    with running_sshd(
        tmp_path, login_key, f"HostCertificate {tmp_path}/host_key-cert.pub"
    ) as server:
        key = (tmp_path / "authority.pub").read_text()
        file.write_text(f"@cert-authority [127.0.0.1]:{server.port} {key}")
        assert await works(await connect(server.target(), server.options(known_hosts=file)))
        other = make_key(tmp_path / "other")
        file.write_text(f"@cert-authority * {Path(f'{other}.pub').read_text()}")
        error = await trouble(server.target(), server.options(known_hosts=file))
        assert isinstance(error, TrustError)


async def test_a_key_with_a_certificate_beside_it(login_key: Path, tmp_path: Path) -> None:
    authority, visitor = make_key(tmp_path / "authority"), make_key(tmp_path / "visitor")
    with running_sshd(tmp_path, login_key, f"TrustedUserCAKeys {authority}.pub") as server:
        shown = server.options(identity_files=(visitor,))
        assert (await trouble(server.target(), shown)).code == "login-refused"
        sign = [
            "ssh-keygen",
            "-q",
            "-s",
            str(authority),
            "-I",
            "id",
            "-n",
            "root",
            f"{visitor}.pub",
        ]
        subprocess.run(sign, check=True, capture_output=True)
        hosts = await asyncio.gather(*(connect(server.target(), shown) for _ in range(3)))
        assert [await works(host) for host in hosts] == [True] * 3
        Path(f"{visitor}-cert.pub").unlink()
        assert (await trouble(server.target(), shown)).code == "login-refused"


async def test_login_refused(sshd: Sshd, tmp_path: Path) -> None:
    stranger = sshd.options(identity_files=(make_key(tmp_path / "stranger"),))
    error = await trouble(sshd.target(), stranger)
    assert isinstance(error, AccessError)
    assert error.code == "login-refused"
    assert f"`ssh -p {sshd.port} root@127.0.0.1`" in error.next_step


async def test_connection_refused(sshd: Sshd) -> None:
    error = await trouble(SshTarget("127.0.0.1", "root", free_port()), sshd.options())
    assert (type(error), error.code) == (UnreachableError, "connection-refused")
    error = await trouble(SshTarget("localhost", "root", free_port()), sshd.options())
    assert (type(error), error.code) == (UnreachableError, "connection-refused")


async def test_no_such_name(sshd: Sshd) -> None:
    error = await trouble(SshTarget("no-such-host.invalid", "root", 22), sshd.options())
    assert (type(error), error.code) == (UnreachableError, "host-not-resolved")
    assert "no-such-host.invalid" in str(error)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listener(serve: Serve) -> AsyncIterator[int]:
    links: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        links.add(link)
        await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait(links, timeout=10)


async def test_a_listener_that_never_answers(sshd: Sshd) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listener(silent) as port:
        error = await trouble(
            SshTarget("127.0.0.1", "root", port), sshd.options(connect_seconds=0.3)
        )
    assert (type(error), error.code) == (UnreachableError, "connect-timed-out")


async def test_a_listener_that_is_no_ssh_server(sshd: Sshd) -> None:
    async def web(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)
        await writer.drain()

    async with listener(web) as port:
        error = await trouble(SshTarget("127.0.0.1", "root", port), sshd.options())
    assert (type(error), error.code) == (UnreachableError, "login-cut")
    assert "the port" in error.next_step


async def test_a_listener_that_talks_without_end(sshd: Sshd) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(b"x" * 100_000)
            await writer.drain()

    async with listener(talk) as port:
        error = await trouble(SshTarget("127.0.0.1", "root", port), sshd.options())
    assert (type(error), error.code) == (UnreachableError, "not-ssh")


@pytest.mark.parametrize("first", [b"", b"Exceeded MaxStartups\r\n", b"SSH-2.0-OpenSSH_9.9\r\n"])
async def test_a_server_that_hangs_up_before_the_login_is_over(sshd: Sshd, first: bytes) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)

    async with listener(hang_up) as port:
        target = SshTarget("127.0.0.1", "root", port)
        error = await trouble(target, sshd.options())
    assert (type(error), error.code) == (UnreachableError, "login-cut")
    assert "MaxStartups" in error.next_step
    told = f"`ssh -v -p {port} root@127.0.0.1`"
    assert told in error.next_step
    assert told in next_step("reason", error.code, error.params, "ru")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("gpu-1", SshTarget("gpu-1")),
        ("root@gpu-1:2222", SshTarget("gpu-1", "root", 2222)),
        ("a@b@gpu", None),
        ("fe80::1", SshTarget("fe80::1")),
        ("u@[fe80::1]:22", SshTarget("fe80::1", "u", 22)),
        ("gpu:0", None),
        ("", None),
        ("-oProxyCommand=x y", None),
    ],
)
def test_targets(text: str, target: SshTarget | None) -> None:
    if target is None:
        with pytest.raises(InputError):
            SshTarget.parse(text)
    else:
        assert SshTarget.parse(text) == target


async def test_a_configuration_without_records_has_none_and_writes_none(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config"
    config.write_text("Host *\n  UserKnownHostsFile none\n")
    person = Person(trusts=True)
    options = sshd.options(config_file=config, known_hosts=None, trust=person)
    assert await works(await connect(sshd.target(), options))
    assert len(person.shown) == 1
    assert list(tmp_path.iterdir()) == [config]
