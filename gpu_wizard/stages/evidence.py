"""The proof as far as looking goes: everything that it judges short of a test pod, for whoever may not make one."""

from __future__ import annotations

from gpu_wizard.facts.evidence import (
    Chain,
    evidence_rows,
    first_gap,
    plugin_state,
    registered_after,
)
from gpu_wizard.facts.k3s_journal import JOURNAL, K3sJournal
from gpu_wizard.facts.nvidia_smi import SMI_LIST, ListedGpu
from gpu_wizard.facts.objects import NODE, NODE_PODS, PLUGIN_LOGS, NodeObject, PodObject
from gpu_wizard.model.action import Plan
from gpu_wizard.model.fact import Fact, Known, Unknown, value_of, value_or
from gpu_wizard.model.question import PodLog, asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import Assessment, Found, Stage, done, not_seen, unknown, waiting


@facts
class EvidenceFacts:
    """What the evidence asks: the proof's questions without its pods."""

    node: Fact[NodeObject] = asks(NODE)
    pods: Fact[tuple[PodObject, ...]] = asks(NODE_PODS)
    plugin_logs: Fact[tuple[PodLog, ...]] = asks(PLUGIN_LOGS)
    cards: Fact[tuple[ListedGpu, ...]] = asks(SMI_LIST)
    journal: Fact[K3sJournal] = asks(JOURNAL)


class Evidence(Stage[EvidenceFacts]):
    """Stands in the proof's place, and has no steps."""

    id = "proof"
    facts_type = EvidenceFacts

    def assess(self, facts: EvidenceFacts, spec: Spec) -> Assessment:
        """Plugin pod, its log, allocatable against cards; *done* says nothing of a test pod."""
        for fact in (facts.node, facts.pods, facts.plugin_logs, facts.cards):
            if isinstance(fact, Unknown):
                return not_seen(fact)
        if not isinstance(facts.node, Known):
            return waiting("proof.no-node", node=spec.kubernetes_node)
        chain = self._chain(facts, facts.node.value)
        gap = first_gap(chain)
        if gap is not None:
            return self._unread_log(facts, chain, gap) or gap
        if isinstance(facts.journal, Unknown):
            # After a restart of the kubelet allocatable lies; only its start tells how old the registration is.
            return not_seen(facts.journal)
        return done("proof.evidence", node=chain.node.name)

    def plan(self, facts: EvidenceFacts, spec: Spec) -> Plan:
        """Nothing is ever done here."""
        return ()

    def found(self, facts: EvidenceFacts, spec: Spec) -> tuple[Found, ...]:
        """The evidence as a person reads it."""
        pods = value_or(facts.pods, ())
        plugin = plugin_state(pods, value_or(facts.plugin_logs, ()))
        return evidence_rows(value_of(facts.node), value_or(facts.cards, ()), pods, plugin)

    def _chain(self, facts: EvidenceFacts, node: NodeObject) -> Chain:
        pods, journal = value_or(facts.pods, ()), value_of(facts.journal)
        plugin = plugin_state(pods, value_or(facts.plugin_logs, ()))
        started = journal.started_at if journal else None
        registered = registered_after(plugin.log, started)
        return Chain(node, value_or(facts.cards, ()), pods, plugin, registered)

    def _unread_log(self, facts: EvidenceFacts, chain: Chain, gap: Assessment) -> Assessment | None:
        """Where the log of a Ready plugin could not be read, its silence says nothing."""
        pod = chain.plugin.pod
        if pod is None or gap.code != "proof.not-registered":
            return None
        mine = [log for log in value_or(facts.plugin_logs, ()) if log.pod == pod.name]
        errors = [log.error for log in mine if log.error]
        if not errors or any(log.text for log in mine):
            return None
        return unknown("proof.log-unreadable", pod=pod.name, detail=errors[0])
