"""config.toml as K3s renders it, and what its containerd makes of it, against the recordings."""

from __future__ import annotations

import asyncio
import json

import pytest

from gpu_wizard.lab.containerd import LOG
from gpu_wizard.lab.containerd_config import DIRECTORY
from gpu_wizard.lab.stubs import Stub
from tests.lab.world_bench import RECORDED, Bench, Pair, serving

V134, V136 = "v1.34.3+k3s1", "v1.36.2+k3s1"
CONFIG = f"{DIRECTORY}/config.toml"
RUNTIME = "/usr/bin/nvidia-container-runtime"
ODD = "/opt/nvidia/bin/nvidia-container-runtime"
EXTENDED = '{{ template "base" . }}\n'
NAMED = f"""[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'nvidia']
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'nvidia'.options]
  BinaryName = "{ODD}"
  SystemdCgroup = true
"""
GUARDED = (
    EXTENDED
    + '{{ if not (index .ExtraRuntimes "nvidia").RuntimeType }}\n'
    + NAMED.replace("SystemdCgroup = true", "SystemdCgroup = {{ .SystemdCgroup }}")
    + "{{ end }}\n"
)
IMPORTS = f'imports = ["{DIRECTORY}/config-v3.toml.d/*.toml"]\n'


async def joined(version: str) -> Pair:
    """A joined agent."""
    made = await serving(version)
    gpu = made.gpu
    gpu.install_k3s(version)
    assert made.world.control
    token = made.world.control.server_token()
    gpu.machine.files.write("/etc/rancher/k3s/t", token.encode(), mode=0o600)
    text = b"server: https://10.20.0.10:6443\ntoken-file: /etc/rancher/k3s/t\n"
    gpu.machine.files.write("/etc/rancher/k3s/config.yaml", text)
    got = await gpu.sh(
        "curl -sfL https://get.k3s.io | INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_EXEC=agent sh -"
    )
    assert got.status == 0, got
    return made


def put(gpu: Bench, path: str, name: str = "nvidia-container-runtime") -> None:
    """Put a runtime there."""
    gpu.machine.files.write(path, Stub(name, "1.20.0").encode(), mode=0o755)


def template(gpu: Bench, text: str, name: str = "config-v3.toml.tmpl") -> None:
    """Put a template there."""
    gpu.machine.files.write(f"{DIRECTORY}/{name}", text.encode())


async def restarted(gpu: Bench) -> int:
    """Restart and wait until containerd runs or K3s gave up; the exit status of the restart."""
    mark = len(gpu.journal())
    got = await gpu.sh("systemctl restart k3s-agent")
    ends = ("Annotations and labels", "Shutdown request", "panic:")
    async with asyncio.timeout(60):
        while not any(end in line for line in gpu.journal()[mark:] for end in ends):
            await asyncio.sleep(0.002)
    return got.status


def rendered(gpu: Bench) -> str:
    """config.toml."""
    return gpu.machine.files.read(CONFIG).decode()


async def handlers(gpu: Bench) -> list[str]:
    """Runtimes by `crictl info`."""
    got = await gpu.sh("k3s crictl info")
    return sorted(json.loads(got.out)["config"]["containerd"]["runtimes"])


@pytest.mark.parametrize("version", [V134, V136])
async def test_rendered_files_equal_the_recorded_ones(version: str) -> None:
    made = await joined(version)
    short = version.removeprefix("v").removesuffix("+k3s1")
    recorded = RECORDED / "k3s-containerd"
    assert rendered(made.gpu) == (recorded / f"{short}-plain.toml").read_text()
    assert oct(made.gpu.machine.files.mode(CONFIG)) == "0o644"
    put(made.gpu, RUNTIME)
    assert rendered(made.gpu) == (recorded / f"{short}-plain.toml").read_text()
    assert await restarted(made.gpu) == 0
    assert rendered(made.gpu) == (recorded / f"{short}-nvidia.toml").read_text()
    assert any(f"Found nvidia container runtime at {RUNTIME}" in x for x in made.gpu.journal())
    assert await handlers(made.gpu) == ["nvidia", "runc", "runhcs-wcow-process"]
    assert made.gpu.machine.node.handlers == ("runc", "nvidia", "runhcs-wcow-process")
    template(made.gpu, EXTENDED, "config.toml.tmpl")
    assert await restarted(made.gpu) == 0
    assert rendered(made.gpu) == (recorded / f"{short}-version-2.toml").read_text()
    assert await handlers(made.gpu) == ["nvidia", "runc", "runhcs-wcow-process"]
    template(made.gpu, EXTENDED)
    assert await restarted(made.gpu) == 0
    assert rendered(made.gpu) == (recorded / f"{short}-nvidia.toml").read_text()
    await made.world.close()


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("/opt/kwasm/bin", True),
        ("/usr/local/bin", True),
        ("/usr/local/sbin", True),
        ("/usr/local/nvidia/toolkit", True),
        ("/opt/nvidia/bin", False),
    ],
)
async def test_places_that_are_searched(place: str, found: bool) -> None:
    made = await joined(V134)
    put(made.gpu, f"{place}/nvidia-container-runtime")
    await restarted(made.gpu)
    assert (f'BinaryName = "{place}/nvidia-container-runtime"' in rendered(made.gpu)) == found
    await made.world.close()


