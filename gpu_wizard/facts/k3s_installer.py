"""The steps that bring K3s onto a host and its agent to a start, as data.

Source: K3s's install.sh as domain.md stage 1 tells, K3s v1.34.3 as recorded (02-join/a).
"""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

import yaml

from gpu_wizard.facts.k3s import (
    BINARY,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    OUR_CONFIG,
    OUR_TOKEN,
    password_secret_name,
)
from gpu_wizard.facts.k3s_token import TokenSource
from gpu_wizard.facts.systemd import AGENT
from gpu_wizard.model.action import Action, DeleteObject, LocalFile, Plan, PutFile, Risk, Run, Step
from gpu_wizard.model.spec import JoinOptions

INSTALLER = "/var/lib/gpu-wizard/install-k3s.sh"
IMAGES = "/var/lib/rancher/k3s/agent/images"
UNINSTALL = f"/usr/local/bin/{AGENT}-uninstall.sh"
STOP_SECONDS = 150.0
"""An agent of 1.34 that waits for its token file does not hear a stop for 90 s (K3s as recorded: 21c)."""
_DOWNLOAD_SECONDS = 300.0
_INSTALL_SECONDS = 1200.0


def installation(options: JoinOptions, version: str, downloader: str, *, fresh: bool) -> Plan:
    """Installer onto the host, its checksum, its run without a start. `version` "": not pinned, for a binary
    that is uploaded. `downloader`: `curl` or `wget`, unused where the installer is uploaded. `fresh`: there
    was no agent before, so its uninstaller takes the step back.
    """
    return (
        _uploaded_installer(options)
        if options.installer_file
        else _downloaded_installer(options, downloader),
        _checksum(options),
        *_uploads(options),
        _run_installer(options, version, fresh=fresh),
    )


def _uploaded_installer(options: JoinOptions) -> Step:
    content = LocalFile(options.installer_file, options.installer_sha256)
    return Step(
        "join.upload-installer",
        PutFile(INSTALLER, content, 0o700),
        params={"file": options.installer_file},
    )


def _downloaded_installer(options: JoinOptions, downloader: str) -> Step:
    url, target = shlex.quote(options.installer_url), shlex.quote(INSTALLER)
    get = f"wget -q -O {target} {url}" if downloader == "wget" else f"curl -fsSL -o {target} {url}"
    folder = shlex.quote(str(PurePosixPath(INSTALLER).parent))
    script = f"umask 077 && mkdir -p {folder} && {get} && chmod 0700 {target}"
    return Step(
        "join.download-installer",
        Run(
            ("sh", "-c", script),
            environment=proxies(options),
            timeout_seconds=_DOWNLOAD_SECONDS,
        ),
        undo=(Run(("rm", "-f", INSTALLER)),),
        revert=True,
        params={"url": options.installer_url},
    )


def _checksum(options: JoinOptions) -> Step:
    if not options.installer_sha256:
        return Step("join.show-checksum", Run(("sha256sum", INSTALLER)), change=False)
    wanted = f"{options.installer_sha256.lower()}  {INSTALLER}\n".encode()
    return Step(
        "join.check-checksum",
        Run(("sha256sum", "-c", "-"), stdin=wanted),
        change=False,
        params={"sha256": options.installer_sha256},
    )


def _uploads(options: JoinOptions) -> Plan:
    steps: list[Step] = []
    if options.binary_file:
        put = PutFile(BINARY, LocalFile(options.binary_file), 0o755)
        steps.append(Step("join.upload-binary", put, params={"file": options.binary_file}))
    if options.images_file:
        name = PurePosixPath(options.images_file).name
        put = PutFile(f"{IMAGES}/{name}", LocalFile(options.images_file), 0o600)
        steps.append(Step("join.upload-images", put, params={"file": options.images_file}))
    return tuple(steps)


