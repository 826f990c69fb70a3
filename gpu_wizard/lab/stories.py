"""How the lab's stories come about: what administrators did, left undone or broke."""

from __future__ import annotations

from gpu_wizard.lab import manifests
from gpu_wizard.lab.containerd_config import DIRECTORY
from gpu_wizard.lab.driver import LIBRARY
from gpu_wizard.lab.machine import Lock, Machine
from gpu_wizard.lab.site import Site
from gpu_wizard.lab.stubs import Stub

GPU_ADDRESS, SECOND_ADDRESS = "10.20.0.21", "10.20.0.22"
_APT_LOCK_SECONDS = 45.0


async def pair(site: Site, cards: int = 1, driver: str | None = None) -> Machine:
    """A server, and a GPU machine that knows nothing of it yet."""
    await site.server()
    more = {} if driver is None else {"driver": driver}
    gpu = site.machine("gpu1", GPU_ADDRESS, cards, **more)
    site.targets.append("gpu1")
    return gpu


async def fresh(site: Site) -> None:
    """A K3s server, and a machine with a card and its driver, not joined yet."""
    await pair(site)


async def joined(site: Site, *, toolkit: bool = False) -> Machine:
    """A machine that joined; its toolkit too, if wanted, before the join."""
    gpu = await pair(site)
    if toolkit:
        site.toolkit(gpu)
    await site.agent(gpu)
    return gpu


async def finished(site: Site) -> Machine:
    """A machine on which everything is set up."""
    gpu = await joined(site, toolkit=True)
    site.put(manifests.hand_made_plugin())
    site.label("gpu1", manifests.PLAIN_LABELS)
    await site.until(lambda: site.allocatable("gpu1") == 1)
    return gpu


async def done(site: Site) -> None:
    """Everything is set up already: nothing is to be changed."""
    await finished(site)


async def server_is_gpu_node(site: Site) -> None:
    """The K3s server itself has the card."""
    await site.server("gpu1", cards=1)
    site.targets.append("gpu1")


async def no_driver(site: Site) -> None:
    """The card has no driver."""
    await pair(site, driver="")


async def driver_mismatch(site: Site) -> None:
    """The driver's libraries were upgraded, the old kernel module is still loaded."""
    gpu = await joined(site)
    newer = "580.105.08"
    for path, name in ((LIBRARY, "libnvidia-ml"), ("/usr/bin/nvidia-smi", "nvidia-smi")):
        gpu.files.write(path, Stub(name, newer).encode(), mode=0o755)
    gpu.files.write(gpu.driver.module_path, Stub("module", newer).encode())


async def nouveau(site: Site) -> None:
    """The open nouveau driver holds the card."""
    gpu = await pair(site, driver="")
    gpu.driver.load("nouveau")
    gpu.journal.kernel("nouveau 0000:01:00.0: NVIDIA GA102 (b72000a1)")


async def no_toolkit(site: Site) -> None:
    """The machine is in the cluster, the container toolkit was never installed."""
    await joined(site)


async def old_toolkit(site: Site) -> None:
    """The container toolkit is too old."""
    gpu = await pair(site)
    site.toolkit(gpu, "1.16.2")
    await site.agent(gpu)


async def config_without_nvidia(site: Site) -> None:
    """The toolkit lies where K3s doesn't look: its configuration lacks nvidia."""
    gpu = await pair(site)
    site.toolkit(gpu)
    runtime = gpu.files.read("/usr/bin/nvidia-container-runtime")
    gpu.files.write("/opt/nvidia/bin/nvidia-container-runtime", runtime, mode=0o755)
    gpu.files.remove("/usr/bin/nvidia-container-runtime")
    await site.agent(gpu)


async def not_restarted(site: Site) -> None:
    """The toolkit was installed, but K3s not restarted since."""
    gpu = await joined(site)
    site.toolkit(gpu)


async def spoilt_template(site: Site) -> None:
    """The toolkit waits for a restart, and somebody has spoilt the template since the last one."""
    gpu = await joined(site)
    site.toolkit(gpu)
    text = '{{ template "base" . }}\n[plugins\n'
    gpu.files.write(f"{DIRECTORY}/config-v3.toml.tmpl", text.encode())


