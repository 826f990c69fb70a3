"""The lab's stories: worlds that are fresh, finished or broken in one way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gpu_wizard.lab import manifests
from gpu_wizard.lab.containerd_config import DIRECTORY
from gpu_wizard.lab.driver import LIBRARY
from gpu_wizard.lab.machine import Lock, Machine
from gpu_wizard.lab.site import Site
from gpu_wizard.lab.stubs import Stub

GPU_ADDRESS, SECOND_ADDRESS = "10.20.0.21", "10.20.0.22"
_APT_LOCK_SECONDS = 45.0


@dataclass(frozen=True)
class Scenario:
    """A story: one line in English and Russian, and how to build its world."""

    en: str
    ru: str
    build: Callable[[Site], Awaitable[None]]


async def _pair(site: Site, cards: int = 1, driver: str | None = None) -> Machine:
    """A server, and a GPU machine that knows nothing of it yet."""
    await site.server()
    more = {} if driver is None else {"driver": driver}
    gpu = site.machine("gpu1", GPU_ADDRESS, cards, **more)
    site.targets.append("gpu1")
    return gpu


async def _fresh(site: Site) -> None:
    await _pair(site)


async def _joined(site: Site, *, toolkit: bool = False) -> Machine:
    gpu = await _pair(site)
    if toolkit:
        site.toolkit(gpu)
    await site.agent(gpu)
    return gpu


async def _finished(site: Site) -> Machine:
    gpu = await _joined(site, toolkit=True)
    site.put(manifests.hand_made_plugin())
    site.label("gpu1", manifests.PLAIN_LABELS)
    await site.until(lambda: site.allocatable("gpu1") == 1)
    return gpu


async def _done(site: Site) -> None:
    await _finished(site)


async def _server_is_gpu_node(site: Site) -> None:
    await site.server("gpu1", cards=1)
    site.targets.append("gpu1")


async def _no_driver(site: Site) -> None:
    await _pair(site, driver="")


async def _driver_mismatch(site: Site) -> None:
    gpu = await _joined(site)
    newer = "580.105.08"
    for path, name in ((LIBRARY, "libnvidia-ml"), ("/usr/bin/nvidia-smi", "nvidia-smi")):
        gpu.files.write(path, Stub(name, newer).encode(), mode=0o755)
    gpu.files.write(gpu.driver.module_path, Stub("module", newer).encode())


async def _nouveau(site: Site) -> None:
    gpu = await _pair(site, driver="")
    gpu.driver.load("nouveau")
    gpu.journal.kernel("nouveau 0000:01:00.0: NVIDIA GA102 (b72000a1)")


async def _old_toolkit(site: Site) -> None:
    gpu = await _pair(site)
    site.toolkit(gpu, "1.16.2")
    await site.agent(gpu)


async def _config_without_nvidia(site: Site) -> None:
    gpu = await _pair(site)
    site.toolkit(gpu)
    runtime = gpu.files.read("/usr/bin/nvidia-container-runtime")
    gpu.files.write("/opt/nvidia/bin/nvidia-container-runtime", runtime, mode=0o755)
    gpu.files.remove("/usr/bin/nvidia-container-runtime")
    await site.agent(gpu)


async def _not_restarted(site: Site) -> None:
    gpu = await _joined(site)
    site.toolkit(gpu)


async def _custom_template(site: Site) -> None:
    gpu = await _joined(site)
    site.toolkit(gpu)
    rendered = gpu.files.read(f"{DIRECTORY}/config.toml").decode()
    text = rendered + '\n[metrics]\n  address = "127.0.0.1:1338"\n'
    gpu.files.write(f"{DIRECTORY}/config-v3.toml.tmpl", text.encode())
    await site.restart(gpu)


async def _helm_plugin(site: Site) -> None:
    await _joined(site, toolkit=True)
    site.put(manifests.namespace("nvidia-device-plugin"), manifests.helm_plugin())
    site.label("gpu1", {"nvidia.com/gpu.present": "true"})
    await site.until(lambda: bool(site.pods("nvdp")))


async def _gpu_operator(site: Site) -> None:
    gpu = await _pair(site)
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


async def _wrong_token(site: Site) -> None:
    await _pair(site)
    site.join_token = f"K10{site.control.ca_hash}::server:not-the-password-of-this-cluster"


async def _other_cluster_token(site: Site) -> None:
    await _pair(site)
    site.join_token = f"K10{'ab' * 32}::server:{site.control.password}"


async def _api_down(site: Site) -> None:
    await _pair(site)
    await site.run(site.world.machines["control"], "systemctl stop k3s")


async def _apt_locked(site: Site) -> None:
    gpu = await _pair(site)
    clock = site.world.clock

    def held() -> Lock:
        return Lock(1873, "unattended-upgr", clock.now() + _APT_LOCK_SECONDS / clock.factor)

    site.finishing.append(lambda: setattr(gpu, "lock", held()))


async def _two_gpus(site: Site) -> None:
    await _pair(site, cards=2)


async def _three_nodes(site: Site) -> None:
    await _pair(site)
    worker = site.machine("worker1", SECOND_ADDRESS)
    await site.agent(worker)


async def _gpu_pods_running(site: Site) -> None:
    await _finished(site)
    site.put(manifests.gpu_pod("training"))
    await site.until(lambda: bool(site.pods("training")))


async def _label_differs(site: Site) -> None:
    await _joined(site)
    site.label("gpu1", {"nvidia.com/gpu": "a6000"})


async def _foreign_class(site: Site) -> None:
    await _joined(site)
    site.control.cluster.remove("RuntimeClass", "", "nvidia")
    site.put(manifests.runtime_class("runc"))


async def _hung_node(site: Site) -> None:
    gpu = await _joined(site)
    gpu.systemd.shutdown()
    gpu.systemd.begin("ssh.service")


SCENARIOS: dict[str, Scenario] = {
    "fresh": Scenario(
        "a K3s server, and a machine with a card and its driver, not joined yet",
        "сервер K3s и машина с видеокартой и драйвером, ещё не в кластере",
        _fresh,
    ),
    "done": Scenario(
        "everything is set up already: nothing is to be changed",
        "всё уже настроено: менять нечего",
        _done,
    ),
    "server-is-gpu-node": Scenario(
        "the K3s server itself has the card",
        "видеокарта стоит в самом сервере K3s",
        _server_is_gpu_node,
    ),
    "no-driver": Scenario("the card has no driver", "для видеокарты нет драйвера", _no_driver),
    "driver-mismatch": Scenario(
        "the driver's libraries were upgraded, the old kernel module is still loaded",
        "библиотеки драйвера обновлены, а модуль ядра загружен старый",
        _driver_mismatch,
    ),
    "nouveau": Scenario(
        "the open nouveau driver holds the card", "карту занял драйвер nouveau", _nouveau
    ),
    "old-toolkit": Scenario(
        "the container toolkit is too old", "слишком старый container toolkit", _old_toolkit
    ),
    "not-restarted": Scenario(
        "the toolkit was installed, but K3s not restarted since",
        "toolkit установлен, но K3s с тех пор не перезапускали",
        _not_restarted,
    ),
    "config-without-nvidia": Scenario(
        "the toolkit lies where K3s doesn't look: its configuration lacks nvidia",
        "toolkit лежит там, где K3s не ищет: в его конфигурации нет nvidia",
        _config_without_nvidia,
    ),
    "custom-template": Scenario(
        "a whole copied template hides the runtimes that K3s finds",
        "целиком скопированный шаблон скрывает найденные K3s рантаймы",
        _custom_template,
    ),
    "helm-plugin": Scenario(
        "the device plugin came by Helm, without the runtime class",
        "device plugin поставлен через Helm без runtime class",
        _helm_plugin,
    ),
    "gpu-operator": Scenario(
        "NVIDIA's GPU Operator looks after the node",
        "узлом управляет NVIDIA GPU Operator",
        _gpu_operator,
    ),
    "wrong-token": Scenario(
        "the setup file's join token is wrong", "в файле настройки неверный токен", _wrong_token
    ),
    "other-cluster-token": Scenario(
        "the setup file's join token is of another cluster",
        "в файле настройки токен другого кластера",
        _other_cluster_token,
    ),
    "api-down": Scenario("the K3s server is stopped", "сервер K3s остановлен", _api_down),
    "apt-locked": Scenario(
        "an automatic upgrade holds the package manager for a while",
        "пакетный менеджер на время занят автоматическим обновлением",
        _apt_locked,
    ),
    "two-gpus": Scenario("the machine has two cards", "в машине две видеокарты", _two_gpus),
    "three-nodes": Scenario(
        "three machines, of which one has a card", "три машины, карта в одной из них", _three_nodes
    ),
    "gpu-pods-running": Scenario(
        "everything is set up, and a pod computes on the card",
        "всё настроено, и на карте уже работает под",
        _gpu_pods_running,
    ),
    "label-differs": Scenario(
        "the node carries another value of the label nvidia.com/gpu",
        "у узла другое значение метки nvidia.com/gpu",
        _label_differs,
    ),
    "foreign-class": Scenario(
        "a RuntimeClass nvidia of somebody else has another handler",
        "чужой RuntimeClass nvidia с другим обработчиком",
        _foreign_class,
    ),
    "hung-node": Scenario(
        "K3s on the node died, its Node object stays",
        "K3s на узле умер, а объект Node остался",
        _hung_node,
    ),
}
