"""The k3s binary as a program: versions, tokens, kubectl, crictl, ctr.

Source: recordings `k3s-1.34/01-server/c`, `02-join/c`, `07-pods/b`, `08`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gpu_wizard.lab import containerd, k3s_token
from gpu_wizard.lab.clock import wall
from gpu_wizard.lab.k3s_log import logrus
from gpu_wizard.lab.k3s_server import KUBECONFIG
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import UsageError, split
from gpu_wizard.lab.releases import Release, release

if TYPE_CHECKING:
    from gpu_wizard.lab.k3s_control import ControlPlane
    from gpu_wizard.lab.machine import Machine

_HELP = """NAME:
   k3s - Kubernetes, but small and simple

USAGE:
   k3s [global options] command [command options]

VERSION:
   {version}

COMMANDS:
   server           Run management server
   agent            Run node agent
   kubectl          Run kubectl
   crictl           Run crictl
   ctr              Run ctr
   check-config     Run config check
   token            Manage tokens
   etcd-snapshot    Manage etcd snapshots
   secrets-encrypt  Control secrets encryption and keys rotation
   certificate      Manage K3s certificates
   completion       Install shell completion script
   help, h          Shows a list of commands or help for one command
"""
_GROUP = "system:bootstrappers:k3s:default-node-token"
_UNITS = {"h": 3600, "m": 60, "s": 1}
_FOREVER = "<forever>"


class K3s:
    """One machine's k3s, also under its other names kubectl, crictl and ctr."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        name = call.argv[0].rsplit("/", 1)[-1]
        words = list(call.argv[1:]) if name == "k3s" else [name, *call.argv[1:]]
        verb = words[0] if words else "--help"
        acts: dict[str, Callable[[Call, list[str]], Awaitable[int]]] = {
            "--version": self._version,
            "-v": self._version,
            "token": self._token,
            "kubectl": self._kubectl,
            "crictl": self._crictl,
            "ctr": self._ctr,
            "check-config": self._check_config,
        }
        if verb in acts:
            return await acts[verb](call, words[1:])
        if verb in ("--help", "-h", "help", "h"):
            await call.out(_HELP.format(version=self._title()).encode())
            return 0
        await call.out(f"No help topic for '{verb}'\n".encode())
        return 3

    @property
    def _release(self) -> Release:
        stub = self._machine.stub("/usr/local/bin/k3s")
        return release(stub.version if stub else self._machine.world.k3s_version)

    def _title(self) -> str:
        return f"{self._release.version} ({self._release.commit[:8]})"

    async def _version(self, call: Call, _words: list[str]) -> int:
        text = f"k3s version {self._title()}\ngo version {self._release.go}\n"
        await call.out(text.encode())
        return 0

    async def _kubectl(self, call: Call, words: list[str]) -> int:
        kubectl = self._machine.world.kubectl
        files = self._machine.files
        given = call.environment.get("KUBECONFIG") or any(
            word.startswith("--kubeconfig") for word in words
        )
        if not files.exists(KUBECONFIG) and not given:
            await call.err(
                b"The connection to the server localhost:8080 was refused - did you specify the "
                b"right host or port?\n"
            )
            return 1
        if call.user.uid and files.exists(KUBECONFIG) and not given:
            warning = (
                f"Unable to read {KUBECONFIG}, please start server with --write-kubeconfig-mode or "
                "--write-kubeconfig-group to modify kube config permissions"
            )
            denied = f'error loading config file "{KUBECONFIG}": open {KUBECONFIG}'
            text = f"{logrus('warning', warning)}\nerror: {denied}: permission denied\n"
            await call.err(text.encode())
            return 1
        if kubectl is None:
            await call.err(b"error: kubectl is not part of this lab\n")
            return 1
        return await kubectl(files)(_Renamed(call, ["kubectl", *words]))

    async def _crictl(self, call: Call, words: list[str]) -> int:
        runtimes = self._machine.node.runtimes
        plain = [word for word in words if not word.startswith("-")]
        verb = plain[0] if plain else ""
        if "--version" in words:
            await call.out(b"crictl github.com/k3s-io/containerd/v2 v1.34.0-k3s2\n")
            return 0
        if call.user.uid or runtimes is None:
            reason = "permission denied" if call.user.uid else "connect: connection refused"
            socket = "/run/k3s/containerd/containerd.sock"
            text = (
                "validate service connection: validate CRI v1 runtime API for endpoint "
                f'"unix://{socket}": rpc error: code = Unavailable desc = connection error: desc = '
                f'"transport: Error while dialing: dial unix {socket}: {reason}"'
            )
            await call.err(f"{logrus('fatal', text)}\n".encode())
            return 1
        if verb == "info":
            info = json.dumps(containerd.crictl_info(runtimes), indent=2)
            await call.out(f"{info}\n".encode())
        elif verb == "version":
            await call.out(
                "Version:  0.1.0\nRuntimeName:  containerd\n"
                f"RuntimeVersion:  {self._release.containerd}\nRuntimeApiVersion:  v1\n".encode()
            )
        elif verb in ("ps", "pods", "images"):
            await call.out(
                b"CONTAINER   IMAGE   CREATED   STATE   NAME   ATTEMPT   POD ID   POD   NAMESPACE\n"
            )
        else:
            await call.err(f"{logrus('fatal', f'No help topic for {verb!r}')}\n".encode())
            return 1
        return 0

    async def _ctr(self, call: Call, words: list[str]) -> int:
        version = self._release.containerd
        if words[:1] == ["version"]:
            client = f"  Version:  {version}\n  Revision: \n  Go version: {self._release.go}\n"
            await call.out(f"Client:\n{client}\nServer:\n  Version:  {version}\n".encode())
            return 0
        if "--version" in words:
            await call.out(f"ctr github.com/k3s-io/containerd/v2 {version}\n".encode())
            return 0
        return 0

    async def _check_config(self, call: Call, _words: list[str]) -> int:
        await call.out(b"STATUS: pass\n")
        return 0

    async def _fatal(self, call: Call, text: str) -> int:
        await call.err(f"{logrus('fatal', f'Error: {text}')}\n".encode())
        return 1

    async def _token(self, call: Call, words: list[str]) -> int:
        verb = words[0] if words else ""
        if verb == "generate":
            await call.out(f"{'.'.join(k3s_token.generate())}\n".encode())
            return 0
        files, control = self._machine.files, self._machine.world.control
        if not files.exists(KUBECONFIG) or control is None:
            return await self._fatal(call, f"stat {KUBECONFIG}: no such file or directory")
        if call.user.uid:
            denied = f'error loading config file "{KUBECONFIG}": open {KUBECONFIG}'
            await call.err(f"{denied}: permission denied\n".encode())
            return 1
        if control.health != "up":
            return await self._fatal(call, _unreachable(control))
        acts = {"create": self._create, "list": self._list, "delete": self._delete}
        if verb not in acts:
            await call.out(b"NAME:\n   k3s token - Manage tokens\n")
            return 0
        return await acts[verb](call, control, words[1:])

    async def _create(self, call: Call, control: ControlPlane, words: list[str]) -> int:
        long = ("ttl=", "description=", "groups=", "usages=", "kubeconfig=", "data-dir=")
        try:
            options = split(words, "d:", long)
        except UsageError as wrong:
            fault = f"flag provided but not defined: {str(wrong).replace('option --', '-')}"
            await call.out(f"Incorrect Usage: {fault}\n".encode())
            return await self._fatal(call, fault)
        text = options.last("--ttl", default="24h0m0s")
        seconds = _duration(text)
        if seconds is None:
            fault = f'invalid value "{text}" for flag -ttl: parse error'
            await call.out(f"Incorrect Usage: {fault}\n\n".encode())
            return await self._fatal(call, fault)
        ttl = timedelta(seconds=seconds) if seconds else None
        token = control.create_token(ttl, options.last("--description"))
        await call.out(f"{token}\n".encode())
        return 0

    async def _list(self, call: Call, control: ControlPlane, words: list[str]) -> int:
        found = control.tokens()
        if "json" in words or "--output=json" in words or "-o=json" in words:
            rows = [_json_row(data) for data in found]
            await call.out(f"{json.dumps(rows, separators=(',', ':'))}\n".encode())
            return 0
        table = [("TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS")]
        table += [_row(data) for data in found]
        widths = [max(10, *(len(row[at]) + 3 for row in table)) for at in range(5)]
        for row in table:
            cells = [cell.ljust(width) for cell, width in zip(row[:5], widths, strict=True)]
            await call.out(f"{''.join(cells)}{row[5]}\n".encode())
        return 0

    async def _delete(self, call: Call, control: ControlPlane, words: list[str]) -> int:
        for word in words:
            identity = word.rpartition("::")[2].partition(".")[0]
            if not control.delete_token(identity):
                missing = f'secrets "bootstrap-token-{identity}" not found'
                named = identity
                if self._release.wraps_token_error:
                    named = missing.replace('"', '\\"')
                text = f'failed to delete bootstrap token "{named}": {missing}'
                return await self._fatal(call, text)
            await call.out(f'bootstrap token "{identity}" deleted\n'.encode())
        return 0


