"""Earlier attempts to join by hand: each of the recorded join failures, made anew on a machine of its own."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .authority import issue, new_authority
from .bed import SERVER, SERVER_URL, Bed, install_k3s
from .hands import join
from .machine import Machine
from .network import GATEWAY
from .web import serve
from .wizard import Run, Wizard

TOKEN_FILE = "/etc/rancher/k3s/t"
CONFIG = "/etc/rancher/k3s/config.yaml.d/50-x.yaml"
FUTURE_PORT = 8443
HOLDER = "holder"

# Not the product's copies of what it replaced: a start that failed after the certificates were fetched is
# trapped by them at its next start, and the product takes them away to see what lies beneath.
_SNAPSHOT = """
places="/etc/rancher/k3s /usr/local/bin /etc/systemd/system /var/lib/gpu-wizard"
find $places -type f ! -path '*/gpu-wizard/backup/*' -exec sha256sum {} + 2>/dev/null | sort -k 2
find $places -type l -printf '%p -> %l\\n' 2>/dev/null | sort
"""


@dataclass(frozen=True)
class Tokens:
    """Every kind of token of this cluster, whole; tests cut them."""

    server: str
    bootstrap: str
    deleted: str
    expired: str
    future_hash: str

    @property
    def hash(self) -> str:
        """Of the cluster's CA."""
        return self.server[3:67]

    @property
    def password(self) -> str:
        """The server token's secret part."""
        return self.server.rpartition(":")[2]


@dataclass(frozen=True)
class Attempt:
    """`recorded`: number and name of the recording. `code`: what the stage must say, without `join.`.

    `token` None: no token file. `config`: lines besides `server` and `token-file`. `cured`: the product ends as a
    member; `code` is then that of the end.
    """

    recorded: str
    code: str
    token: Callable[[Tokens], str] | None = lambda tokens: tokens.server
    server: str = SERVER_URL
    config: str = ""
    names_token_file: bool = True
    cured: bool = False
    prepare: Callable[[Bed, Machine], object] = lambda _bed, _machine: None


@dataclass(frozen=True)
class Outcome:
    """What the product did with an attempt, and the machine's files before and after."""

    run: Run
    before: str
    after: str
    state: str
    journal: str = field(repr=False)


def make_tokens(bed: Bed) -> Tokens:
    """Tokens of each kind, and a server whose certificate is of the future."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
    authority = new_authority("k3s-server-ca@4102444800", later)
    certificate = issue(authority, ["127.0.0.1", GATEWAY], bed.folder, later)
    serve((GATEWAY, FUTURE_PORT), lambda _host, _path: (200, {}, authority.pem), certificate)
    server = bed.server.sh("cat /var/lib/rancher/k3s/server/token").strip()
    bootstrap = bed.server.sh("k3s token create").strip()
    deleted = bed.server.sh("k3s token create").strip()
    bed.server.sh(f"k3s token delete {deleted.rpartition('::')[2].partition('.')[0]}")
    expired = bed.server.sh("k3s token create --ttl 1s").strip()
    digest = bed.server.sh("sha256sum", text_in=authority.pem.decode()).split()[0]
    return Tokens(server, bootstrap, deleted, expired, digest)


def try_all(
    bed: Bed, folder: Path, attempts: dict[str, Attempt], at_once: int
) -> dict[str, Future[Outcome]]:
    """Each attempt on its own machine, several at a time: nearly all of it is waiting."""
    tokens = make_tokens(bed)

    def one(name: str) -> Outcome:
        return _try(bed, folder / name, name, attempts[name], tokens)

    with ThreadPoolExecutor(at_once) as pool:
        return {name: pool.submit(one, name) for name in attempts}


def _try(bed: Bed, home: Path, name: str, attempt: Attempt, tokens: Tokens) -> Outcome:
    machine = bed.add(name)
    try:
        _make(bed, machine, attempt, tokens)
        before = machine.sh(_SNAPSHOT)
        home.mkdir()
        wizard = Wizard(bed, home)
        run = wizard.auto(wizard.write_setup([machine]))
        state = machine.run("systemctl is-active k3s-agent").out.strip()
        return Outcome(run, before, machine.sh(_SNAPSHOT), state, machine.journal("k3s-agent"))
    finally:
        bed.remove(name)


def _make(bed: Bed, machine: Machine, attempt: Attempt, tokens: Tokens) -> None:
    lines = [f"server: {attempt.server}"] if attempt.server else []
    if attempt.names_token_file:
        lines.append(f"token-file: {TOKEN_FILE}")
    if attempt.token:
        machine.put(TOKEN_FILE, attempt.token(tokens) + "\n", 0o600)
    machine.put(
        CONFIG, "\n".join([*lines, attempt.config.format(password=tokens.password), ""]), 0o600
    )
    attempt.prepare(bed, machine)
    install_k3s(machine, "agent", start=False)
    machine.sh("systemctl --no-block start k3s-agent")


def leave_stale_password(bed: Bed, machine: Machine) -> None:
    """As after an aborted first join: a Secret without an owner, made by a machine that is no more."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "k3s.cattle.io/node-password",
        "metadata": {"name": f"{machine.name}.node-password.k3s", "namespace": "kube-system"},
        "stringData": {"hash": "0:stale"},
        "immutable": True,
    }
    bed.apply(manifest)


