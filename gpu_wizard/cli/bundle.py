"""`bundle`: what somebody who helps needs to see of a run, without names, addresses and secrets."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from gpu_wizard import __version__
from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.run_folders import newest_run, runs_folder
from gpu_wizard.faces.diagnose import as_text
from gpu_wizard.faces.exchanged import Bundle
from gpu_wizard.journal.recording import write_new
from gpu_wizard.knowledge.anonymous import Anonymizer
from gpu_wizard.knowledge.diagnose import Diagnoser
from gpu_wizard.knowledge.texts import Language, sentence
from gpu_wizard.model.errors import InputError, Where

LARGEST_BYTES = 8 << 20
"""Of a longer file the end is taken: that is where a run failed."""
_SUFFIXES = (".jsonl", ".log", ".toml", ".json", ".txt")
_SHOWN_LINES = 40
_SURVEY_SECONDS = 60.0


def bundle(arguments: argparse.Namespace) -> Exit:
    """Collect, show, ask, write. Raises: InputError: no such run, or the file can't be written."""
    folder = run_folder(arguments.run)
    more = {"survey.json": _survey(arguments)} if arguments.setup else {}
    found = gathered(folder, more, arguments.lang)
    if found is None:
        print(_word("nothing", arguments.lang, folder=str(folder)), file=sys.stderr)
        return Exit.FAILED
    _show(found, arguments.lang)
    target = Path(arguments.output or found.name)
    if not arguments.yes and not _agreed(target, found.files, arguments.lang):
        print(_word("not-written", arguments.lang), file=sys.stderr)
        return Exit.DONE
    write(found, target)
    count = str(len(found.files))
    print(_word("written", arguments.lang, file=str(target), count=count))
    return Exit.DONE


def gathered(folder: Path, more: Mapping[str, str], language: Language) -> Bundle | None:
    """A run's files and `more`, names and secrets replaced; None where there is nothing. Raises: InputError."""
    raw = {**more, **_collected(folder)}
    if not raw:
        return None
    raw["findings.txt"] = _findings(raw, language)
    raw["program.txt"] = f"gpu-wizard {__version__}\nPython {sys.version}\n{sys.platform}\n"
    anonymizer = Anonymizer(Path(name).stem for name in raw if name.endswith(".log"))
    for text in raw.values():
        anonymizer.learn(text)
    clean = {anonymizer.clean(name): anonymizer.clean(text) for name, text in raw.items()}
    name = anonymizer.clean(f"gpu-wizard-bundle-{folder.name}.tar.gz")
    return Bundle(clean, len(anonymizer.replaced), name.replace("<", "").replace(">", ""))


def run_folder(run: str | None) -> Path:
    """A run's folder: as given, by its name, or the newest that did something. Raises: InputError."""
    runs = runs_folder()
    places = (Path(run), runs / run) if run else filter(None, (newest_run(runs),))
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise InputError(
            "no-such-run",
            "There is no such run." if run else "There is no run yet.",
            Where(file=run or str(runs)),
            "Name a run's folder; without one the newest that did something is taken.",
        )
    return found


def _collected(folder: Path) -> dict[str, str]:
    """File name → text. Raises: InputError."""
    texts = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in _SUFFIXES and path.is_file():
            try:
                texts[path.name] = _end_of(path)
            except OSError as error:
                reason = f"Can't read it: {error.strerror}."
                raise InputError("log-unreadable", reason, Where(file=str(path))) from error
    return texts


def _end_of(path: Path) -> str:
    """The text, or its last whole lines: half a line could be half a secret, which nothing recognises."""
    beyond = path.stat().st_size - LARGEST_BYTES
    with path.open("rb") as file:
        if beyond > 0:
            file.seek(beyond)
            file.readline()
        return file.read().decode(errors="replace")


def _survey(arguments: argparse.Namespace) -> str:
    """What `status --json` says of the nodes of a setup file."""
    from gpu_wizard.cli.status import status

    wanted = argparse.Namespace(
        setup=arguments.setup,
        targets=[],
        control_plane="",
        kubeconfig="",
        context="",
        ask_sudo=False,
        timeout=_SURVEY_SECONDS,
        json=True,
        lang=arguments.lang,
    )
    document = io.StringIO()
    with contextlib.redirect_stdout(document):
        status(wanted)
    return document.getvalue()


def _findings(raw: Mapping[str, str], language: Language) -> str:
    diagnoser = Diagnoser()
    for name, text in raw.items():
        if name.endswith(".log"):
            diagnoser.feed(text.encode())
            diagnoser.end_of_part()
    return as_text(diagnoser.end(), (), language) + "\n"


def _show(found: Bundle, language: Language) -> None:
    print(_word("shown", language))
    for name, text in found.files.items():
        lines = text.splitlines()
        print(f"\n── {name} ({len(lines)})")
        if len(lines) > 2 * _SHOWN_LINES:
            hidden = len(lines) - 2 * _SHOWN_LINES
            lines = [*lines[:_SHOWN_LINES], f"… +{hidden} …", *lines[-_SHOWN_LINES:]]
        _print(lines)
    print()
    print(_word("replaced", language, count=str(found.replaced)))


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print("  " + "".join(each if each.isprintable() else " " for each in line))


def _agreed(target: Path, clean: Mapping[str, str], language: Language) -> bool:
    """Whether a person says yes; `a` shows every line first."""
    if not sys.stdin.isatty():
        return False
    while True:
        try:
            answer = input(_word("ask", language, file=str(target))).strip().lower()
        except EOFError:
            return False
        if answer not in ("a", "all", "в", "все"):
            return answer in ("y", "yes", "д", "да")
        for name, text in clean.items():
            _print([f"── {name}", *text.splitlines()])


def write(bundle: Bundle, target: Path) -> None:
    """A new archive that only its owner can read, whole or not at all. Raises: InputError."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, text in bundle.files.items():
            data = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"bundle/{name.replace('<', '').replace('>', '')}")
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    write_new(target, whole.getvalue())


def _word(key: str, language: Language, **params: str) -> str:
    return sentence("word", f"bundle.{key}", params, language)
