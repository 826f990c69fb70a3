"""The lab's stories: worlds that are fresh, finished or broken in one way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gpu_wizard.lab import stories
from gpu_wizard.lab.site import Site


@dataclass(frozen=True)
class Scenario:
    """A story: one line in English and Russian, and how to build its world."""

    en: str
    ru: str
    build: Callable[[Site], Awaitable[None]]


SCENARIOS: dict[str, Scenario] = {
    "fresh": Scenario(
        "a K3s server, and a machine with a card and its driver, not joined yet",
        "сервер K3s и машина с картой и драйвером, ещё не в кластере",
        stories.fresh,
    ),
    "done": Scenario(
        "everything is set up already: nothing is to be changed",
        "всё уже настроено: менять нечего",
        stories.done,
    ),
    "server-is-gpu-node": Scenario(
        "the K3s server itself has the card",
        "карта стоит в самом сервере K3s",
        stories.server_is_gpu_node,
    ),
    "no-driver": Scenario("the card has no driver", "для карты нет драйвера", stories.no_driver),
    "driver-mismatch": Scenario(
        "the driver's libraries were upgraded, the old kernel module is still loaded",
        "библиотеки драйвера обновлены, а модуль ядра загружен старый",
        stories.driver_mismatch,
    ),
    "nouveau": Scenario(
        "the open nouveau driver holds the card", "карту занял драйвер nouveau", stories.nouveau
    ),
    "no-toolkit": Scenario(
        "the machine is in the cluster, the container toolkit was never installed",
        "машина в кластере, а container toolkit не установлен",
        stories.no_toolkit,
    ),
    "old-toolkit": Scenario(
        "the container toolkit is too old", "слишком старый container toolkit", stories.old_toolkit
    ),
    "not-restarted": Scenario(
        "the toolkit was installed, but K3s not restarted since",
        "toolkit установлен, но K3s с тех пор не перезапускали",
        stories.not_restarted,
    ),
    "spoilt-template": Scenario(
        "K3s must be restarted, and would not come up: its template was spoilt since the last start",
        "K3s пора перезапустить, но он не поднимется: шаблон с прошлого запуска испортили",
        stories.spoilt_template,
    ),
    "late-containerd": Scenario(
        "the toolkit waits for a restart, after which containerd comes ten seconds late",
        "toolkit ждёт перезапуска, а containerd поднимется на десять секунд позже",
        stories.late_containerd,
    ),
    "no-internet": Scenario(
        "the machines reach each other, but nothing outside",
        "машины видят друг друга, но не интернет",
        stories.no_internet,
    ),
    "config-without-nvidia": Scenario(
        "the toolkit lies where K3s doesn't look: its configuration lacks nvidia",
        "toolkit лежит там, где K3s не ищет: в его конфигурации нет nvidia",
        stories.config_without_nvidia,
    ),
    "custom-template": Scenario(
        "a whole copied template hides the runtimes that K3s finds",
        "целиком скопированный шаблон скрывает runtime, найденные K3s",
        stories.custom_template,
    ),
    "helm-plugin": Scenario(
        "the device plugin came by Helm, without the runtime class",
        "device plugin поставлен через Helm без runtime class",
        stories.helm_plugin,
    ),
    "gpu-operator": Scenario(
        "NVIDIA's GPU Operator looks after the node",
        "нодой управляет NVIDIA GPU Operator",
        stories.gpu_operator,
    ),
    "wrong-token": Scenario(
        "the setup file's join token is wrong",
        "в файле настройки неверный токен",
        stories.wrong_token,
    ),
    "other-cluster-token": Scenario(
        "the setup file's join token is of another cluster",
        "в файле настройки токен другого кластера",
        stories.other_cluster_token,
    ),
    "api-down": Scenario("the K3s server is stopped", "сервер K3s остановлен", stories.api_down),
    "apt-locked": Scenario(
        "an automatic upgrade holds the package manager for a while",
        "менеджер пакетов на время занят автоматическим обновлением",
        stories.apt_locked,
    ),
    "two-gpus": Scenario("the machine has two cards", "в машине две карты", stories.two_gpus),
    "three-nodes": Scenario(
        "three machines, of which one has a card",
        "три машины, карта в одной из них",
        stories.three_nodes,
    ),
    "gpu-pods-running": Scenario(
        "everything is set up, and a pod computes on the card",
        "всё настроено, и на карте уже работает под",
        stories.gpu_pods_running,
    ),
    "label-differs": Scenario(
        "the node carries another value of the label nvidia.com/gpu",
        "у ноды другое значение метки nvidia.com/gpu",
        stories.label_differs,
    ),
    "foreign-class": Scenario(
        "a RuntimeClass nvidia of somebody else has another handler",
        "чужой RuntimeClass nvidia с другим handler",
        stories.foreign_class,
    ),
    "hung-node": Scenario(
        "K3s on the node died, its Node object stays",
        "K3s на ноде умер, а объект Node остался",
        stories.hung_node,
    ),
}
