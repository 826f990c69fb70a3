"""One run of a container: a program in its shell, or NVIDIA's device plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_wizard.lab.api.podlogs import Log
from gpu_wizard.lab.cluster import devices, volumes
from gpu_wizard.lab.cluster.containers import Container, Ended
from gpu_wizard.lab.cluster.images import Image
from gpu_wizard.lab.cluster.plugin import Plugin, PluginFailedError, Registration, Setup
from gpu_wizard.lab.cluster.podstatus import ContainerState
from gpu_wizard.lab.ports import JsonObject

if TYPE_CHECKING:
    from gpu_wizard.lab.cluster.podworker import PodWorker

_PLUGIN_STARTS = 0.1
_KUBELET_FOLDER = "/var/lib/kubelet/device-plugins"


async def program(
    pod: PodWorker, state: ContainerState, spec: JsonObject, image: Image, log: Log
) -> Ended:
    """Run a container's command, with what its runtime and its devices let it see."""
    worker, handler = pod.kubelet.worker, pod.handler
    given = tuple(each for found in state.devices.values() for each in found)
    allocated = devices.cards(given) if given else None
    visible = worker.visible(handler, allocated, image.cuda)
    argv = [*spec.get("command", ()), *spec.get("args", ())]
    injected = handler.startswith("nvidia")
    container = Container(image, argv, _environment(spec), visible, injected, allocated)
    return await container.run(pod.kubelet.clock, log.write)


async def plugin(
    pod: PodWorker, _state: ContainerState, spec: JsonObject, image: Image, log: Log
) -> Ended:
    """Run the device plugin: it registers, and again after each start of the kubelet."""
    kubelet = pod.kubelet
    mounts = volumes.files(kubelet.registry, pod.pod, spec)
    folders = [mount["mountPath"] for mount in spec.get("volumeMounts", ())]
    setup = Setup(image.tag, _environment(spec), mounts, _KUBELET_FOLDER in folders)
    running = Plugin(setup, log.write)
    offered = Registration()
    try:
        running.start()
        await kubelet.clock.sleep(_PLUGIN_STARTS)
        while True:
            await kubelet.alive()
            restarted = kubelet.restarted
            visible = kubelet.worker.visible(pod.handler, None, image.cuda)
            offered = running.load(visible)
            if offered.devices:
                kubelet.registered(offered.resource, offered.devices, single=offered.single)
            await restarted.wait()
            running.again(offered.resource if offered.devices else "")
    except PluginFailedError:
        return Ended(1)
    finally:
        if offered.devices:
            kubelet.disconnected(offered.resource)


def _environment(spec: JsonObject) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in spec.get("env", ())}