async def test_the_toolkit_directory_wins_and_path_of_etc_default_is_searched() -> None:
    made = await joined(V134)
    put(made.gpu, RUNTIME)
    put(made.gpu, "/usr/local/nvidia/toolkit/nvidia-container-runtime")
    await restarted(made.gpu)
    assert 'BinaryName = "/usr/local/nvidia/toolkit/' in rendered(made.gpu)
    await made.gpu.sh(f"rm -r {RUNTIME} /usr/local/nvidia; ln -s /nowhere {RUNTIME}")
    put(made.gpu, ODD)
    path = b"PATH=/opt/nvidia/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    made.gpu.machine.files.write("/etc/default/k3s-agent", path)
    await restarted(made.gpu)
    assert f'BinaryName = "{ODD}"' in rendered(made.gpu)
    await made.world.close()


async def test_cdi_and_experimental() -> None:
    made = await joined(V134)
    put(made.gpu, "/usr/bin/nvidia-container-runtime.cdi")
    put(made.gpu, "/usr/bin/nvidia-container-runtime-experimental")
    await restarted(made.gpu)
    assert await handlers(made.gpu) == [
        "nvidia-cdi",
        "nvidia-experimental",
        "runc",
        "runhcs-wcow-process",
    ]
    await made.world.close()


@pytest.mark.parametrize("version", [V134, V136])
async def test_a_drop_in_counts_where_the_rendered_file_imports_it(version: str) -> None:
    made = await joined(version)
    put(made.gpu, ODD)
    dropin = f"{DIRECTORY}/config-v3.toml.d/50-nvidia.toml"
    made.gpu.machine.files.write(dropin, f"version = 3\n{NAMED}".encode())
    assert await restarted(made.gpu) == 0
    assert ("nvidia" in await handlers(made.gpu)) == (version == V136)
    assert "runtimes.'nvidia'" not in rendered(made.gpu)
    made.gpu.machine.files.write(dropin, b"[plugins")
    assert await restarted(made.gpu) == 0
    broken = any("containerd exited: exit status 1" in line for line in made.gpu.journal())
    assert broken == (version == V136)
    await made.world.close()


async def test_an_imports_line_before_base_takes_drop_ins_on_1_34() -> None:
    made = await joined(V134)
    dropin = f"{DIRECTORY}/config-v3.toml.d/50-nvidia.toml"
    put(made.gpu, RUNTIME)
    template(made.gpu, IMPORTS + EXTENDED)
    for head in ("version = 3\n", "version = 2\n", ""):
        made.gpu.machine.files.write(dropin, (head + NAMED).encode())
        assert await restarted(made.gpu) == 0
        got = await made.gpu.sh("k3s crictl info")
        nvidia = json.loads(got.out)["config"]["containerd"]["runtimes"]["nvidia"]
        assert nvidia["options"] == {"BinaryName": ODD, "SystemdCgroup": True}
    names = NAMED.replace("'io.containerd.cri.v1.runtime'", '"io.containerd.grpc.v1.cri"')
    made.gpu.machine.files.write(dropin, f"version = 2\n{names}".encode())
    await made.gpu.sh(f"rm {RUNTIME}")
    assert await restarted(made.gpu) == 0
    assert "nvidia" not in await handlers(made.gpu)
    await made.world.close()


