"""The proof: a pod that asks for a GPU is given one of this node's, and one that does not ask sees none."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gpu_wizard.facts.cuda import image_for
from gpu_wizard.facts.evidence import (
    Chain,
    evidence_rows,
    first_gap,
    free_resource,
    known_uuids,
    plugin_state,
    registered_after,
)
from gpu_wizard.facts.k3s import CLOCK
from gpu_wizard.facts.k3s_journal import JOURNAL, K3sJournal
from gpu_wizard.facts.manifests import control_pod, test_pod
from gpu_wizard.facts.nvidia_smi import SMI_LIST, SMI_VERSIONS, ListedGpu, SmiVersions
from gpu_wizard.facts.objects import NODE, NODE_PODS, PLUGIN_LOGS, NodeObject, PodObject, gpu_pods
from gpu_wizard.facts.proof_pods import PROOF_LOGS, PROOF_PODS, ProofPod, log_of, seen_uuids
from gpu_wizard.model.action import Action, ApplyObject, DeleteObject, Plan, Step
from gpu_wizard.model.fact import Fact, Known, Unknown, value_of, value_or
from gpu_wizard.model.question import PodLog, asks, facts
from gpu_wizard.model.spec import ProofOptions, Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Note,
    Stage,
    blocked,
    done,
    needed,
    not_seen,
    unknown,
    waiting,
)

ADMISSION = "UnexpectedAdmissionError"
TRIES = 2
DEFAULT_OPTIONS = ProofOptions()
PULL_REASONS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
GONE = ("not found", "manifest unknown", "no match for platform", "InvalidImageName", "never pull")


@facts
class ProofFacts:
    """What the proof asks."""

    node: Fact[NodeObject] = asks(NODE)
    pods: Fact[tuple[PodObject, ...]] = asks(NODE_PODS)
    plugin_logs: Fact[tuple[PodLog, ...]] = asks(PLUGIN_LOGS)
    cards: Fact[tuple[ListedGpu, ...]] = asks(SMI_LIST)
    versions: Fact[SmiVersions] = asks(SMI_VERSIONS)
    journal: Fact[K3sJournal] = asks(JOURNAL)
    proof_pods: Fact[tuple[ProofPod, ...]] = asks(PROOF_PODS)
    proof_logs: Fact[tuple[PodLog, ...]] = asks(PROOF_LOGS)
    clock: Fact[int] = asks(CLOCK)


@dataclass(frozen=True)
class _Evidence:
    """The facts, put together."""

    chain: Chain
    tests: tuple[ProofPod, ...]
    control: ProofPod | None
    others: tuple[ProofPod, ...] = ()
    """Of other runs on this node."""


class Proof(Stage[ProofFacts]):
    """Judges what must happen at run time; its pods go away as soon as it is judged."""

    id = "proof"
    facts_type = ProofFacts
    settle_seconds = DEFAULT_OPTIONS.timeout_seconds
    undo_at_once = True

    def settles_in(self, spec: Spec) -> float:
        """As long as the file gives the pods, images to be pulled included."""
        return spec.options.proof.timeout_seconds

    def assess(self, facts: ProofFacts, spec: Spec) -> Assessment:
        """From the plugin's pod to the test pod's own words."""
        evidence = self._evidence(facts, spec)
        if isinstance(evidence, Assessment):
            return evidence
        if evidence.tests:
            return self._tested(facts, evidence)
        return first_gap(evidence.chain) or self._can_ask(facts, evidence, spec)

    def plan(self, facts: ProofFacts, spec: Spec) -> Plan:
        """The pod that asks, the one that doesn't; and what an earlier run left."""
        evidence = self._evidence(facts, spec)
        if isinstance(evidence, Assessment):
            return ()
        attempt = len(evidence.tests) + 1
        chain = evidence.chain
        node = chain.node
        host = node.labels.get("kubernetes.io/hostname", node.name)
        resource = free_resource(node, chain.pods, chain.registered) or "nvidia.com/gpu"
        image = self._image(facts, spec)
        test = test_pod(spec, image, host, resource, attempt)
        steps = [
            *_leftovers(facts, evidence),
            _pod_step("proof.test-pod", test, image=image, resource=resource),
        ]
        if evidence.control is None:
            steps.append(
                _pod_step("proof.control-pod", control_pod(spec, image, host), image=image)
            )
        return tuple(steps)

    def found(self, facts: ProofFacts, spec: Spec) -> tuple[Found, ...]:
        """The evidence as a person reads it."""
        pods = value_or(facts.pods, ())
        plugin = plugin_state(pods, value_or(facts.plugin_logs, ()))
        return evidence_rows(value_of(facts.node), value_or(facts.cards, ()), pods, plugin)

    def _evidence(self, facts: ProofFacts, spec: Spec) -> _Evidence | Assessment:
        for fact in (facts.node, facts.pods, facts.cards):
            if isinstance(fact, Unknown):
                return not_seen(fact)
        if not isinstance(facts.node, Known):
            return waiting("proof.no-node", node=spec.kubernetes_node)
        plugin = plugin_state(value_or(facts.pods, ()), value_or(facts.plugin_logs, ()))
        journal = value_of(facts.journal)
        node = facts.node.value
        short = [pod for pod in value_or(facts.proof_pods, ()) if pod.is_for(node)]
        mine = [pod for pod in short if pod.run == spec.run_id]
        others = tuple(pod for pod in short if pod.run != spec.run_id)
        # What an earlier run left goes away before anything is asked for, so it holds no card.
        left = {pod.pod.uid for pod in others}
        return _Evidence(
            Chain(
                node=node,
                cards=value_or(facts.cards, ()),
                pods=tuple(pod for pod in value_or(facts.pods, ()) if pod.uid not in left),
                plugin=plugin,
                registered=registered_after(plugin.log, journal.started_at if journal else None),
            ),
            tests=tuple(pod for pod in mine if pod.part == "proof"),
            control=next((pod for pod in mine if pod.part == "control"), None),
            others=others,
        )

    def _can_ask(self, facts: ProofFacts, evidence: _Evidence, spec: Spec) -> Assessment:
        """A proof that was cut off is run anew, though nothing changed: its pods are still there."""
        chain = evidence.chain
        if evidence.others:
            goes_on = any(not pod.is_stale(value_of(facts.clock)) for pod in evidence.others)
            names = ", ".join(pod.pod.name for pod in evidence.others)
            return replace(needed("proof.cut-off", pods=names), settling=goes_on)
        if not spec.prove:
            return unknown("proof.not-run")
        if free_resource(chain.node, chain.pods, chain.registered) is None:
            holders = ", ".join(f"{p.namespace}/{p.name}" for p in gpu_pods(chain.pods))
            return waiting("proof.gpus-in-use", pods=holders)
        return needed("proof.ready", node=chain.node.name)

    def _tested(self, facts: ProofFacts, evidence: _Evidence) -> Assessment:
        """What the newest test pod came to."""
        test = max(evidence.tests, key=lambda each: each.pod.name).pod
        name = f"{test.namespace}/{test.name}"
        if test.phase == "Failed" and test.reason == ADMISSION and len(evidence.tests) < TRIES:
            again = needed("proof.try-again", pod=name, message=test.message)
            return first_gap(evidence.chain) or again
        if test.reason in PULL_REASONS and any(
            word in f"{test.reason} {test.message}" for word in GONE
        ):
            return blocked("proof.image", image=test.images[0], message=test.message)
        if test.phase == "Failed":
            return blocked("proof.test-failed", pod=name, reason=test.reason, message=test.message)
        log = log_of(value_or(facts.proof_logs, ()), test)
        if test.phase != "Succeeded" or log is None:
            return waiting(
                "proof.test-running", settling=True, pod=name, reason=test.reason or test.phase
            )
        if not test.gpus:
            return blocked("proof.limit-dropped", pod=name)
        seen = seen_uuids(log)
        if (
            not seen
            or len(seen) > sum(test.gpus.values())
            or not set(seen) <= known_uuids(evidence.chain.cards)
        ):
            return blocked("proof.wrong-gpus", pod=name, seen=", ".join(seen))
        return self._controlled(facts, evidence, seen)

    def _controlled(
        self, facts: ProofFacts, evidence: _Evidence, seen: tuple[str, ...]
    ) -> Assessment:
        """Allocation is proved; what the pod without class and request saw is said with it."""
        control = evidence.control
        notes = [Note("proof.class-sees-all")]
        if control is not None and not control.ended and control.pod.reason not in PULL_REASONS:
            return waiting("proof.control-running", settling=True, pod=control.pod.name)
        log = log_of(value_or(facts.proof_logs, ()), control.pod) if control else None
        leaked = seen_uuids(log or "")
        if leaked:
            notes.insert(0, Note("proof.leak-default-runtime", {"seen": ", ".join(leaked)}))
        elif control is None or not control.ended:
            notes.insert(0, Note("proof.control-not-run"))
        else:
            notes.insert(0, Note("proof.control-saw-none"))
        return done("proof.proved", *notes, node=evidence.chain.node.name, uuids=", ".join(seen))

    def _image(self, facts: ProofFacts, spec: Spec) -> str:
        versions = value_of(facts.versions)
        return spec.options.proof.image or image_for(versions.cuda if versions else "")


def _leftovers(facts: ProofFacts, evidence: _Evidence) -> list[Step]:
    """Short pods that a run which was cut off left on this node; one that may still be wanted stays."""
    clock = value_of(facts.clock)
    return [
        Step(
            "proof.leftover",
            DeleteObject("Pod", each.pod.name, each.pod.namespace, only_ours=True),
        )
        for each in evidence.others
        if each.is_stale(clock)
    ]


def _pod_step(step_id: str, manifest: dict[str, object], **params: str) -> Step:
    apply = ApplyObject(manifest)
    gone: tuple[Action, ...] = (
        DeleteObject("Pod", apply.name, apply.namespace, only_ours=True, grace_seconds=0),
    )
    return Step(step_id, apply, undo=gone, change=False, params={"pod": apply.name, **params})
