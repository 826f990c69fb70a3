"""The lab's stories, and one journey by hand: the guide's eight steps with ssh and kubectl alone."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncssh
import pytest

from gpu_wizard.lab import console
from gpu_wizard.lab.serve import SCENARIOS, Lab, LabThread

EXPECTED = (
    *("fresh", "done", "server-is-gpu-node", "no-driver", "driver-mismatch", "nouveau"),
    *("old-toolkit", "config-without-nvidia", "custom-template", "helm-plugin", "gpu-operator"),
    *("spoilt-template", "wrong-token", "api-down", "apt-locked", "two-gpus", "three-nodes"),
)
PLUGIN = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-device-plugin-daemonset, namespace: kube-system}
spec:
  selector: {matchLabels: {name: nvidia-device-plugin-ds}}
  template:
    metadata: {labels: {name: nvidia-device-plugin-ds}}
    spec:
      nodeSelector: {nvidia.com/gpu: present}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      containers:
        - name: nvidia-device-plugin-ctr
          image: nvcr.io/nvidia/k8s-device-plugin:v0.17.4
          env: [{name: FAIL_ON_INIT_ERROR, value: "false"}]
          volumeMounts: [{name: device-plugin, mountPath: /var/lib/kubelet/device-plugins}]
      volumes: [{name: device-plugin, hostPath: {path: /var/lib/kubelet/device-plugins}}]
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: gpu-test}
spec:
  restartPolicy: Never
  runtimeClassName: nvidia
  containers:
    - name: cuda
      image: nvidia/cuda:12.5.1-base-ubuntu22.04
      command: [nvidia-smi, -L]
      resources: {limits: {nvidia.com/gpu: "1"}}
"""
KEYRING = "/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg"
LIST = "/etc/apt/sources.list.d/nvidia-container-toolkit.list"
PLUGIN_RUNTIME = '{"spec":{"template":{"spec":{"runtimeClassName":"nvidia"}}}}'