def _run_installer(options: JoinOptions, version: str, *, fresh: bool) -> Step:
    wanted = {"INSTALL_K3S_VERSION": version}
    if options.binary_file:
        wanted = {"INSTALL_K3S_SKIP_DOWNLOAD": "true"}
    environment = {
        **wanted,
        "INSTALL_K3S_EXEC": "agent",
        "INSTALL_K3S_SKIP_ENABLE": "true",
        "INSTALL_K3S_SKIP_START": "true",
        **dict(proxies(options)),
    }
    return Step(
        "join.install",
        Run(
            ("sh", INSTALLER),
            environment=tuple(environment.items()),
            timeout_seconds=_INSTALL_SECONDS,
        ),
        undo=(Run((UNINSTALL,), timeout_seconds=300),) if fresh else (),
        params={"version": version},
    )


def proxies(options: JoinOptions) -> tuple[tuple[str, str], ...]:
    """The proxies as environment, in both spellings: wget reads the small one only, the installer carries
    both into the unit's environment file.
    """
    given = {
        "http_proxy": options.http_proxy,
        "https_proxy": options.https_proxy,
        "no_proxy": options.no_proxy,
    }
    return tuple(
        (spelling, value)
        for name, value in given.items()
        if value
        for spelling in (name, name.upper())
    )


def put_token(source: TokenSource) -> Step:
    """The token into its file, readable by root alone; put back where the agent does not come up.

    Written before the start: an agent that waits for this file hears no stop on 1.34.
    """
    return Step(
        "join.token", PutFile(OUR_TOKEN, source, 0o600), revert=True, params={"path": OUR_TOKEN}
    )


def put_config(values: dict[str, str]) -> Step:
    """Our part of K3s's configuration; agent flags only, since an agent stops at any other key."""
    content = yaml.safe_dump(values, sort_keys=False).encode()
    return Step(
        "join.config", PutFile(OUR_CONFIG, content, 0o600), revert=True, params={"path": OUR_CONFIG}
    )


def delete_stale_password(node: str) -> Step:
    """The node-password Secret that a join without a Node left behind.

    Source: K3s v1.36.2 as recorded (join failure 40).
    """
    return Step(
        "join.stale-password",
        DeleteObject("Secret", password_secret_name(node), "kube-system", only_ownerless=True),
        params={"name": password_secret_name(node)},
    )


def drop_client_certificate() -> Plan:
    """The kubelet's certificate of a Node that was deleted: with it the agent never registers again.

    Source: K3s v1.34.3 as recorded (06-restart-and-uninstall/i).
    """
    return (
        Step("join.drop-certificate", PutFile(CLIENT_CERTIFICATE, None, 0o600)),
        Step("join.drop-key", PutFile(CLIENT_KEY, None, 0o600)),
    )


def stop(unit: str) -> Step:
    """Stop the unit and wait. Containers go on: K3s's unit has KillMode=process."""
    return Step(
        "join.stop",
        Run(("systemctl", "stop", unit), timeout_seconds=STOP_SECONDS),
        undo=(Run(("systemctl", "--no-block", "start", unit)),),
        risk=Risk("join.agent-away", {"unit": unit}),
        params={"unit": unit},
    )


def enable(unit: str, *, was_enabled: bool) -> Step:
    """Have the unit started at boot; systemd reads a new unit file by the way."""
    return Step(
        "join.enable",
        Run(("systemctl", "enable", unit)),
        undo=() if was_enabled else (Run(("systemctl", "disable", unit)),),
        revert=True,
        params={"unit": unit},
    )


def start(unit: str, node: str, *, new_node: bool) -> Step:
    """Start the unit without waiting: a start that can't succeed would block for ever.

    Taken back: the unit is stopped; a Node that this start made (`new_node`) goes, with the password Secret of
    a join that made none.
    """
    undo: list[Action] = [Run(("systemctl", "stop", unit), timeout_seconds=STOP_SECONDS)]
    if new_node:
        undo.append(DeleteObject("Node", node))
        secret = password_secret_name(node)
        undo.append(DeleteObject("Secret", secret, "kube-system", only_ownerless=True))
    return Step(
        "join.start",
        Run(("systemctl", "--no-block", "start", unit)),
        undo=tuple(undo),
        revert=True,
        params={"unit": unit},
    )