class _Renamed:
    """A call under another command line: `k3s kubectl …` as kubectl gets it."""

    def __init__(self, call: Call, argv: list[str]) -> None:
        self._call = call
        self.argv = argv
        self.environment = call.environment
        self.directory = call.directory
        self.user = call.user
        self.interactive = call.interactive
        self.read = call.read
        self.out = call.out
        self.err = call.err
        self.shell = call.shell


def _unreachable(control: ControlPlane) -> str:
    url = "https://127.0.0.1:6443/api/v1/namespaces/kube-system/secrets?timeout=15m0s"
    if control.health == "down":
        return f'Post "{url}": dial tcp 127.0.0.1:6443: connect: connection refused'
    return "apiserver not ready"


def _duration(text: str) -> int | None:
    """Seconds of a Go duration; None where it is none."""
    if text == "0":
        return 0
    if not re.fullmatch(r"(\d+[hms])+", text):
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


def _row(data: dict[str, str]) -> tuple[str, str, str, str, str, str]:
    until = data.get("expiration")
    left, expires = _FOREVER, "<never>"
    if until:
        end = datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        seconds = int((end - wall()).total_seconds())
        left = f"{seconds // 3600}h" if seconds >= 3600 else f"{max(seconds // 60, 0)}m"
        expires = until
    identity, description = data.get("token-id", ""), data.get("description", "")
    return identity, left, expires, "authentication,signing", description, _GROUP


def _json_row(data: dict[str, str]) -> dict[str, object]:
    row: dict[str, object] = {"token": {}}
    if data.get("description"):
        row["description"] = data["description"]
    if data.get("expiration"):
        row["expires"] = data["expiration"]
    return {**row, "usages": ["authentication", "signing"], "groups": [_GROUP]}


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"k3s": K3s}
