"""Stage 6: the RuntimeClass by which a pod asks for the nvidia runtime."""

from __future__ import annotations

from dataclasses import replace

from gpu_wizard.facts.manifests import runtime_class_manifest
from gpu_wizard.facts.objects import API_VERSION, ApiVersion
from gpu_wizard.facts.runtime_classes import K3S_SIBLINGS, RUNTIME_CLASSES, RuntimeClassObject
from gpu_wizard.model.action import ApplyObject, Plan, Step
from gpu_wizard.model.fact import Fact, Known, Unknown, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import Assessment, Found, Stage, blocked, done, needed, not_seen

HANDLER = "nvidia"


@facts
class RuntimeClassFacts:
    """What stage 6 asks."""

    classes: Fact[tuple[RuntimeClassObject, ...]] = asks(RUNTIME_CLASSES)
    api: Fact[ApiVersion] = asks(API_VERSION)


class RuntimeClass(Stage[RuntimeClassFacts]):
    """Adopts the class that K3s ships; makes one only where none comes; stops at a foreign handler."""

    id = "runtime-class"
    facts_type = RuntimeClassFacts
    settle_seconds = 10.0

    def assess(self, facts: RuntimeClassFacts, spec: Spec) -> Assessment:
        """Whether the class is there, with the right handler."""
        if not isinstance(facts.classes, Known):
            why = facts.classes if isinstance(facts.classes, Unknown) else Unknown("no-cluster")
            return not_seen(why)
        name = spec.options.runtime_class.name
        for each in facts.classes.value:
            if each.name == name and each.handler != HANDLER:
                return blocked(
                    "runtime-class.foreign-handler",
                    name=name,
                    handler=each.handler,
                    maker=each.maker,
                )
            if each.name == name:
                return done(f"runtime-class.{each.maker}", name=name)
        # K3s's own classes come some seconds after its server is Ready (recorded): give them that time.
        may_come = not any(each.name in K3S_SIBLINGS for each in facts.classes.value)
        return replace(needed("runtime-class.missing", name=name), settling=may_come)

    def plan(self, facts: RuntimeClassFacts, spec: Spec) -> Plan:
        """A class of our own."""
        name = spec.options.runtime_class.name
        return (
            Step(
                "runtime-class.create",
                ApplyObject(runtime_class_manifest(name)),
                params={"name": name},
            ),
        )

    def found(self, facts: RuntimeClassFacts, spec: Spec) -> tuple[Found, ...]:
        """The class, its handler, and who made it."""
        name = spec.options.runtime_class.name
        mine = [each for each in value_or(facts.classes, ()) if each.name == name]
        if not mine:
            return (Found("found.runtime-class", "", "needed"),)
        good = mine[0].handler == HANDLER
        return (
            Found("found.runtime-class", name, "done" if good else "blocked"),
            Found("found.handler", mine[0].handler, "done" if good else "blocked"),
            Found("found.maker", mine[0].maker),
        )
