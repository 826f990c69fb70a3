"""systemctl, journalctl, nvidia-smi and what else tells about a lab machine."""

from __future__ import annotations

import asyncio
import json

import pytest

from gpu_wizard.lab.archive import toolkit_packages
from gpu_wizard.lab.stubs import Stub
from tests.lab.world_bench import Bench, pair

LIBRARY = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"


def gpu_machine() -> Bench:
    """A machine with a card and its driver."""
    return pair().gpu


@pytest.mark.parametrize(
    ("script", "out", "status"),
    [
        ("systemctl is-active ssh", "active\n", 0),
        ("systemctl is-active nosuch", "inactive\n", 4),
        ("systemctl is-enabled ssh cron", "enabled\nenabled\n", 0),
        ("systemctl is-enabled nosuch", "not-found\n", 4),
        ("systemctl is-system-running", "running\n", 0),
        ("systemctl show ssh -p ActiveState,LoadState --value", "loaded\nactive\n", 0),
        ("systemctl show nosuch -p LoadState", "LoadState=not-found\n", 0),
        ("systemctl cat ssh | head -1", "# /usr/lib/systemd/system/ssh.service\n", 0),
        ("systemctl stop cron; systemctl is-active cron", "inactive\n", 3),
        ("systemctl disable --now cron; systemctl is-enabled cron", "disabled\n", 1),
        ("systemd-detect-virt", "kvm\n", 0),
        ("systemd-detect-virt --container", "none\n", 1),
        ("dpkg --print-architecture", "amd64\n", 0),
        ("timedatectl show -p NTPSynchronized --value", "yes\n", 0),
        ("getent hosts control", "10.20.0.10      control\n", 0),
        ("getent hosts nowhere.example", "", 2),
        ("getent passwd anna | cut -d: -f3", "1000\n", 0),
        ("mokutil --sb-state", "SecureBoot disabled\n", 0),
        ("lspci -nnk -d 10de: | grep use", "\tKernel driver in use: nvidia\n", 0),
        ("lsmod | grep -c ^nvidia", "4\n", 0),
        ("modinfo -F version nvidia", "580.95.05\n", 0),
        ("cat /sys/module/nvidia/version", "580.95.05\n", 0),
        ("cat /sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n", 0),
        ("basename $(readlink /sys/bus/pci/devices/0000:01:00.0/driver)", "nvidia\n", 0),
        ("ls /dev/nvidia*", "/dev/nvidia-uvm\n/dev/nvidia-uvm-tools\n/dev/nvidia0\n/dev/nvidiactl\n", 0),
        ("ls -l /dev/nvidiactl | cut -c 1", "c\n", 0),
        ("nvidia-smi -L | sed 's/ (.*//'", "GPU 0: NVIDIA RTX A6000\n", 0),
        (
            "nvidia-smi --query-gpu=index,name,driver_version,memory.total,mig.mode.current,"
            "compute_cap --format=csv,noheader,nounits",
            "0, NVIDIA RTX A6000, 580.95.05, 49140, [N/A], 8.6\n",
            0,
        ),
        (
            "nvidia-smi --query-gpu=temperature.gpu,utilization.gpu,clocks.sm --format=csv",
            "temperature.gpu, utilization.gpu [%], clocks.current.sm [MHz]\n34, 0 %, 210 MHz\n",
            0,
        ),
        (
            "nvidia-smi --query-gpu=cuda_version --format=csv",
            'Field "cuda_version" is not a valid field to query.\n\n',
            2,
        ),
        (
            "nvidia-smi --version",
            "NVIDIA-SMI version  : 580.95.05\nNVML version        : 580.95\n"
            "DRIVER version      : 580.95.05\nCUDA Version        : 13.0\n",
            0,
        ),
        ("nvidia-smi -q -x | grep cuda_version", "\t<cuda_version>13.0</cuda_version>\n", 0),
        ("nvidia-smi mig -lgi", "No MIG-enabled devices found.\n", 0),
        ("nvidia-smi --no-such", "Invalid combination of input arguments. Please run "
         "'nvidia-smi -h' for help.\n", 255),
        ("nvidia-smi -i 7 -L", "No devices were found\n", 6),
    ],
)  # fmt: skip
async def test_a_healthy_machine(script: str, out: str, status: int) -> None:
    got = await gpu_machine().sh(script)
    assert (got.out, got.status) == (out, status)


