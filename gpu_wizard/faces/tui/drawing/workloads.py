"""Ready manifests that use the GPU, right for the cluster that was just set up."""

from __future__ import annotations

from gpu_wizard.engine.progress import NodeProgress
from gpu_wizard.engine.survey import filled
from gpu_wizard.faces.manifest import as_yaml
from gpu_wizard.faces.words import Words
from gpu_wizard.facts.workloads import Fit, Wanted, WorkloadFacts, fit_of, workload
from gpu_wizard.model.fact import Fact, Unknown
from gpu_wizard.model.question import probes_of

KINDS = ("pod", "deployment")


def workloads(words: Words, node: NodeProgress) -> str:
    """A Pod and a Deployment as one YAML text with comments; what was not asked keeps its default."""
    fit = _fit(node)
    objects = [each for kind in KINDS for each in workload(Wanted(kind), fit)]
    return as_yaml(objects, words.language)


def _fit(node: NodeProgress) -> Fit:
    asked = {probe.id for probe in probes_of(WorkloadFacts).values()}
    missing: dict[str, Fact[object]] = {name: Unknown("not-asked") for name in asked}
    return fit_of([filled(WorkloadFacts, {**missing, **node.facts})])