@pytest.mark.parametrize("name", SCENARIOS)
async def test_every_story_can_be_told(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    assert scenario.en
    assert scenario.ru
    async with Lab(name, tmp_path) as lab:
        setup = tomllib.loads((tmp_path / "setup.toml").read_text())
        assert [node["name"] for node in setup["nodes"]] == lab.site.targets
        assert '"practice"' not in (tmp_path / "setup.toml").read_text()
        for file in ("id_ed25519", "sudo-password", "kubeconfig"):
            assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600
        assert lab.clock.factor == 5.0


def test_the_stories_asked_for_are_there() -> None:
    assert set(EXPECTED) <= set(SCENARIOS)


@pytest.mark.parametrize(
    ("name", "script", "out"),
    [
        ("no-driver", "command -v nvidia-smi || echo none", "none\n"),
        ("driver-mismatch", "nvidia-smi >/dev/null; echo $?", "18\n"),
        ("nouveau", "lsmod | grep -c ^nouveau", "1\n"),
        ("old-toolkit", "dpkg-query -W -f='${Version}' nvidia-container-toolkit", "1.16.2-1"),
        ("two-gpus", "nvidia-smi -L | wc -l", "2\n"),
        ("not-restarted", "k3s crictl info | grep -c nvidia-container-runtime", "0\n"),
        ("hung-node", "systemctl is-active k3s-agent ssh", "inactive\nactive\n"),
        ("server-is-gpu-node", "systemctl is-active k3s; nvidia-smi -L | wc -l", "active\n1\n"),
    ],
)
async def test_what_a_story_tells(name: str, script: str, out: str, tmp_path: Path) -> None:
    async with Lab(name, tmp_path) as lab:
        got = await console.run(lab.site.kernels["gpu1"], script)
        assert got.out == out


@contextlib.asynccontextmanager
async def shell(
    lab: Lab, directory: Path, name: str
) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Log in with the lab's key; what it gives runs a script as root by sudo with the password."""
    async with asyncssh.connect(
        "127.0.0.1",
        lab.ssh[name].port,
        username="anna",
        client_keys=[str(directory / "id_ed25519")],
        known_hosts=str(directory / "known_hosts"),
        config=(),
    ) as connection:

        async def run(script: str) -> str:
            done = await connection.run(
                "sudo -S -p '' sh -s", input=f"practice\nset -e\n{script}\n", check=False
            )
            assert done.exit_status == 0, (script, done.stdout, done.stderr)
            return str(done.stdout)

        yield run


async def eventually(run: Callable[[str], Awaitable[str]], script: str, wanted: str) -> str:
    """Ask again until the answer is there."""
    end = time.monotonic() + 60
    while (got := (await run(script)).strip()) != wanted:
        assert time.monotonic() < end, f"{script}: {got}"
        await asyncio.sleep(0.1)
    return got


async def test_the_guides_eight_steps_by_hand(tmp_path: Path) -> None:
    async with (
        Lab("fresh", tmp_path, speed=40) as lab,
        shell(lab, tmp_path, "control") as control,
        shell(lab, tmp_path, "gpu1") as gpu,
    ):
        token = (await control("cat /var/lib/rancher/k3s/server/node-token")).strip()
        out = await gpu(
            "curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION=v1.34.3+k3s1 "
            f"K3S_URL=https://10.20.0.10:6443 K3S_TOKEN={token} sh -"
        )
        assert "[INFO]  systemd: Starting k3s-agent" in out
        await eventually(control, "k3s kubectl get nodes | grep -c ' Ready'", "2")
        assert "NVIDIA RTX A6000" in await gpu("nvidia-smi")
        await gpu(
            "curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | "
            f"gpg --dearmor -o {KEYRING}\n"
            "curl -s -L https://nvidia.github.io/libnvidia-container/stable/deb/"
            "nvidia-container-toolkit.list | "
            f"sed 's#deb https://#deb [signed-by={KEYRING}] https://#g' | tee {LIST}\n"
            "apt-get update\napt-get install -y nvidia-container-toolkit"
        )
        await gpu("systemctl restart k3s-agent")
        toml = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"
        assert "nvidia-container-runtime" in await gpu(f"grep nvidia {toml}")
        await control(f"k3s kubectl apply -f - <<'EOF'\n{PLUGIN}\nEOF")
        assert "nvidia" in await control("k3s kubectl get runtimeclass nvidia -o name")
        await control(
            "k3s kubectl -n kube-system patch daemonset nvidia-device-plugin-daemonset "
            f"--type merge -p '{PLUGIN_RUNTIME}'"
        )
        await control("k3s kubectl label node gpu1 nvidia.com/gpu=present")
        path = "{.status.allocatable.nvidia\\.com/gpu}"
        await eventually(control, f"k3s kubectl get node gpu1 -o jsonpath='{path}'", "1")
        await control(f"k3s kubectl apply -f - <<'EOF'\n{POD}\nEOF")
        await eventually(
            control, "k3s kubectl get pod gpu-test -o jsonpath='{.status.phase}'", "Succeeded"
        )
        log = await control("k3s kubectl logs gpu-test")
        assert log.startswith("GPU 0: NVIDIA RTX A6000 (UUID: GPU-")


async def test_ubuntu_and_an_installer_with_arguments(tmp_path: Path) -> None:
    async with Lab("fresh", tmp_path, distribution="ubuntu", speed=40) as lab:
        got = await console.run(
            lab.site.kernels["gpu1"],
            ". /etc/os-release; echo $ID; INSTALL_K3S_VERSION=v1.34.3+k3s1 "
            "INSTALL_K3S_SKIP_START=true INSTALL_K3S_EXEC='agent --node-name odd' "
            "sh -c 'curl -sfL https://get.k3s.io | sh -' >/dev/null 2>&1; "
            "systemctl cat k3s-agent | tail -5 | tr -s ' \n' ' '",
        )
        words = "ExecStart=/usr/local/bin/k3s \\ agent \\ '--node-name' \\ 'odd' \\ "
        assert got.out == f"ubuntu\n{words}"


async def test_a_reboot_cuts_the_connection_and_comes_back(tmp_path: Path) -> None:
    async with Lab("fresh", tmp_path, speed=40) as lab:
        machine = lab.world.machines["gpu1"]
        up = asyncio.Event()
        machine.on_up(up.set)
        # Down for long enough that a login comes too soon, also beside other tests.
        machine.on_reboot(lambda: setattr(lab.clock, "factor", 8))
        with contextlib.suppress(asyncssh.Error, AssertionError, OSError):
            async with shell(lab, tmp_path, "gpu1") as gpu:
                await gpu("reboot; sleep 100")
        with pytest.raises((asyncssh.Error, OSError)):
            async with shell(lab, tmp_path, "gpu1") as gpu:
                await gpu("true")
        await asyncio.wait_for(up.wait(), 60)
        await asyncio.sleep(0.1)
        async with shell(lab, tmp_path, "gpu1") as gpu:
            boot_id = await gpu("cat /proc/sys/kernel/random/boot_id")
        assert boot_id.strip() == machine.boot_id


def test_a_lab_in_a_thread_of_its_own(tmp_path: Path) -> None:
    with LabThread(scenario="fresh", directory=tmp_path, speed=40, k3s_version="1.36.2") as lab:
        assert "ssh -F" in lab.commands_to_try()
        assert (tmp_path / "setup.toml").exists()


def test_a_lab_that_cannot_start_says_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with (
        pytest.raises(OSError, match="file"),
        LabThread(scenario="fresh", directory=blocked / "below"),
    ):
        pass