async def test_the_table_of_nvidia_smi_keeps_its_frame() -> None:
    got = await gpu_machine().sh("nvidia-smi")
    lines = [line for line in got.out.splitlines()[1:] if line]
    assert {len(line) for line in lines} == {91}
    assert "Driver Version: 580.95.05      CUDA Version: 13.0" in got.out


@pytest.mark.parametrize(
    ("damage", "status", "text"),
    [
        (f"rm {LIBRARY}", 12, "NVIDIA-SMI couldn't find libnvidia-ml.so library"),
        (
            "modprobe -r nvidia_uvm; rm /dev/nvidiactl",
            9,
            "NVIDIA-SMI has failed because it couldn't",
        ),
        (
            "fault insufficient-permissions",
            4,
            "Failed to initialize NVML: Insufficient Permissions",
        ),
        ("fault no-devices", 6, "No devices were found"),
        ("fault function", 13, "Failed to initialize NVML: Function Not Found"),
        ("fault inforom", 14, "Failed to initialize NVML: infoROM is corrupted"),
        ("fault lost", 15, "Unable to determine the device handle for GPU0"),
    ],
)
async def test_failures_of_nvidia_smi(damage: str, status: int, text: str) -> None:
    gpu = gpu_machine()
    word, _, fault = damage.partition(" ")
    if word == "fault":
        gpu.machine.driver.fault = fault
    else:
        await gpu.sh(damage)
    got = await gpu.sh("nvidia-smi")
    assert got.status == status
    assert got.out.startswith(text)


async def test_a_newer_library_than_the_loaded_module() -> None:
    gpu = gpu_machine()
    for package in toolkit_packages("1.20.0"):
        gpu.machine.dpkg.install(package)
    gpu.machine.files.write(LIBRARY, Stub("libnvidia-ml", "580.105.08").encode())
    got = await gpu.sh("nvidia-smi -L; echo $?; nvidia-container-cli info")
    assert got.out == (
        "Failed to initialize NVML: Driver/library version mismatch\n"
        "NVML library version: 580.105\n18\n"
    )
    assert "nvml error: driver/library version mismatch" in got.err
    got = await gpu.sh("journalctl -k -o cat --no-pager | grep -c 'API mismatch'")
    assert int(got.out) >= 1


async def test_modules_refuse_to_load() -> None:
    gpu = gpu_machine()
    driver = gpu.machine.driver
    got = await gpu.sh("modprobe nosuch")
    kernel = gpu.machine.system.kernel
    text = f"modprobe: FATAL: Module nosuch not found in directory /lib/modules/{kernel}\n"
    assert (got.status, got.err) == (1, text)
    driver.modules.clear()
    driver.secure_boot = True
    got = await gpu.sh("modprobe nvidia; mokutil --sb-state")
    assert got.err == "modprobe: ERROR: could not insert 'nvidia': Key was rejected by service\n"
    assert got.out == "SecureBoot enabled\n"
    driver.secure_boot = False
    await gpu.sh("modprobe nouveau")
    got = await gpu.sh("modprobe nvidia; dmesg | grep -c 'probe routine was not called'")
    assert got.err == "modprobe: ERROR: could not insert 'nvidia': No such device\n"
    assert got.out == "1\n"


async def test_nodes_are_made_by_nvidia_modprobe() -> None:
    gpu = gpu_machine()
    await gpu.sh("modprobe -r nvidia_uvm; rm /dev/nvidia-uvm /dev/nvidia-uvm-tools")
    got = await gpu.sh("nvidia-smi -L >/dev/null && nvidia-modprobe -u -c=0 && ls /dev/nvidia-uvm")
    assert (got.status, got.out) == (0, "/dev/nvidia-uvm\n")


