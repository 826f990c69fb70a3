"""What the wizard needs of the outside, given by the command line as functions: a face builds no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from gpu_wizard.engine.gpu_watch import CardSource
    from gpu_wizard.faces.exchanged import (
        Asker,
        Bundle,
        Candidate,
        Recent,
        RunRequest,
        Tested,
        Unfinished,
    )
    from gpu_wizard.knowledge.texts import Language
    from gpu_wizard.model.events import SetupFinished
    from gpu_wizard.model.ports import Face
    from gpu_wizard.model.setup_file import ClusterEntry, HostEntry, SetupFile


class Services(NamedTuple):
    """The functions. Each raises `WizardError` alone."""

    run: Callable[[RunRequest, Face, Asker], Awaitable[SetupFinished]]
    test: Callable[[HostEntry, Asker], Awaitable[Tested]]
    contexts: Callable[[str], Sequence[str]]
    """Of a kubeconfig, by its path; the current one first."""
    test_api: Callable[[ClusterEntry], Awaitable[Tested]]
    candidates: Callable[[], Sequence[Candidate]]
    unfinished: Callable[[], Sequence[Unfinished]]
    recent: Callable[[], Sequence[Recent]]
    save_setup: Callable[[SetupFile, Path], None]
    """A file that is there already is left alone."""
    save_text: Callable[[str, Path], None]
    """Likewise; whole or not at all."""
    bundle: Callable[[Language, Mapping[str, str]], Bundle]
    """Of the newest run, with these texts beside its files; takes a moment."""
    save_bundle: Callable[[Bundle, Path], None]
    """A file that is there already is left alone."""
    practice: Callable[[], Awaitable[SetupFile]] | None = None
    """Starts the practice lab; None where its packages are not installed."""
    telemetry: Callable[[SetupFile, str, Asker], CardSource] | None = None
    """Samples of a node's cards, their processes with pods."""
    prepare: Callable[[], None] | None = None
    """Imports what is heavy, in a thread, once the first frame stands."""
