"""The bed's own network: one bridge, a namespace and a cable for each machine."""

from __future__ import annotations

import subprocess

GATEWAY = "10.123.0.1"
BRIDGE = "bed0"
NAMESPACES = "/run/netns"


def ip(*arguments: str) -> None:
    """Runs `ip`.

    Raises:
        RuntimeError: it said no; with its words.
    """
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def make_bridge() -> None:
    """Once in the bed's network namespace, which has nothing but a loopback that is down."""
    subprocess.run(["mkdir", "-p", NAMESPACES], check=True)
    ip("link", "set", "lo", "up")
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")


def _cable(address: str) -> str:
    """The host's end of a machine's cable; an interface's name has room for 15 characters."""
    return f"v{address.rpartition('.')[2]}"


def plug_in(name: str, address: str) -> None:
    """A namespace `name` with an interface `host0` of that address."""
    ip("netns", "add", name)
    ip("link", "add", _cable(address), "type", "veth", "peer", "name", "host0", "netns", name)
    ip("link", "set", _cable(address), "master", BRIDGE, "up")
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "addr", "add", f"{address}/24", "dev", "host0")
    ip("-n", name, "link", "set", "host0", "up")
    ip("-n", name, "route", "add", "default", "via", GATEWAY)


def pull_cable(address: str) -> None:
    """The machine hears nothing any more."""
    ip("link", "set", _cable(address), "down")


def put_cable_back(address: str) -> None:
    """The machine hears again."""
    ip("link", "set", _cable(address), "up")


def unplug(name: str) -> None:
    """Removes a machine's namespace, and its interfaces with it."""
    ip("netns", "del", name)
