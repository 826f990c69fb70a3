"""The lab's folder: key, known_hosts, ssh_config, kubeconfig, passwords and a ready setup.toml."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from gpu_wizard.lab.machine import Machine
from gpu_wizard.lab.site import URL, Site
from gpu_wizard.lab.system import USERS

_USER = "anna"
Door = tuple[int, str]
"""A machine's SSH port on 127.0.0.1, and its public host key."""


@dataclass(frozen=True)
class Access:
    """The one key that opens every machine of a lab."""

    directory: Path
    key: asyncssh.SSHKey

    @classmethod
    def new(cls, directory: Path) -> Access:
        """Make a key for a folder."""
        return cls(
            directory, asyncssh.generate_private_key("ssh-ed25519", comment="gpu-wizard-lab")
        )

    def admit(self, machine: Machine) -> None:
        """Let the key log in as each of the machine's people."""
        line = self.key.export_public_key()
        for user in machine.users.values():
            if user.name == "nobody":
                continue
            machine.tree.directory(f"{user.home}/.ssh", mode=0o700, owner=user.name)
            path = f"{user.home}/.ssh/authorized_keys"
            machine.files.write(path, line, mode=0o600, owner=user.name)


def write(access: Access, site: Site, doors: Mapping[str, Door], kubeconfig: str) -> None:
    """Write the whole folder; setup.toml comes last, and at once as a whole."""
    directory = access.directory
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put(directory / "id_ed25519", access.key.export_private_key())
    _put(directory / "id_ed25519.pub", access.key.export_public_key(), mode=0o644)
    _put(directory / "known_hosts", _known_hosts(doors).encode())
    _put(directory / "ssh_config", _ssh_config(directory, doors).encode())
    _put(directory / "kubeconfig", kubeconfig.encode())
    _put(directory / "sudo-password", f"{USERS[_USER].password}\n".encode())
    if site.join_token:
        _put(directory / "token", f"{site.join_token}\n".encode())
    _put(directory / "setup.toml", setup(directory, site, doors).encode())


def _put(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file under another name first, so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary = Path(name)
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _known_hosts(doors: Mapping[str, Door]) -> str:
    return "".join(f"[127.0.0.1]:{port} {key}\n" for port, key in doors.values())


def _ssh_config(directory: Path, doors: Mapping[str, Door]) -> str:
    return "\n".join(
        f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User {_USER}\n"
        f'  IdentityFile "{directory / "id_ed25519"}"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{directory / "known_hosts"}"\n'
        for name, (port, _) in doors.items()
    )


def setup(directory: Path, site: Site, doors: Mapping[str, Door]) -> str:
    """A setup file for the lab's targets; the keys are those of the product's setup files."""

    def host(name: str) -> str:
        port, _ = doors[name]
        lines = (
            f"host = {json.dumps(f'{_USER}@127.0.0.1:{port}')}",
            f"identity_file = {json.dumps(str(directory / 'id_ed25519'))}",
            f"known_hosts = {json.dumps(str(directory / 'known_hosts'))}",
            f'sudo = {{from = "file", name = {json.dumps(str(directory / "sudo-password"))}}}',
        )
        return "".join(f"{line}\n" for line in lines)

    server = next(name for name, one in site.world.machines.items() if one.node.is_server)
    text = (
        "# A setup file for the practice lab. It holds no secret, only where each one lies.\n"
        f"version = 1\n\n# The K3s server.\n[control_plane]\n{host(server)}\n"
        f"[cluster]\n# What agents join through, as the lab's machines see it.\n"
        f"server = {json.dumps(URL)}\n"
    )
    for name in site.targets:
        text += f"\n[[nodes]]\nname = {json.dumps(name)}\n{host(name)}"
    if site.join_token:
        place = json.dumps(str(directory / "token"))
        text += f'\n[stages.join]\ntoken = {{from = "file", name = {place}}}\n'
    return text


def commands(directory: Path, site: Site) -> str:
    """Commands that a person can try."""
    target = site.targets[0] if site.targets else "control"
    return "\n".join(
        (
            f"The lab is up; its keys are in {directory}. Ctrl-C ends it. Try:",
            f"  ssh -F {directory}/ssh_config {target}            (sudo's password: "
            f"{USERS[_USER].password})",
            f"  ssh -F {directory}/ssh_config {target} nvidia-smi",
            f"  ssh -F {directory}/ssh_config control sudo -n true || echo 'sudo asks'",
            f"  kubectl --kubeconfig {directory}/kubeconfig get nodes",
            f"  gpu-wizard status --setup {directory}/setup.toml",
            f"  gpu-wizard --auto {directory}/setup.toml --plan",
            f"  gpu-wizard --auto {directory}/setup.toml",
        )
    )
