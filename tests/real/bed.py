"""The bed: sites and registry, a control plane, and machines that come and go."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from . import apart, cgroups, network
from .api import Api, path_of, path_of_object
from .authority import issue, new_authority
from .cards import give_cards
from .images import images
from .machine import Machine, Result, Supplies
from .packages import repository
from .places import SOURCES
from .prepared import toolkit_layer
from .programs import K3S_VERSION, programs
from .rootfs import rootfs
from .web import HOST_NAMES, Registry, Sites, serve

SERVER = ("srv", "10.123.0.10")
SERVER_URL = f"https://{SERVER[1]}:6443"
K3S_VARIABLE = "GPU_WIZARD_K3S"
OWNER_ANNOTATION = "objectset.rio.cattle.io/owner-name"
STAND_IN = b'#!/bin/sh\nexec /opt/bed/bin/kube k3s "$@"\n'
SERVER_CONFIG = """
flannel-backend: none
disable-network-policy: true
disable: [traefik, servicelb, metrics-server, coredns, local-storage]
write-kubeconfig-mode: "0600"
"""

_FOLDER = Path("/run/bed")

_NODE_PASSWORD = "k3s.cattle.io/node-password"
_LAST_WORDS = """
journalctl -u k3s -u k3s-agent -o short-precise --no-pager | cut -c1-300 >/tmp/last-words
grep -A 12 -e 'panic: ' -e 'fatal error: ' /tmp/last-words | head -30
grep -e level= -e 'systemd\\[' /tmp/last-words | tail -30
"""

T = TypeVar("T")
Object = dict[str, Any]


def until(what: str, ask: Callable[[], T | None], seconds: float = 30, every: float = 0.1) -> T:
    """The first answer that is true.

    Raises:
        AssertionError: there was none in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Bed:
    """Entered inside the bed's own namespaces (`apart`), where addresses are constants."""

    def __init__(self, folder: Path, groups: str) -> None:
        self.folder = folder
        self.packages = repository(programs())
        authority = new_authority("gpu-wizard test bed")
        network.make_bridge()
        k3s, installer = k3s_and_installer()
        self.sites = Sites(self.packages, installer, k3s)
        self.registry = Registry(images(programs()))
        serve((network.GATEWAY, 443), self.sites.respond, issue(authority, HOST_NAMES, folder))
        serve((network.GATEWAY, 5000), self.registry.respond)
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self.supplies = Supplies(
            rootfs=rootfs(),
            programs=programs(),
            folder=folder,
            groups=groups,
            public_key=key.with_suffix(".pub").read_text(),
            private_key=key,
            authority=authority.pem,
        )
        self.machines: dict[str, Machine] = {}
        self._addresses = (f"10.123.0.{number}" for number in itertools.cycle(range(21, 99)))
        self._adding = threading.Lock()
        self._api: Api | None = None

    @property
    def server(self) -> Machine:
        """The control plane's machine."""
        return self.machines[SERVER[0]]

    @property
    def kubeconfig(self) -> Path:
        """Of the cluster's admin, usable from here."""
        return self.folder / "kubeconfig"

    def add(
        self,
        name: str,
        *,
        cards: int = 0,
        address: str = "",
        disk_mb: int = 4096,
        toolkit: bool = False,
    ) -> Machine:
        """A booted machine of that name with so many cards, driver loaded; `toolkit`: NVIDIA's was installed before."""
        with self._adding:
            address = address or next(self._addresses)
        supplies = self.supplies
        layers = []
        if toolkit:
            layers.append(toolkit_layer(supplies.rootfs, self.packages, supplies.authority))
        machine = Machine(name, address, supplies, {SERVER[1]: SERVER[0]}, disk_mb, layers)
        machine.make()
        self.machines[name] = machine
        give_cards(machine, cards)
        (machine.root / "etc/rancher/k3s").mkdir(parents=True)
        (machine.root / "etc/rancher/k3s/registries.yaml").write_text(
            (SOURCES / "node/registries.yaml").read_text()
        )
        machine.boot()
        return machine

    def remove(self, name: str) -> None:
        """The machine is gone; its Node, if any, stays in the cluster."""
        self.machines.pop(name).remove()

    def start_server(self, *, with_agent: bool = False, cards: int = 0) -> Machine:
        """A control plane by K3s's installer; `with_agent`: it is a node too."""
        machine = self.add(SERVER[0], cards=cards, address=SERVER[1])
        extra = "" if with_agent else "disable-agent: true\n"
        machine.put("/etc/rancher/k3s/config.yaml", SERVER_CONFIG + extra)
        install_k3s(machine, "server")
        text = machine.sh("cat /etc/rancher/k3s/k3s.yaml").replace("127.0.0.1", SERVER[1])
        self.kubeconfig.write_text(text)
        self.kubeconfig.chmod(0o600)
        return machine

    def kubectl_run(self, *arguments: str, text_in: str = "", seconds: float = 60) -> Result:
        """kubectl as admin; how it ended."""
        command = [str(self.supplies.programs / "kube"), "kubectl", *arguments]
        done = subprocess.run(
            command,
            input=text_in,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def kubectl(self, *arguments: str, text_in: str = "") -> str:
        """kubectl's output.

        Raises:
            AssertionError: it failed; with its words.
        """
        result = self.kubectl_run(*arguments, text_in=text_in)
        assert result.status == 0, f"kubectl {' '.join(arguments)}: {result.err}"
        return result.out

    @property
    def api(self) -> Api:
        """The control plane's API, as its admin."""
        if self._api is None:
            self._api = Api(self.kubeconfig)
        return self._api

    def get(self, kind: str, name: str = "", *, namespace: str = "", selector: str = "") -> Object:
        """An object, or the list of all of a kind, in one namespace or in all, with these labels.

        Raises:
            AssertionError: it is not to be had; with the API's words.
        """
        labels = f"?labelSelector={quote(selector)}" if selector else ""
        status, found = self.api.ask("GET", path_of(kind, name, namespace) + labels)
        assert status == 200, f"{kind} {name}: {status} {found}"
        return found

    def exists(self, kind: str, name: str) -> bool:
        """Whether the API answers and knows it."""
        with contextlib.suppress(OSError):
            return self.api.ask("GET", path_of(kind, name))[0] == 200
        return False

    def apply(self, *objects: Object) -> None:
        """Applied as a user would, on the client's side, with strict validation."""
        self.kubectl(
            "apply",
            "--validate=strict",
            "-f",
            "-",
            text_in=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        )

    def ready(self, node: str) -> bool:
        """The Node is there and Ready."""
        with contextlib.suppress(OSError):
            status, found = self.api.ask("GET", path_of("node", node))
            conditions = found["status"].get("conditions", []) if status == 200 else []
            return ("Ready", "True") in [(each["type"], each["status"]) for each in conditions]
        return False

    def allocatable(self, node: str, resource: str = "nvidia.com/gpu") -> int:
        """How many of a resource the Node offers; 0 if it does not know it."""
        return int(self.get("node", node)["status"]["allocatable"].get(resource, 0))

    def last_words(self) -> Iterator[tuple[str, str]]:
        """Of K3s on each machine, as far as they can be had."""
        for name, machine in self.machines.items():
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                yield name, machine.run(_LAST_WORDS, seconds=20).out

    def close(self) -> None:
        """Hangs up."""
        if self._api is not None:
            self._api.close()

    def tidy(self) -> None:
        """Machines but the server go, and what tests made in the cluster: Nodes, workloads, classes, rights."""
        for name in [name for name in self.machines if name != SERVER[0]]:
            self.remove(name)
        if SERVER[0] not in self.machines:
            return
        for kind in ("daemonset", "deployment", "node"):
            self._delete_all(kind)
        self._delete_all("pod", {"gracePeriodSeconds": 0})
        # Of a node that never came to be: nothing owns it, and it would bar the next one of that name.
        for each in self.get("secret", namespace="kube-system")["items"]:
            if (
                each["type"] == _NODE_PASSWORD
                and each["metadata"]["name"].partition(".")[0] != SERVER[0]
            ):
                self.api.ask("DELETE", path_of_object("secret", each))
        for each in self.get("runtimeclass")["items"]:
            if OWNER_ANNOTATION not in each["metadata"].get("annotations", {}):
                self.api.ask("DELETE", path_of_object("runtimeclass", each))
        until("the cluster is empty", lambda: not self.get("node")["items"], 20)

    def _delete_all(self, kind: str, how: Object | None = None) -> None:
        for each in self.get(kind)["items"]:
            self.api.ask("DELETE", path_of_object(kind, each), how)


def k3s_and_installer() -> tuple[bytes, Path]:
    """The stand-in and our installer, or a real K3s named by the person at the desk and the `install.sh` beside it."""
    named = os.environ.get(K3S_VARIABLE)
    if not named:
        return STAND_IN, SOURCES / "node" / "install.sh"
    return Path(named).read_bytes(), Path(named).with_name("install.sh")


def install_k3s(machine: Machine, role: str, *, start: bool = True) -> None:
    """K3s by its installer, as its documentation says."""
    variables = (
        f"INSTALL_K3S_VERSION={K3S_VERSION} INSTALL_K3S_SKIP_START={'false' if start else 'true'}"
    )
    machine.sh(f"curl -sfL https://get.k3s.io | {variables} sh -s - {role}", seconds=120)


@contextlib.contextmanager
def bed() -> Iterator[Bed]:
    """A bed, and nothing of it afterwards. Its files are in a /run of its own, which nobody else sees."""
    apart.make_room_for_watches()
    subprocess.run(["mount", "-t", "tmpfs", "bed", "/run"], check=True)
    _FOLDER.mkdir()
    with cgroups.claimed() as groups:
        made = Bed(_FOLDER, groups)
        try:
            yield made
        finally:
            for name in list(made.machines):
                made.remove(name)
            made.close()
