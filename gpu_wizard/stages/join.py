"""Stage 1: the host is a member of the cluster, as K3s's agent or as the server that it already is."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from gpu_wizard.facts import k3s_installer as steps
from gpu_wizard.facts import k3s_join as join
from gpu_wizard.facts.containerd_faults import OF_CONTAINERD
from gpu_wizard.facts.k3s_journal import Cause
from gpu_wizard.facts.k3s_rows import found_rows
from gpu_wizard.facts.k3s_server import ServerPort
from gpu_wizard.facts.k3s_situation import JoinFacts, Situation
from gpu_wizard.facts.systemd import SERVER
from gpu_wizard.model.action import Plan, Step
from gpu_wizard.model.fact import Absent, Known, Unknown, value_or
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Note,
    Stage,
    blocked,
    done,
    needed,
    not_seen,
    waiting,
)

SETTLE_SECONDS = 120.0
FRESH_SECONDS = 15.0
"""A Node may be seen this long after its agent said that it is up; the two are not asked in one moment."""
REGISTER_SECONDS = 60.0
"""A Node that was there before tells the new boot id this long after its agent's start."""
CLOCK_DRIFT_SECONDS, CLOCK_SKEW_SECONDS = 60, 300
_API_COMES_BACK = ("api-unreachable", "api-timed-out", "api-error")


class Join(Stage[JoinFacts]):
    """Adopts an agent or a server that is a member; joins a host that is none."""

    id: ClassVar[str] = "join"
    facts_type: ClassVar[type[JoinFacts]] = JoinFacts
    settle_seconds: ClassVar[float] = SETTLE_SECONDS

    def assess(self, facts: JoinFacts, spec: Spec) -> Assessment:
        """Member, on its way, or outside; and what stands in the way."""
        if isinstance(facts.units, Unknown):
            return not_seen(facts.units)
        if isinstance(facts.units, Absent):
            return blocked("join.needs-systemd")
        now = Situation(facts, spec)
        if now.unit.running:
            return _running(now)
        if now.unit.starting:
            return _starting(now)
        if now.unit.active == "deactivating":
            return waiting("join.stopping", settling=True, unit=now.unit.name)
        return _idle(now)

    def plan(self, facts: JoinFacts, spec: Spec) -> Plan:
        """From here to a started unit; the journal then tells the rest."""
        assessment = self.assess(facts, spec)
        if assessment.state != "needed":
            return ()
        now = Situation(facts, spec)
        if now.unit.name == SERVER:
            return _start(now)
        fresh_token = assessment.code == "join.token-stale"
        return (*_preparation(now, fresh_token=fresh_token), *_start(now))

    def found(self, facts: JoinFacts, spec: Spec) -> tuple[Found, ...]:
        """Unit, version, server, its port, the Node, the clocks."""
        if not isinstance(facts.units, Known):
            return ()
        return found_rows(Situation(facts, spec))


def _running(now: Situation) -> Assessment:
    node = now.facts.node
    if isinstance(node, Unknown):
        if node.code in _API_COMES_BACK and now.age < SETTLE_SECONDS:
            return waiting("join.api-away", settling=True)
        return not_seen(node)
    if isinstance(now.facts.boot_id, Unknown):
        return not_seen(now.facts.boot_id)
    cause = None if now.journal.healthy else now.journal.cause
    if cause:
        return _fault(now, cause)
    if isinstance(node, Absent):
        return _without_node(now)
    if not now.is_this_boot(node.value):
        if now.age < REGISTER_SECONDS:
            return waiting("join.node-not-ready", settling=True, **now.names, text="")
        return blocked("join.node-is-other-host", **now.names)
    if not now.journal.healthy:
        return _awaited(now, "join.containerd-starting")
    if node.value.ready != "True":
        return _awaited(now, "join.node-not-ready")
    code = "join.server" if now.unit.name == SERVER else "join.agent"
    return done(code, *_notes(now), **now.names, version=node.value.kubelet_version)


