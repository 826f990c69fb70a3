"""Asking a node: every question of every stage once, one exchange a host, and the facts out of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from gpu_wizard.facts.identity import Identity, resolve
from gpu_wizard.model.errors import UnreachableError, WizardError, as_unknown
from gpu_wizard.model.events import FactRead, StageAssessed, SurveyStarted
from gpu_wizard.model.fact import Fact, Unknown
from gpu_wizard.model.ports import HostReader, ReadNode, Show
from gpu_wizard.model.question import AnyProbe, Command, Files, HostAsk, Probe, probes_of
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import AnyStage, Assessment

F = TypeVar("F")
Facts = Mapping[str, Fact[Any]]
"""Probe id → fact."""
_HOST_ASKS = (Command, Files)
Read = Callable[[AnyProbe, object], Fact[Any]]


@dataclass(frozen=True)
class Survey:
    """What was found on a node, and the Spec with the node's name in the cluster."""

    facts: Facts
    spec: Spec


def probes_for(
    stages: Iterable[AnyStage], also: Iterable[type[object]] = ()
) -> tuple[AnyProbe, ...]:
    """The probes of all these stages and forms, and those that find the node's name; each once."""
    forms: tuple[type[object], ...] = (Identity, *(stage.facts_type for stage in stages), *also)
    probes = {probe.id: probe for form in forms for probe in probes_of(form).values()}
    return tuple(probes.values())


def filled(form: type[F], facts: Facts) -> F:
    """A facts class filled from what was asked."""
    return form(**{name: facts[probe.id] for name, probe in probes_of(form).items()})


def judge(stage: AnyStage, facts: Facts, spec: Spec) -> StageAssessed:
    """A stage's judgement of the facts, with the rows of *Found*."""
    form = filled(stage.facts_type, facts)
    return StageAssessed(
        node=spec.node,
        stage=stage.id,
        assessment=stage.assess(form, spec),
        found=stage.found(form, spec),
    )


async def look(
    node: ReadNode,
    stages: Sequence[AnyStage],
    spec: Spec,
    show: Show | None,
    also: Iterable[type[object]] = (),
    read: Read = Probe.read,
    then: Callable[[], Awaitable[None]] | None = None,
) -> Survey:
    """Ask everything that these stages, and the facts classes `also`, want to know. What can't be asked is `Unknown`.

    `show`: who follows the single facts, if anybody. `read` makes the fact of an answer. `then`: what happens when
    the hosts have answered, before the cluster is asked.

    Raises: UnreachableError: the node's own host does not answer.
    """
    probes = probes_for(stages, also)
    if show is not None:
        await show(SurveyStarted(node=node.name, probes=tuple(probe.id for probe in probes)))
    facts, others = await _ask_hosts(node, probes, spec, read)
    if then is not None:
        await then()
    if not spec.kubernetes_node:
        spec = resolve(spec, filled(Identity, facts))
    facts |= await _ask_cluster(node, others, spec, read)
    if show is not None:
        for probe_id, fact in facts.items():
            await show(FactRead(node=node.name, probe=probe_id, fact=fact))
    return Survey(facts, spec)


async def survey(
    stages: Sequence[AnyStage], node: ReadNode, spec: Spec, show: Show
) -> dict[str, Assessment]:
    """Look at a node and judge every stage; stage id → assessment. Changes nothing."""
    seen = await look(node, stages, spec, show)
    events = [judge(stage, seen.facts, seen.spec) for stage in stages]
    for event in events:
        await show(event)
    return {event.stage: event.assessment for event in events}


@dataclass
class _Batch:
    """What one host is asked at once."""

    host: HostReader | None
    probes: list[AnyProbe] = field(default_factory=list)
    questions: list[HostAsk] = field(default_factory=list)


async def _ask_hosts(
    node: ReadNode, probes: Sequence[AnyProbe], spec: Spec, read: Read
) -> tuple[dict[str, Fact[Any]], list[AnyProbe]]:
    """One exchange with each host; node and control plane share one where they are one machine.

    With the probes that ask no host: their questions are the cluster's, or none as long as the node has no name.
    """
    own, control = _Batch(node.host), _Batch(node.control_plane)
    batches = {"node": own, "control_plane": own if control.host is own.host else control}
    facts: dict[str, Fact[Any]] = {}
    others: list[AnyProbe] = []
    for probe in probes:
        question = probe.question(spec)
        if isinstance(question, _HOST_ASKS):
            batch = batches[question.on]
            batch.probes.append(probe)
            batch.questions.append(question)
            continue
        others.append(probe)
        if question is None:
            facts[probe.id] = read(probe, None)
    exchanges = [
        _exchange(batch, read, must_answer=batch is own) for batch in (own, control) if batch.probes
    ]
    for answered in await asyncio.gather(*exchanges):
        facts |= answered
    return facts, others


async def _exchange(batch: _Batch, read: Read, *, must_answer: bool) -> dict[str, Fact[Any]]:
    if batch.host is None:
        return {probe.id: Unknown("no-control-plane") for probe in batch.probes}
    try:
        answers = await batch.host.ask(batch.questions)
    except WizardError as error:
        if must_answer and isinstance(error, UnreachableError):
            raise
        return dict.fromkeys((probe.id for probe in batch.probes), as_unknown(error))
    told = zip(batch.probes, answers, strict=True)
    return {probe.id: read(probe, answer) for probe, answer in told}


async def _ask_cluster(
    node: ReadNode, probes: Sequence[AnyProbe], spec: Spec, read: Read
) -> dict[str, Fact[Any]]:
    asked = [(probe, probe.question(spec)) for probe in probes]
    cluster_asks = [(p, q) for p, q in asked if q is not None and not isinstance(q, _HOST_ASKS)]
    if node.cluster is None:
        return {probe.id: Unknown("no-cluster") for probe, _ in cluster_asks}
    answers = await node.cluster.ask([cast(Any, question) for _, question in cluster_asks])
    return {
        probe.id: read(probe, answer)
        for (probe, _), answer in zip(cluster_asks, answers, strict=True)
    }
