"""ss, ip and getent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab import internet
from gpu_wizard.lab.ports import Call, Program

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine


def _listening(machine: Machine) -> list[tuple[str, int, str]]:
    rows = [("0.0.0.0", 22, "sshd"), ("[::]", 22, "sshd")]  # noqa: S104 text that ss prints
    node, control = machine.node, machine.world.control
    program = "k3s-server" if node.is_server else "k3s-agent"
    if node.kubelet_started is not None:
        rows += [("127.0.0.1", 10248, program), ("*", 10250, program)]
        rows += [("127.0.0.1", 10010, "containerd")] if node.runtimes else []
        rows += [("127.0.0.1", 6444, program)]
    if node.is_server and control and control.health != "down":
        rows.append(("*", 6443, program))
    return rows


def _ss(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        flags = "".join(word[1:] for word in call.argv[1:] if word.startswith("-"))
        if "H" not in flags:
            await call.out(b"State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n")
        for address, port, program in _listening(machine) if "u" not in flags else ():
            peer = "[::]:*" if address == "[::]" else "*:*" if address == "*" else "0.0.0.0:*"
            owner = (
                f'users:(("{program}",pid=405,fd=6))' if "p" in flags and not call.user.uid else ""
            )
            line = f"LISTEN 0      4096   {f'{address}:{port}':>21} {peer:>13} {owner}".rstrip()
            await call.out(f"{line}\n".encode())
        return 0

    return run


def _ip(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        words = [word for word in call.argv[1:] if not word.startswith("-")]
        about = words[0] if words else ""
        if about in ("r", "ro", "route"):
            await call.out(
                f"default via 10.20.0.1 dev eth0 proto static\n"
                f"10.20.0.0/24 dev eth0 proto kernel scope link src {machine.address}\n".encode()
            )
        elif about.startswith("a"):
            await call.out(
                "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN\n"
                "    inet 127.0.0.1/8 scope host lo\n"
                "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP\n"
                f"    inet {machine.address}/24 brd 10.20.0.255 scope global eth0\n".encode()
            )
        elif about.startswith("l"):
            await call.out(
                b"1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN\n"
                b"2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP\n"
            )
        return 0

    return run


def _getent(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        words = [word for word in call.argv[1:] if not word.startswith("-")]
        if len(words) < 2:
            return 1
        database, key = words[0], words[1]
        if database in ("hosts", "ahosts", "ahostsv4"):
            address = machine.world.resolve(key, machine)
            if not address and machine.world.internet and key in internet.HOSTS:
                address = "198.51.100.7"
            if not address:
                return 2
            lines = (
                f"{address:15} {key}\n"
                if database == "hosts"
                else "".join(
                    f"{address:15} {kind:6} {key}\n" for kind in ("STREAM", "DGRAM", "RAW")
                )
            )
            await call.out(lines.encode())
            return 0
        if database in ("passwd", "group"):
            for line in machine.files.read(f"/etc/{database}").decode().splitlines():
                fields = line.split(":")
                if key in (fields[0], fields[2]):
                    await call.out(f"{line}\n".encode())
                    return 0
        return 2

    return run


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"ss": _ss, "ip": _ip, "getent": _getent}