def join_holder(bed: Bed, _machine: Machine) -> None:
    """Another machine, a member and alive, bears the name that this one is told to take."""
    join(bed, bed.add(HOLDER))


ATTEMPTS: dict[str, Attempt] = {
    "wrong-password": Attempt("01", "token-rejected", lambda t: f"K10{t.hash}::node:{'0' * 32}"),
    "other-user": Attempt("02", "token-rejected", lambda t: f"K10{t.hash}::server:{'0' * 32}"),
    "other-cluster": Attempt(
        "03", "token-other-cluster", lambda t: f"K10{'ab' * 32}::server:{t.password}"
    ),
    "cut-in-hash": Attempt("04", "token-malformed", lambda t: t.server[:40]),
    "cut-after-hash": Attempt("05", "token-malformed", lambda t: t.server[:67]),
    "short-hash": Attempt(
        "06", "token-malformed", lambda t: f"K10{t.hash[:-8]}::server:{t.password}"
    ),
    "cut-password": Attempt("07", "token-rejected", lambda t: t.server[:-5]),
    "cut-secret": Attempt("08", "token-malformed", lambda t: t.bootstrap[:-4]),
    "empty-token": Attempt("09", "token-missing", lambda _: ""),
    "short-token": Attempt("10", "agent", lambda t: t.password, cured=True),
    "expired": Attempt("12", "token-rejected", lambda t: t.expired),
    "deleted": Attempt("13", "token-rejected", lambda t: t.deleted),
    "refused": Attempt("14", "server-unreachable", server=f"https://{SERVER[1]}:7443"),
    "no-such-host": Attempt("15", "server-unreachable", server="https://10.123.0.99:6443"),
    "no-such-name": Attempt("16", "server-unreachable", server="https://k3s.example.invalid:6443"),
    "ssh-port": Attempt("17", "server-not-tls", server=f"https://{SERVER[1]}:22"),
    "other-site": Attempt("18", "server-not-k3s", server=f"https://{GATEWAY}:443"),
    "other-name": Attempt("19", "agent", server="https://srv:6443", cured=True),
    "no-token-file": Attempt("21", "token-file-missing", None),
    "no-token": Attempt("22", "agent", None, names_token_file=False, cured=True),
    "no-server": Attempt("23", "server-missing", server=""),
    "http-url": Attempt("24", "server-not-https", server=f"http://{SERVER[1]}:6443"),
    "server-key": Attempt("25", "flag-unknown", config='write-kubeconfig-mode: "0644"'),
    "misspelt-key": Attempt("26", "flag-unknown", config="node-lable: [lab=1]"),
    "no-yaml": Attempt("27", "config-broken", config="node-label: [lab=1"),
    "own-label": Attempt("28", "label-refused", config="node-label: [kubernetes.io/gpu=yes]"),
    "role-label": Attempt(
        "29", "label-refused", config="node-label: [node-role.kubernetes.io/gpu=true]"
    ),
    "label-value": Attempt("30", "label-invalid", config='node-label: ["lab=a b"]'),
    "duplicate-name": Attempt(
        "31", "name-taken", config=f"node-name: {HOLDER}", prepare=join_holder
    ),
    "no-runtime": Attempt("32", "default-runtime-missing", config="default-runtime: nvidia"),
    "kubelet-flag": Attempt("33", "kubelet-flag-unknown", config="kubelet-arg: [no-such-flag=1]"),
    "cgroup-v1": Attempt("34", "agent", cured=True),
    "clock": Attempt(
        "35",
        "certificate-time",
        lambda t: f"K10{t.future_hash}::node:x",
        server=f"https://{GATEWAY}:{FUTURE_PORT}",
    ),
    "file-wins": Attempt("38", "agent", config=f"token: K10{'0' * 64}::node:wrong", cured=True),
    "upper-case": Attempt("39", "name-invalid", config="node-name: GPU_Two"),
    "stale-secret": Attempt("40", "agent", prepare=leave_stale_password, cured=True),
}