def _awaited(now: Situation, code: str) -> Assessment:
    """Some seconds first; after them a person must look."""
    if now.age < SETTLE_SECONDS:
        return waiting(code, settling=True, **now.names, text=now.last_words)
    return blocked(code, **now.names, text=now.last_words)


def _without_node(now: Situation) -> Assessment:
    """The unit runs and the cluster has no such Node."""
    if now.age < FRESH_SECONDS:
        return waiting("join.node-not-ready", settling=True, **now.names, text="")
    if now.unit.name == SERVER:
        return blocked("join.server-of-other-cluster", **now.names)
    if now.configured_server and now.configured_server != now.server:
        return blocked("join.other-cluster", **now.names, have=now.configured_server)
    return _obstacle(now) or needed("join.node-deleted", **now.names)


def _starting(now: Situation) -> Assessment:
    cause = now.journal.cause
    if now.journal.stopped:
        # Right after a start the journal may still end with the stop before it.
        return waiting("join.starting", settling=True, **now.names)
    if cause is None:
        return _awaited(now, "join.starting")
    if cause.is_void(now.configured_at):
        return needed("join.configured-since", **now.names)
    return _fault(now, cause)


def _fault(now: Situation, cause: Cause) -> Assessment:
    """What the journal says: something that a plan cures, or a person's business."""
    node = now.facts.node
    if cause.code in OF_CONTAINERD and isinstance(node, Known) and now.is_same_machine(node.value):
        # A member whose containerd fails is still a member; stage 4 knows the file that is at fault.
        return done("join.member-without-containerd", **now.names)
    if cause.code == "node-deleted":
        return _obstacle(now) or needed("join.node-deleted", **now.names)
    if cause.code == "node-password-rejected":
        if now.has_orphaned_password:
            return needed("join.stale-password", **now.names)
        stranger = now.stranger
        if stranger:
            return blocked("join.name-taken", **now.names, addresses=", ".join(stranger.addresses))
    # A token of ours that was just tried is not tried again; one that is gone or old gets a successor.
    was_just_tried = now.files.our_token_at and now.age <= SETTLE_SECONDS + FRESH_SECONDS
    if cause.code.startswith("token-") and now.is_ours and not was_just_tried:
        return _obstacle(now) or needed("join.token-stale", **now.names)
    return blocked(f"join.{cause.code}", **{**now.names, **cause.params})


def _idle(now: Situation) -> Assessment:
    facts, spec = now.facts, now.spec
    if now.unit.name == SERVER:
        return needed("join.server-stopped", **now.names)
    if isinstance(facts.node, Unknown):
        return _server_obstacle(now) or not_seen(facts.node)
    if not join.is_valid_name(spec.kubernetes_node):
        return blocked("join.name-invalid", name=spec.kubernetes_node)
    stranger = now.stranger
    if stranger and stranger.ready == "True":
        return blocked("join.name-taken", **now.names, addresses=", ".join(stranger.addresses))
    if stranger:
        return blocked("join.name-left-behind", **now.names)
    if isinstance(facts.node, Known) and now.is_run_by_another_unit(facts.node.value):
        return blocked("join.other-unit", **now.names)
    if isinstance(facts.node, Known) and now.is_a_moment_old(facts.node.value):
        return waiting("join.node-still-ready", settling=True, **now.names)
    if now.config.broken:
        return blocked("join.config-unreadable", file=now.config.broken[0])
    conflict = join.conflict_of(now.config, spec) if isinstance(facts.node, Absent) else None
    if conflict:
        return blocked(
            "join.config-conflict",
            key=conflict.key,
            have=conflict.have,
            want=conflict.want,
            file=conflict.file,
        )
    return _obstacle(now) or needed(
        f"join.{now.lack}", **now.names, version=now.wanted_version or ""
    )


def _obstacle(now: Situation) -> Assessment | None:
    """What would make a start fail, found before anything is changed."""
    for fact in (now.facts.files, now.facts.config, now.facts.environment, now.facts.version):
        if isinstance(fact, Unknown):
            return not_seen(fact)
    return (
        _server_obstacle(now)
        or _clock_obstacle(now)
        or (_install_obstacle(now) if now.needs_install else None)
        or (_token_obstacle(now) if now.needs_token else None)
    )


