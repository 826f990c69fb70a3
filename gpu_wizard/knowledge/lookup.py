"""From what a person types to a page: a topic, a command, a word of one, a key, a field, a file, a code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpu_wizard.knowledge.guide import (
    PAGES,
    TABLES,
    Block,
    Page,
    Row,
    contents,
    page,
    tables,
)
from gpu_wizard.knowledge.meanings import anywhere, even, readable
from gpu_wizard.knowledge.store import Kind, names, said, table, tables_of
from gpu_wizard.knowledge.texts import Language, catalogue
from gpu_wizard.knowledge.words import explain_line, program_of

_ALIASES = {
    "containerd": "runtime",
    "config.toml": "config-toml",
    "config.yaml": "config-yaml",
    "setup.toml": "setup",
    ".repo": "rpm-source",
    "sources.list": "apt-source",
    "setup-file": "setup",
    "env": "environment",
    "plugin": "device-plugin",
    "runtimeclass": "runtime-class",
    "heredoc": "<<'EOF'",
    "here-document": "<<'EOF'",
    "here-документ": "<<'EOF'",
    "eof": "<<'EOF'",
    "'eof'": "<<'EOF'",
    "jsonpath": "-o jsonpath=*",
    "apt": "apt-get",
    "гайд": "guide",
    "драйвер": "driver",
    "карта": "card",
    "метка": "label",
    "метки": "labels",
    "нода": "node",
    "откат": "undo",
    "плагин": "device-plugin",
    "под": "pod",
    "подключение": "join",
    "проверка": "proof",
    "теория": "theory",
    "токен": "token",
    "версии": "versions",
}
"""Other names of pages, tables and words; what is asked for by its own name is found before."""
_TITLES = {
    "overview": ["What can be explained", "Что можно объяснить"],
    "pages": ["Pages", "Страницы"],
    "tables": ["Tables of keys and fields", "Таблицы ключей и полей"],
    "programs": ["Programs", "Программы"],
    "word": ["What {word} means", "Что значит {word}"],
    "line": ["What this command means", "Что значит эта команда"],
    "event": ["Lines of --json", "Строки --json"],
    "hint": [
        "gpu-wizard explain TOPIC shows one of these; a whole command works too: gpu-wizard explain apt-get install -y",
        "gpu-wizard explain ТЕМА показывает одно из этого; можно и целую команду: gpu-wizard explain apt-get install -y",
    ],
}


def find(words: Sequence[str], language: Language = "en") -> Page | None:
    """The page for what was typed; None where nothing is told of it. No words: theory and the list."""
    if not words:
        return overview(language)
    phrase = " ".join(words).strip()
    if " " not in phrase:
        return _single(phrase, language)
    line = shlex.join(words) if len(words) > 1 else phrase
    return _command_line(line, language) or _phrase(phrase, language)


def overview(language: Language = "en") -> Page:
    """The theory, then everything that can be asked for."""
    theory = page("theory", language)
    blocks = theory.blocks if theory else ()
    programs = tuple(
        Row(name, _text("commands", name, language)) for name in sorted(names("commands"))
    )
    lists = (("pages", contents(language)), ("tables", tables(language)), ("programs", programs))
    listed = [
        block
        for name, rows in lists
        for block in (Block("heading", said(_TITLES[name], language)), Block("rows", rows=rows))
    ]
    hint = Block("text", said(_TITLES["hint"], language))
    return Page("", theory.title if theory else "", (*blocks, *listed, hint))


def nearest(word: str) -> list[str]:
    """Known names that look like it."""
    import difflib  # only where nothing was found: it costs as much as a whole page

    known = [*PAGES, *_ALIASES, *names("commands"), *names("keys"), *names("fields")]
    for kind in TABLES:
        known += [name for _, entry in tables_of(kind) for name in entry.get("names", {})]
    return difflib.get_close_matches(word, dict.fromkeys(known), 3, 0.6)


def _single(word: str, language: Language) -> Page | None:
    name = word.lower()
    if word in PAGES or name in PAGES or (word.isdecimal() and len(word) == 1 and word != "0"):
        return page(name, language)
    if name == "events":
        return _events(language)
    if _ALIASES.get(name) in PAGES:
        return page(_ALIASES[name], language)
    other = _ALIASES.get(name, "")
    exact = (
        _program(word, language)
        or _program(name, language)
        or _table(word, language)
        or _table(other, language)
    )
    if exact:
        return exact
    found = tuple(anywhere(word, language))
    return _single(other, language) if other and not found else _found(word, found, language)


def _phrase(phrase: str, language: Language) -> Page | None:
    """Several words that are no command: `device plugin`, `stage 3`, `CUDA Version`, `-o wide`, `handler: nvidia`."""
    stage = re.fullmatch(r"(?:stage|этап) ([1-9])", phrase.lower())
    joined = stage[1] if stage else even(phrase)
    if joined in PAGES or joined in _ALIASES or stage:
        return _single(joined, language)
    if (whole := _table(joined, language)) is not None:
        return whole
    return _found(phrase, tuple(anywhere(phrase, language)), language)


def _found(word: str, rows: tuple[Row, ...], language: Language) -> Page | None:
    title = said(_TITLES["word"], language).format(word=word)
    return Page(word, title, (Block("rows", rows=rows),)) if rows else None


def _command_line(line: str, language: Language) -> Page | None:
    rows = tuple(Row(w.text, w.meaning, w.depth) for w in explain_line(line, language))
    if not any(row.meaning for row in rows):
        return None
    shown = (Block("command", code=line), Block("rows", rows=rows))
    inside = Block("rows", rows=tuple(_inside(line, language)))
    return Page(line, said(_TITLES["line"], language), (*shown, *([inside] if inside.rows else [])))


def _inside(line: str, language: Language) -> Iterator[Row]:
    """The keys of the objects or settings that a command carries: in a here-document, or as JSON."""
    carried = "".join(re.findall(r"<<-?'?\w+'?[^\n]*\n(.*)", line, re.DOTALL))
    written = re.findall(r"^[ -]*([\w./-]+):", carried, re.MULTILINE)
    written += re.findall(r'"([\w./-]+)" *:', line.partition("--overrides=")[2])
    where = "config-yaml" if carried and "apiVersion:" not in carried else "object"
    told = (table("keys", where) or {}).get("names", {})
    yield from (
        Row(key, said(told[key], language)) for key in dict.fromkeys(written) if key in told
    )


def _program(name: str, language: Language) -> Page | None:
    """A program with all its words."""
    program = program_of(name)
    if program is None:
        return None
    rows = tuple(
        Row(readable(word), said(text, language)) for word, text in program.patterns.items()
    )
    about = Block("text", said(program.entry["text"], language))
    answers = _table(program.name, language)
    fields = (Block("heading", answers.title), *answers.blocks) if answers else ()
    return Page(program.name, program.name, (about, Block("rows", rows=rows), *fields))


def _table(name: str, language: Language) -> Page | None:
    """A whole table of keys or fields."""
    for kind in TABLES:
        entry = table(kind, name)
        if entry is not None:
            rows = tuple(Row(key, said(text, language)) for key, text in entry["names"].items())
            return Page(
                name,
                said(entry["title"], language),
                (Block("rows", entry.get("file", ""), rows=rows),),
            )
    return None


def _events(language: Language) -> Page:
    rows = tuple(Row(name, entry[language]) for name, entry in catalogue()["event"].items())
    return Page("events", said(_TITLES["event"], language), (Block("rows", rows=rows),))


def _text(kind: Kind, name: str, language: Language) -> str:
    entry: Mapping[str, Any] = table(kind, name) or {}
    return said(entry.get("text"), language)
