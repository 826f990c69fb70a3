"""A host's way into the cluster: what the stage asks for it, and what follows from the answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gpu_wizard.facts import k3s_join as join
from gpu_wizard.facts.identity import BOOT_ID, K3S_CONFIG, K3sConfig
from gpu_wizard.facts.k3s import (
    CA_HASH,
    CLOCK,
    K3S_ENVIRONMENT,
    K3S_FILES,
    K3S_VERSION,
    MACHINE_ID,
    NODE_IDENTITY,
    PASSWORD_SECRET,
    SERVER_CLOCK,
    SERVER_VERSION,
    TOKEN_FILES,
    K3sEnvironment,
    K3sFiles,
    NodeIdentity,
)
from gpu_wizard.facts.k3s_journal import JOURNAL, K3sJournal
from gpu_wizard.facts.k3s_server import PORT_BY_CURL, PORT_BY_WGET, ServerPort, port_of
from gpu_wizard.facts.k3s_token import TokenSource, token_source
from gpu_wizard.facts.objects import API_VERSION, NODE, ApiVersion, NodeObject
from gpu_wizard.facts.systemd import AGENT, SERVER, UNITS, K3sUnits, UnitState
from gpu_wizard.model.fact import Absent, Fact, Known, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.version import Version

_NOTHING = K3sUnits(UnitState(AGENT), UnitState(SERVER))


@facts
class JoinFacts:
    """What tells whether the host is a member, and what a join needs."""

    units: Fact[K3sUnits] = asks(UNITS)
    journal: Fact[K3sJournal] = asks(JOURNAL)
    version: Fact[Version] = asks(K3S_VERSION)
    files: Fact[K3sFiles] = asks(K3S_FILES)
    config: Fact[K3sConfig] = asks(K3S_CONFIG)
    environment: Fact[K3sEnvironment] = asks(K3S_ENVIRONMENT)
    boot_id: Fact[str] = asks(BOOT_ID)
    machine_id: Fact[str] = asks(MACHINE_ID)
    clock: Fact[int] = asks(CLOCK)
    curl: Fact[ServerPort] = asks(PORT_BY_CURL)
    wget: Fact[ServerPort] = asks(PORT_BY_WGET)
    server_clock: Fact[int] = asks(SERVER_CLOCK)
    server_version: Fact[Version] = asks(SERVER_VERSION)
    ca_hash: Fact[str] = asks(CA_HASH)
    token_files: Fact[tuple[str, ...]] = asks(TOKEN_FILES)
    api_version: Fact[ApiVersion] = asks(API_VERSION)
    node: Fact[NodeObject] = asks(NODE)
    identity: Fact[NodeIdentity] = asks(NODE_IDENTITY)
    password: Fact[bool] = asks(PASSWORD_SECRET)


@dataclass(frozen=True)
class Situation:
    """The facts in the light of the Spec. Nothing here asks anything."""

    facts: JoinFacts
    spec: Spec

    @cached_property
    def unit(self) -> UnitState:
        """The unit that counts."""
        return value_or(self.facts.units, _NOTHING).current

    @property
    def unit_words(self) -> str:
        """The unit as a person reads it: `k3s-agent: active (running), enabled`; "" where there is none."""
        if not self.unit.loaded:
            return ""
        return f"{self.unit.name}: {self.unit.active} ({self.unit.sub}), {self.unit.enabled}"

    @property
    def journal(self) -> K3sJournal:
        """The unit's last start; an unread one tells nothing against it."""
        return value_or(self.facts.journal, K3sJournal())

    @property
    def last_words(self) -> str:
        """Why the Node is not Ready, else the journal's last line."""
        told = value_or(self.facts.identity, NodeIdentity()).message
        tail = self.journal.tail
        return told or (tail[-1][:200] if tail else "")

    @property
    def age(self) -> float:
        """Seconds since the unit's last start; at least so many where it is out of the journal's reach."""
        journal = self.journal
        since = journal.oldest_at if journal.started_at is None else journal.started_at
        return value_or(self.facts.clock, int(journal.latest_at)) - since

    @property
    def files(self) -> K3sFiles:
        """Which files are there."""
        return value_or(self.facts.files, K3sFiles())

    @property
    def config(self) -> K3sConfig:
        """The configuration as K3s merges it."""
        return value_or(self.facts.config, join.NO_CONFIG)

    @property
    def environment(self) -> K3sEnvironment:
        """What the agent unit's environment says."""
        return value_or(self.facts.environment, K3sEnvironment())

    @property
    def configured_at(self) -> float:
        """When configuration or token last changed."""
        token_at = self.files.our_token_at if self.is_ours else 0
        return float(max(self.config.newest_mtime, token_at))

    @property
    def is_configured(self) -> bool:
        """Whether the agent knows a server and has a token."""
        return join.is_configured(self.config, self.environment)

    @property
    def is_ours(self) -> bool:
        """Whether the token that the agent uses is one that we put there."""
        return not join.has_foreign_token(self.config, self.environment)

    @property
    def server(self) -> str:
        """The address that agents are to join through, "" where nobody said."""
        return self.spec.server.rstrip("/")

    @property
    def configured_server(self) -> str:
        """The address that the agent has been told, by configuration or environment."""
        return (self.config.text("server") or self.environment.server).rstrip("/")

    @property
    def names(self) -> dict[str, str]:
        """Parameters that most texts use."""
        return {
            "node": self.spec.kubernetes_node,
            "unit": self.unit.name,
            "server": self.server or self.configured_server,
        }

    @property
    def port(self) -> Fact[ServerPort]:
        """What answers at the server's address."""
        return port_of(self.facts.curl, self.facts.wget)

    @property
    def clock_skew(self) -> int | None:
        """Seconds that the host is ahead of the control plane; the two answer within a few seconds."""
        here, there = self.facts.clock, self.facts.server_clock
        if isinstance(here, Known) and isinstance(there, Known):
            return here.value - there.value
        return None

    @property
    def server_version(self) -> Version | None:
        """The cluster's version, by its API or by its server's binary."""
        api = self.facts.api_version
        if isinstance(api, Known):
            return api.value.version
        return value_or(self.facts.server_version, None)

    @property
    def wanted_version(self) -> Version | None:
        """The version that an agent is to have."""
        chosen = self.spec.options.join.version
        return Version(chosen) if chosen else self.server_version

    @property
    def kubelet_version(self) -> Version | None:
        """What the Node says that it runs."""
        node = value_or(self.facts.node, None)
        return Version(node.kubelet_version) if node and node.kubelet_version else None

    def is_this_boot(self, node: NodeObject) -> bool:
        """Whether the Node was last written by this host since its boot."""
        return node.boot_id == value_or(self.facts.boot_id, "")

    def is_same_machine(self, node: NodeObject) -> bool:
        """Whether the Node is this host, perhaps booted again since."""
        theirs = value_or(self.facts.identity, NodeIdentity()).machine_id
        same = bool(theirs) and theirs == value_or(self.facts.machine_id, "")
        return same or self.is_this_boot(node)

    def is_a_moment_old(self, node: NodeObject) -> bool:
        """Whether the Node speaks of a boot that is over and is still said to be Ready.

        Source: K3s v1.36.2 as recorded (06/c): a Node stays Ready for 44 to 57 s after its agent's end.
        """
        return node.ready == "True" and not self.is_this_boot(node)

    def is_run_by_another_unit(self, node: NodeObject) -> bool:
        """Whether this host is that Node, and Ready, though neither of K3s's units is here."""
        return node.ready == "True" and self.is_this_boot(node) and not self.unit.loaded

    @property
    def stranger(self) -> NodeObject | None:
        """A Node of our name that is another machine."""
        node = value_or(self.facts.node, None)
        return node if node and not self.is_same_machine(node) else None

    @property
    def has_orphaned_password(self) -> bool:
        """Whether a node-password Secret without owner is left though there is no such Node."""
        return isinstance(self.facts.node, Absent) and self.facts.password == Known(False)

    @property
    def keeps_password(self) -> bool:
        """Whether the host's own password may be the one that the Secret knows."""
        cause = self.journal.cause
        rejected = cause is not None and cause.code == "node-password-rejected"
        return self.files.node_password and not rejected

    @property
    def has_dead_certificate(self) -> bool:
        """Whether a client certificate is left of a Node that is gone."""
        return isinstance(self.facts.node, Absent) and self.files.client_certificate

    @property
    def needs_install(self) -> bool:
        """Whether K3s must be installed: nothing there, or an idle attempt of another version."""
        if self.unit.running or self.unit.starting or self.unit.name == SERVER:
            return False
        have, want = self.facts.version, self.wanted_version
        if not self.unit.loaded or not isinstance(have, Known):
            return True
        # The installer writes the unit's environment anew: what others put there would be lost.
        is_outside = isinstance(self.facts.node, Absent) and self.environment == K3sEnvironment()
        pinned = want is not None and not self.spec.options.join.binary_file
        return is_outside and pinned and have.value != want

    @property
    def lack(self) -> str:
        """What an idle host lacks: all (`missing`), its configuration (`unfinished`) or a start (`stopped`)."""
        if self.needs_install:
            return "missing"
        return "stopped" if self.is_configured else "unfinished"

    @property
    def needs_token(self) -> bool:
        """Whether a token must be put there: nobody else's is, and ours is gone or the Node is."""
        outside = isinstance(self.facts.node, Absent)
        return self.is_ours and (outside or not self.files.our_token_at)

    @cached_property
    def token_source(self) -> TokenSource | None:
        """How to get a token, with the CA hash that it must carry."""
        served = value_or(self.port, ServerPort("")).ca_sha256
        ca_sha256 = value_or(self.facts.ca_hash, "") or served
        facts = self.facts
        return token_source(self.spec, facts.server_version, facts.token_files, ca_sha256)