async def test_an_imports_line_stands_twice_from_1_34_6_on() -> None:
    made = await joined(V136)
    template(made.gpu, IMPORTS + EXTENDED)
    assert await restarted(made.gpu) == 0
    log = made.gpu.machine.files.read(LOG).decode()
    assert "containerd: failed to unmarshal TOML: toml: key imports is already defined" in log
    await made.world.close()


async def test_a_template_that_names_nvidia_breaks_when_k3s_finds_the_toolkit() -> None:
    made = await joined(V134)
    template(made.gpu, EXTENDED + NAMED)
    assert await restarted(made.gpu) == 0
    assert "nvidia" in await handlers(made.gpu)
    put(made.gpu, RUNTIME)
    assert await restarted(made.gpu) == 0
    got = await made.gpu.sh("systemctl show k3s-agent -p ActiveState,SubState,Result")
    assert set(got.out.split()) == {
        "Result=success",
        "ActiveState=activating",
        "SubState=auto-restart",
    }
    last = made.gpu.machine.files.read(LOG).decode().splitlines()[-1]
    assert last == "containerd: failed to unmarshal TOML: toml: table nvidia already exists"
    await made.world.close()


@pytest.mark.parametrize("version", [V134, V136])
async def test_the_guarded_template_is_right_with_and_without_a_toolkit(version: str) -> None:
    made = await joined(version)
    plain = rendered(made.gpu)
    template(made.gpu, GUARDED)
    assert await restarted(made.gpu) == 0
    added = NAMED.replace("\n[plug", "\n\n[plug")
    assert rendered(made.gpu) == f"{plain}\n{added}"
    assert "nvidia" in await handlers(made.gpu)
    put(made.gpu, RUNTIME)
    assert await restarted(made.gpu) == 0
    assert rendered(made.gpu).count("runtimes.'nvidia']") == 1
    assert f'BinaryName = "{RUNTIME}"' in rendered(made.gpu)
    await made.world.close()


@pytest.mark.parametrize("version", [V134, V136])
async def test_three_broken_templates(version: str) -> None:
    made = await joined(version)
    put(made.gpu, RUNTIME)
    template(made.gpu, '{{ template "base" . } }')
    assert await restarted(made.gpu) == 1
    assert 'panic: template: compiled_template:1: unexpected "}" in operand' in made.gpu.journal()
    template(made.gpu, "{{ .NoSuchField }}")
    assert await restarted(made.gpu) == 1
    words = (
        'template: compiled_template:1:3: executing "compiled_template" at <.NoSuchField>: '
        "can't evaluate field NoSuchField in type templates.ContainerdConfig"
    )
    assert any(words in line.replace("\\", "") for line in made.gpu.journal())
    template(made.gpu, f"{EXTENDED}[plugins\n")
    assert await restarted(made.gpu) == 0
    log = made.gpu.machine.files.read(LOG).decode().splitlines()
    row = 49 if version == V134 else 50
    text = f"at row {row} column 9: toml: expected character ]"
    assert log[-1] == f"containerd: failed to unmarshal TOML {text}"
    await made.world.close()


async def test_a_whole_copied_template_hides_the_toolkit_and_hand_edits_do_not_stay() -> None:
    made = await joined(V134)
    plain = rendered(made.gpu)
    await made.gpu.sh(f"echo '# mine' >> {CONFIG}; chmod 600 {CONFIG}")
    assert await restarted(made.gpu) == 0
    assert rendered(made.gpu) == plain
    assert oct(made.gpu.machine.files.mode(CONFIG)) == "0o600"
    template(made.gpu, plain)
    put(made.gpu, RUNTIME)
    assert await restarted(made.gpu) == 0
    assert rendered(made.gpu) == plain
    await made.world.close()


async def test_default_runtime_nvidia() -> None:
    made = await joined(V134)
    put(made.gpu, RUNTIME)
    made.gpu.machine.files.write(
        "/etc/rancher/k3s/config.yaml.d/60-default.yaml", b"default-runtime: nvidia\n"
    )
    assert await restarted(made.gpu) == 0
    table = (
        "[plugins.'io.containerd.cri.v1.runtime'.containerd]\n  default_runtime_name = \"nvidia\""
    )
    assert table in rendered(made.gpu)
    assert made.gpu.machine.node.default_handler == "nvidia"
    await made.gpu.sh(f"rm {RUNTIME}")
    assert await restarted(made.gpu) == 1
    await made.world.close()