async def late_containerd(site: Site) -> None:
    """The toolkit waits for a restart, after which containerd comes ten seconds late."""
    gpu = await joined(site)
    site.toolkit(gpu)
    gpu.leaked_shim = True


async def no_internet(site: Site) -> None:
    """The machines reach each other, but nothing outside."""
    await pair(site)
    site.world.internet = False


async def custom_template(site: Site) -> None:
    """A whole copied template hides the runtimes that K3s finds."""
    gpu = await joined(site)
    site.toolkit(gpu)
    rendered = gpu.files.read(f"{DIRECTORY}/config.toml").decode()
    text = rendered + '\n[metrics]\n  address = "127.0.0.1:1338"\n'
    gpu.files.write(f"{DIRECTORY}/config-v3.toml.tmpl", text.encode())
    await site.restart(gpu)


async def helm_plugin(site: Site) -> None:
    """The device plugin came by Helm, without the runtime class."""
    await joined(site, toolkit=True)
    site.put(manifests.namespace("nvidia-device-plugin"), manifests.helm_plugin())
    site.label("gpu1", {"nvidia.com/gpu.present": "true"})
    await site.until(lambda: bool(site.pods("nvdp")))


async def gpu_operator(site: Site) -> None:
    """NVIDIA's GPU Operator looks after the node."""
    gpu = await pair(site)
    for name in ("nvidia-container-runtime", "nvidia-container-runtime-hook", "nvidia-ctk"):
        path = f"/usr/local/nvidia/toolkit/{name}"
        gpu.files.write(path, Stub(name, "1.20.0").encode(), mode=0o755)
    gpu.files.write("/run/nvidia/validations/toolkit-ready", b"")
    await site.agent(gpu)
    site.put(*manifests.operator_objects())
    policy = site.control.cluster.get("ClusterPolicy", "", "cluster-policy") or {}
    site.put(*manifests.operands(policy["metadata"]["uid"]))
    site.label("gpu1", manifests.OPERATOR_LABELS)
    await site.until(lambda: site.allocatable("gpu1") == 1)


async def wrong_token(site: Site) -> None:
    """The setup file's join token is wrong."""
    await pair(site)
    site.join_token = f"K10{site.control.ca_hash}::server:not-the-password-of-this-cluster"


async def other_cluster_token(site: Site) -> None:
    """The setup file's join token is of another cluster."""
    await pair(site)
    site.join_token = f"K10{'ab' * 32}::server:{site.control.password}"


async def api_down(site: Site) -> None:
    """The K3s server is stopped."""
    await pair(site)
    await site.run(site.world.machines["control"], "systemctl stop k3s")


async def apt_locked(site: Site) -> None:
    """An automatic upgrade holds the package manager for a while."""
    gpu = await pair(site)
    clock = site.world.clock

    def held() -> Lock:
        return Lock(1873, "unattended-upgr", clock.now() + _APT_LOCK_SECONDS / clock.factor)

    site.finishing.append(lambda: setattr(gpu, "lock", held()))


async def two_gpus(site: Site) -> None:
    """The machine has two cards."""
    await pair(site, cards=2)


async def three_nodes(site: Site) -> None:
    """Three machines, of which one has a card."""
    await pair(site)
    worker = site.machine("worker1", SECOND_ADDRESS)
    await site.agent(worker)


async def gpu_pods_running(site: Site) -> None:
    """Everything is set up, and a pod computes on the card."""
    await finished(site)
    site.put(manifests.gpu_pod("training"))
    await site.until(lambda: bool(site.pods("training")))


async def label_differs(site: Site) -> None:
    """The node carries another value of the label nvidia.com/gpu."""
    await joined(site)
    site.label("gpu1", {"nvidia.com/gpu": "a6000"})


async def foreign_class(site: Site) -> None:
    """A RuntimeClass nvidia of somebody else has another handler."""
    await joined(site)
    site.control.cluster.remove("RuntimeClass", "", "nvidia")
    site.put(manifests.runtime_class("runc"))


async def hung_node(site: Site) -> None:
    """K3s on the node died, its Node object stays."""
    gpu = await joined(site)
    gpu.systemd.shutdown()
    gpu.systemd.begin("ssh.service")
