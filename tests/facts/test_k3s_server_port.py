"""The server's port, asked by the real curl and wget of this machine over loopback."""

from __future__ import annotations

import datetime
import hashlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gpu_wizard.facts.k3s_server import (
    PORT_BY_CURL,
    PORT_BY_WGET,
    ServerPort,
    parse_curl,
    parse_wget,
    port_of,
)
from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Output
from gpu_wizard.model.spec import Spec

PROBES = {"curl": PORT_BY_CURL, "wget": PORT_BY_WGET}
PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture(params=["curl", "wget"])
def program(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed here")
    return name


def asked(program: str, server: str) -> Fact[ServerPort]:
    question = PROBES[program].question(Spec("n", server=server))
    assert isinstance(question, Command)
    ran = subprocess.run(question.argv, capture_output=True, timeout=20, check=False)
    return PROBES[program].read(Output(ran.returncode, ran.stdout, ran.stderr))


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "k3s")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "server.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def serving(folder: Path, status: int, body: bytes, *, tls: bool = True) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that speaks TLS to a plain port is what is tried here."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_k3s_answers_with_its_authority(program: str, tmp_path: Path) -> None:
    with serving(tmp_path, 200, PEM) as server:
        port = asked(program, server + "/")
    assert port == Known(ServerPort("k3s", hashlib.sha256(PEM).hexdigest(), 200))


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [(404, b"404 page not found", "not-k3s"), (200, b"<html>", "not-k3s"), (503, b"", "not-ready")],
)
def test_something_else_answers(
    program: str, tmp_path: Path, status: int, body: bytes, state: str
) -> None:
    with serving(tmp_path, status, body) as server:
        assert asked(program, server) == Known(ServerPort(state, "", status))


def test_a_port_without_tls(program: str, tmp_path: Path) -> None:
    with serving(tmp_path, 200, PEM, tls=False) as server:
        assert asked(program, server) == Known(ServerPort("not-tls"))


def test_nothing_listens(program: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert asked(program, f"https://127.0.0.1:{port}") == Known(ServerPort("refused"))


def test_a_name_that_does_not_resolve(program: str) -> None:
    assert asked(program, "https://k3s.example.invalid:6443") == Known(ServerPort("unresolved"))


@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        (7, "* connect to 10.0.0.1 port 6443 failed: No route to host", "no-route"),
        (7, "* connect to 10.0.0.1 port 6443 failed: Connection refused", "refused"),
        (7, "* Host s:6443 was resolved.\ncurl: (7) Failed to connect", "unreachable"),
        (28, "curl: (28) Connection timed out after 4000 milliseconds", "timed-out"),
        (3, "curl: (3) URL using bad/illegal format", "bad-url"),
        (35, "curl: (35) OpenSSL: wrong version number", "not-tls"),
        (56, "curl: (56) Recv failure: Connection reset by peer", "not-tls"),
    ],
)
def test_why_curl_got_nothing(status: int, error: str, state: str) -> None:
    assert parse_curl(Output(status, b"\n000", error.encode())) == Known(ServerPort(state))


@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        (4, "failed: No route to host.", "no-route"),
        (4, "failed: Connection timed out.", "timed-out"),
        (4, "Giving up.", "unreachable"),
    ],
)
def test_why_wget_got_nothing(status: int, error: str, state: str) -> None:
    assert parse_wget(Output(status, b"", error.encode())) == Known(ServerPort(state))


def test_one_of_both_is_enough() -> None:
    assert parse_curl(Output(127, b"", b"")) == ABSENT
    assert parse_wget(Output(127, b"", b"")) == ABSENT
    there = Known(ServerPort("refused"))
    assert port_of(ABSENT, there) == there
    assert port_of(Unknown("timed-out"), ABSENT) == ABSENT
    assert port_of(there, ABSENT) == there


def test_an_answer_without_a_status_is_not_read() -> None:
    assert parse_curl(Output(0, b"garbage", b"")) == Unknown("unreadable")


@pytest.mark.parametrize("status", [1, 2, 3])
def test_a_program_that_does_not_know_its_options_saw_nothing(status: int) -> None:
    answer = Output(status, b"", b"unrecognized option: --no-proxy")
    assert parse_wget(answer) == Unknown("unreadable", "unrecognized option: --no-proxy")
    if status != 3:
        assert isinstance(parse_curl(answer), Unknown)
