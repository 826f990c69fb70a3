"""Pages of the guide as data: a stage, the theory, a command, a key. Faces render them."""

# Annotations as such, not as text: a NamedTuple compiles text, which costs `explain` a tenth of its start.
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gpu_wizard.knowledge.store import Kind, document, entries, names, said, table
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.knowledge.words import Word, explain_command, explain_line, meaning_of_file

BlockKind = Literal["heading", "text", "drawing", "command", "file", "output", "rows"]
STAGE_PAGES = (
    *("join", "driver", "toolkit", "runtime", "device-plugin"),
    *("runtime-class", "plugin-runtime", "labels", "proof"),
)
PAGES = ("theory", *STAGE_PAGES, "versions", "next", "undo", "guide")
TABLES: tuple[Kind, ...] = ("keys", "fields")


class Row(NamedTuple):
    """A name and what it means. `depth` 1: a part of the one above. `source`: where a claim comes from."""

    name: str
    meaning: str
    depth: int = 0
    source: str = ""


class Block(NamedTuple):
    """A piece of a page. `text`: sentences. `code`: a command, a file's content, an output or a drawing.
    `place`: where a command runs (`server`, `node`, `kubectl`), or a file's path.
    """

    kind: BlockKind
    text: str = ""
    code: str = ""
    place: str = ""
    rows: tuple[Row, ...] = ()


class Page(NamedTuple):
    """A page: its topic as one asks for it, its title, its blocks in order."""

    topic: str
    title: str
    blocks: tuple[Block, ...] = ()


def page(topic: str, language: Language = "en") -> Page | None:
    """The page of a stage (by id or number), of the theory, of the proof, …; None where there is none."""
    name = STAGE_PAGES[int(topic) - 1] if topic in "123456789" and topic else topic
    content = document("pages", name)
    return _Writer(name, content, language).page() if content is not None else None


def contents(language: Language = "en") -> tuple[Row, ...]:
    """All pages in reading order: topic and title."""
    return tuple(
        Row(name, said((document("pages", name) or {}).get("title"), language)) for name in PAGES
    )


def meaning(reference: str, language: Language = "en") -> str:
    """What `table:name` means, of keys or of fields; "" where nothing is told of it."""
    where, _, name = reference.partition(":")
    for kind in TABLES:
        told = (table(kind, where) or {}).get("names", {})
        if name in told:
            return said(told[name], language)
    return ""


def as_typed(argv: Sequence[str]) -> str:
    """A command as a person can type it; a script comes as a here-document, readable as it stands."""
    if "-c" not in argv or "\n" not in argv[argv.index("-c") + 1]:
        return shlex.join(argv)
    at = argv.index("-c")
    head = shlex.join([*argv[:at], "-s", *(["--", *argv[at + 3 :]] if argv[at + 3 :] else [])])
    return f"{head} <<'EOF'\n{argv[at + 1].strip()}\nEOF"


class _Writer:
    """Turns a page's data into blocks; a word is explained once a page, where it first stands."""

    def __init__(self, topic: str, content: Mapping[str, Any], language: Language) -> None:
        self._topic, self._content, self._language = topic, content, language
        self._told: set[tuple[str, str]] = set()

    def page(self) -> Page:
        blocks = [self._block(block) for block in self._content.get("block", ())]
        blocks += self._program()
        return Page(self._topic, said(self._content["title"], self._language), tuple(blocks))

    def _block(self, block: Mapping[str, Any]) -> Block:
        text = said(block.get("text"), self._language)
        if "head" in block:
            return Block("heading", said(block["head"], self._language))
        if "draw" in block:
            return Block("drawing", text, said(block["draw"], self._language).strip("\n"))
        rows = tuple(self._rows(block))
        if "run" in block:
            run = block["run"].strip("\n")
            words = self._new(explain_line(run, self._language))
            return Block("command", text, run, block["on"], (*words, *rows))
        if "file" in block:
            return Block("file", text, block["code"].strip("\n"), block["file"], rows)
        if "shows" in block:
            return Block("output", text, block["shows"].strip("\n"), rows=rows)
        return Block("rows" if rows else "text", text, rows=rows)

    def _rows(self, block: Mapping[str, Any]) -> Iterator[Row]:
        for reference in block.get("refs", ()):
            yield Row(reference.partition(":")[2], meaning(reference, self._language))
        for name, english, russian, *source in block.get("list", ()):
            shown = name if isinstance(name, str) else said(name, self._language)
            yield Row(shown, russian if self._language == "ru" else english, source="".join(source))

    def _new(self, words: Sequence[Word]) -> Iterator[Row]:
        """Those that this page has not explained yet."""
        for word, following in zip(words, (*words[1:], None), strict=True):
            key = (word.text, word.meaning)
            if word.meaning and key not in self._told:
                self._told.add(key)
                yield _row(word, has_parts=following is not None and following.depth > word.depth)

    def _program(self) -> Iterator[Block]:
        """What gpu-wizard itself asks and does here, taken from the program (see tests/knowledge)."""
        for part in ("asked", "done"):
            mine = entries("program", part, self._topic)
            if mine:
                headings = (document("pages", "program") or {})["heading"]
                yield Block("heading", said(headings[part], self._language))
            yield from (self._entry(entry) for entry in mine)

    def _entry(self, entry: Mapping[str, Any]) -> Block:
        title = said(entry.get("title"), self._language)
        if "files" in entry:
            rows = tuple(_alike(entry["files"], self._language))
            return Block("rows", title, place=entry["on"], rows=rows)
        argv = entry.get("argv")
        shown = as_typed(argv) if argv else entry["run"]
        words = (
            explain_command(argv, self._language) if argv else explain_line(shown, self._language)
        )
        return Block("command", title, shown, entry["on"], tuple(self._new(words)))


def _alike(paths: Iterable[str], language: Language) -> Iterator[Row]:
    """Files with their meaning; those that mean the same in one row."""
    together: dict[str, list[str]] = {}
    for path in paths:
        together.setdefault(meaning_of_file(path, language), []).append(path)
    yield from (Row("  ".join(names), text) for text, names in together.items())


def _row(word: Word, *, has_parts: bool) -> Row:
    """A list whose parts follow is named by its beginning."""
    first, comma, _ = word.text.partition(",")
    name = f"{first},…" if has_parts and comma else word.text
    return Row(name, word.meaning, word.depth)


def tables(language: Language = "en") -> tuple[Row, ...]:
    """The tables of keys and fields: name and title."""
    return tuple(
        Row(name, said((table(kind, name) or {}).get("title"), language))
        for kind in TABLES
        for name in names(kind)
    )