def _server_obstacle(now: Situation) -> Assessment | None:
    if not now.server and not now.configured_server:
        return blocked("join.server-unknown")
    if now.server and not now.server.startswith("https://"):
        return blocked("join.server-not-https", **now.names)
    port = value_or(now.port, ServerPort("k3s"))
    if port.state != "k3s":
        obstacle = blocked(f"join.port-{port.state}", **now.names, status=port.status)
        # A server that starts anew refuses for some seconds. Source: K3s v1.34.3 as recorded (06/a).
        return replace(obstacle, settling=port.state in ("refused", "not-ready"))
    known = value_or(now.facts.ca_hash, "")
    if known and port.ca_sha256 and known != port.ca_sha256:
        return blocked("join.ca-differs", **now.names, have=port.ca_sha256[:12], want=known[:12])
    return None


def _clock_obstacle(now: Situation) -> Assessment | None:
    skew = now.clock_skew
    if skew is None or abs(skew) <= CLOCK_SKEW_SECONDS:
        return None
    return blocked("join.clock-ahead" if skew > 0 else "join.clock-behind", seconds=abs(skew))


def _install_obstacle(now: Situation) -> Assessment | None:
    options, server, wanted = now.spec.options.join, now.server_version, now.wanted_version
    if wanted is None and not options.binary_file:
        return blocked("join.version-unknown")
    if wanted and server and join.is_newer_minor(wanted, server):
        return blocked("join.version-newer", want=wanted, server=server)
    if not options.installer_file and not now.files.downloader:
        return blocked("join.no-downloader")
    return None


def _token_obstacle(now: Situation) -> Assessment | None:
    if now.token_source is not None:
        return None
    asked = now.facts.server_version
    return not_seen(asked) if isinstance(asked, Unknown) else blocked("join.no-token-source")


def _preparation(now: Situation, *, fresh_token: bool) -> Plan:
    """Everything before the start; the token first, so that one of another cluster ends it at once."""
    plan: list[Step] = []
    if now.has_orphaned_password and not now.keeps_password:
        plan.append(steps.delete_stale_password(now.spec.kubernetes_node))
    source = now.token_source
    if source and (now.needs_token or fresh_token):
        plan.append(steps.put_token(source))
    values = join.config_values(now.config, now.environment, now.spec)
    is_member = now.is_configured and isinstance(now.facts.node, Known)
    if values and not is_member and not join.is_written(values, now.config):
        plan.append(steps.put_config(values))
    if now.needs_install:
        version = str(now.wanted_version or "")
        downloader, fresh = now.files.downloader, not now.unit.loaded
        plan += steps.installation(now.spec.options.join, version, downloader, fresh=fresh)
    return tuple(plan)


def _start(now: Situation) -> Plan:
    unit, node = now.unit, now.spec.kubernetes_node
    is_new = isinstance(now.facts.node, Absent) and unit.name != SERVER
    plan: list[Step] = []
    # Not a restart without waiting: its first moment looks like the state before it.
    if unit.running or unit.starting:
        plan.append(steps.stop(unit.name))
    if now.has_dead_certificate and unit.name != SERVER:
        plan += steps.drop_client_certificate()
    was_enabled = unit.loaded and unit.enabled == "enabled"
    if now.needs_install or not was_enabled:
        plan.append(steps.enable(unit.name, was_enabled=was_enabled))
    plan.append(steps.start(unit.name, node, new_node=is_new))
    return tuple(plan)


def _notes(now: Situation) -> tuple[Note, ...]:
    """What is worth saying of a member."""
    have, wanted, skew = now.kubelet_version, now.spec.options.join.version, now.clock_skew
    notes = [join.version_skew(have, now.server_version)]
    if have and wanted and str(have) != wanted:
        notes.append(Note("join.version-differs", {"have": str(have), "want": wanted}))
    if skew is not None and abs(skew) > CLOCK_DRIFT_SECONDS:
        notes.append(Note("join.clock-drift", {"seconds": str(skew)}))
    return tuple(note for note in notes if note)