async def test_the_journal_by_unit_invocation_time_and_cursor() -> None:
    gpu = gpu_machine()
    got = await gpu.sh("systemctl restart cron; journalctl -u cron -o json --no-pager")
    entries = [json.loads(line) for line in got.out.splitlines()]
    assert entries[-1]["MESSAGE"].startswith("Started cron.service - Regular background")
    assert entries[-1]["UNIT"] == "cron.service"
    assert entries[-1]["_BOOT_ID"] == gpu.machine.boot_id.replace("-", "")
    invocation = entries[-1]["INVOCATION_ID"]
    got = await gpu.sh(f"journalctl INVOCATION_ID={invocation} -o cat")
    assert got.out.splitlines()[-1] == entries[-1]["MESSAGE"]
    got = await gpu.sh(
        "journalctl -u cron -n 1 -o cat; journalctl -u nosuch; journalctl -u cron -p err -q"
    )
    assert got.out == f"{entries[-1]['MESSAGE']}\n-- No entries --\n"
    got = await gpu.sh("journalctl -u cron --since '1 hour ago' --until -30min -q; echo $?")
    assert got.out == "0\n"
    got = await gpu.sh(f"journalctl -o cat --after-cursor '{entries[-1]['__CURSOR']}' -u cron -q")
    assert got.out == ""
    got = await gpu.sh("journalctl -u cron", user="anna")
    assert got.status == 1


async def test_the_journal_is_followed() -> None:
    gpu = gpu_machine()
    follow = "journalctl -u cron -f -n 0 -o cat > /root/heard"
    following = asyncio.create_task(gpu.sh(f"timeout 60 {follow}"))
    line = b"Stopping cron.service - Regular background program processing daemon...\n"
    async with asyncio.timeout(60):
        while not gpu.machine.files.exists("/root/heard") or line not in gpu.machine.files.read(
            "/root/heard"
        ):
            await gpu.sh("systemctl restart cron")
            await asyncio.sleep(0.01)
    await gpu.sh("pkill timeout")
    await asyncio.wait_for(following, 10)


async def test_users_may_not_manage_units() -> None:
    gpu = gpu_machine()
    got = await gpu.sh("systemctl restart ssh", user="anna")
    assert got.status == 1
    assert "Interactive authentication required." in got.err
    got = await gpu.sh("systemctl start nosuch")
    text = "Failed to start nosuch.service: Unit nosuch.service not found.\n"
    assert (got.status, got.err) == (5, text)


async def test_a_reboot_brings_another_boot_id_and_the_new_driver() -> None:
    gpu = gpu_machine()
    gpu.machine.driver.install("580.105.08")
    before = (await gpu.sh("cat /proc/sys/kernel/random/boot_id")).out
    gone: list[bool] = []
    up = asyncio.Event()
    gpu.machine.on_reboot(lambda: gone.append(True))
    gpu.machine.on_up(up.set)
    await gpu.sh("systemctl reboot")
    assert gone == []
    await asyncio.wait_for(up.wait(), 60)
    assert gone == [True]
    got = await gpu.sh(
        "cat /proc/sys/kernel/random/boot_id; nvidia-smi -L; systemctl is-active ssh"
    )
    assert before not in got.out
    assert got.status == 0
    assert gpu.machine.driver.modules["nvidia"] == "580.105.08"


async def test_a_machine_that_goes_down_starts_nothing_any_more() -> None:
    gpu = gpu_machine()
    gpu.machine.stopping = True
    assert (await gpu.sh("systemctl is-system-running")).out == "stopping\n"
    got = await gpu.sh("systemctl --no-block restart ssh")
    assert got.status == 4
    assert got.err.startswith(
        "Failed to restart ssh.service: Transaction for ssh.service/restart is destructive ("
    )
    assert (await gpu.sh("systemctl is-active ssh")).out == "active\n"


async def test_installing_a_driver_and_rebooting_helps_a_machine_without_one() -> None:
    made = pair()
    bare = made.gpu
    for path in (LIBRARY, "/usr/bin/nvidia-smi", bare.machine.driver.module_path):
        bare.machine.files.remove(path)
    bare.machine.driver.boot()
    got = await bare.sh("nvidia-smi")
    assert got.status == 127
    got = await bare.sh("apt-get update && apt-get install -y nvidia-driver && nvidia-smi; echo $?")
    assert got.out.splitlines()[-1] == "9"
    got = await bare.sh(
        "modprobe nvidia && nvidia-smi --query-gpu=driver_version --format=csv,noheader"
    )
    assert got.out == "550.163.01\n"
