"""`manifest`: a workload as YAML, by default for a node as this program leaves it, or for a cluster that is asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.stopping import until_stopped
from gpu_wizard.faces.manifest import as_yaml
from gpu_wizard.facts.workloads import Fit, Wanted, WorkloadFacts, cautions, fit_of, workload
from gpu_wizard.knowledge.texts import Language, sentence
from gpu_wizard.model.errors import InputError, WizardError
from gpu_wizard.model.events import Event
from gpu_wizard.model.stage import Note


def manifest(arguments: argparse.Namespace) -> Exit:
    """Print the objects; what would keep them from running goes to standard error.

    Raises: InputError: a count below one, or a setup file that is no good.
    """
    for name in ("replicas", "gpus"):
        if getattr(arguments, name) < 1:
            raise InputError("manifest-usage", f"--{name} must be at least 1.")
    wanted = Wanted(
        kind=arguments.kind,
        name=arguments.name,
        namespace=arguments.namespace,
        image=arguments.image,
        replicas=arguments.replicas,
        gpus=arguments.gpus,
    )
    fit, unasked = until_stopped(_asked(Path(arguments.setup))) if arguments.setup else (Fit(), ())
    _say((*unasked, *cautions(wanted, fit)), arguments.lang)
    print(
        as_yaml(workload(wanted, fit), arguments.lang, comments=not arguments.no_comments), end=""
    )
    return Exit.DONE


def _say(notes: Iterable[Note], language: Language) -> None:
    for note in notes:
        print(f"! {sentence('note', note.code, note.params, language)}", file=sys.stderr)


async def _asked(path: Path) -> tuple[Fit, tuple[Note, ...]]:
    """The cluster of a setup file, and the nodes that could not be asked. Raises: InputError."""
    from gpu_wizard.cli.edges import READERS
    from gpu_wizard.cli.keyring import prompt
    from gpu_wizard.cli.passwords import passwords
    from gpu_wizard.cli.reach import Reach
    from gpu_wizard.engine.survey import filled, look
    from gpu_wizard.journal.recording import read_setup

    setup = read_setup(path)
    reach = Reach(setup, READERS, await passwords(setup, prompt, READERS))
    looks: list[WorkloadFacts] = []
    notes: list[Note] = []
    try:
        await reach.begin()
        for entry in setup.nodes:
            try:
                spec, node = await reach.berth(entry).connect()
                try:
                    seen = await look(node, (), spec, _in_silence, also=(WorkloadFacts,))
                finally:
                    await node.host.close()
            except WizardError as error:
                notes.append(Note("workload.not-asked", {"node": entry.name, "text": str(error)}))
                continue
            looks.append(filled(WorkloadFacts, seen.facts))
    finally:
        await reach.close()
    return fit_of(looks), tuple(notes)


async def _in_silence(_event: Event) -> None:
    """Only the answers count here."""
