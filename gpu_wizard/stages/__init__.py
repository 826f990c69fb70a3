"""The eight stages in the guide's order, and the proof. No stage waits for a later one."""

from gpu_wizard.model.stage import AnyStage
from gpu_wizard.stages.device_plugin import DevicePlugin
from gpu_wizard.stages.driver import Driver
from gpu_wizard.stages.evidence import Evidence
from gpu_wizard.stages.join import Join
from gpu_wizard.stages.labels import Labels
from gpu_wizard.stages.plugin_runtime import PluginRuntime
from gpu_wizard.stages.proof import Proof
from gpu_wizard.stages.runtime import Runtime
from gpu_wizard.stages.runtime_class import RuntimeClass
from gpu_wizard.stages.toolkit import Toolkit

STAGES: tuple[AnyStage, ...] = (
    Join(),
    Driver(),
    Toolkit(),
    Runtime(),
    DevicePlugin(),
    RuntimeClass(),
    PluginRuntime(),
    Labels(),
)
PROOF: AnyStage = Proof()
LOOKED_AT: tuple[AnyStage, ...] = (*STAGES, Evidence())
"""What a look without any action judges: the stages, and in the proof's place its evidence."""
