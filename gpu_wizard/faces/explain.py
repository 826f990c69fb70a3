"""Pages for a terminal of 80 columns, plain or with bold headings, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from gpu_wizard.knowledge.guide import Block, Page, Row
from gpu_wizard.knowledge.texts import Language

WIDTH = 80
_NAME_WIDTH = 22
_PLACES = {
    "node": ("on the node", "на ноде"),
    "server": ("on the server", "на сервере"),
    "kubectl": ("kubectl", "kubectl"),
    "desk": ("on your machine", "на вашей машине"),
}
_SOURCE = ("source: ", "источник: ")


def as_text(page: Page, language: Language, *, styled: bool = False) -> str:
    """A page as lines of at most 80 columns; commands and files are never broken. `styled`: bold headings."""
    lines = [_strong(page.title, styled=styled), "═" * len(page.title)]
    for block in page.blocks:
        lines += ["", *_block(block, language, styled=styled)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def as_json(page: Page) -> str:
    """The same as data; keys without a value are left out."""
    import json  # the other form does without it, and starts sooner

    blocks = [
        {
            "kind": block.kind,
            **{key: value for key in ("text", "code", "place") if (value := getattr(block, key))},
            **({"rows": [_data(row) for row in block.rows]} if block.rows else {}),
        }
        for block in page.blocks
    ]
    return json.dumps(
        {"topic": page.topic, "title": page.title, "blocks": blocks}, ensure_ascii=False, indent=2
    )


def _data(row: Row) -> dict[str, object]:
    extra: dict[str, object] = {"part": True} if row.depth else {}
    return {
        "name": row.name,
        "meaning": row.meaning,
        **extra,
        **({"source": row.source} if row.source else {}),
    }


def _block(block: Block, language: Language, *, styled: bool) -> Iterator[str]:
    if block.kind == "heading":
        yield _strong(block.text, styled=styled)
        yield "─" * len(block.text)
        return
    if block.kind == "drawing":
        yield from block.code.splitlines()
        return
    if block.text:
        yield from _wrapped(block.text)
    place = _PLACES.get(block.place, (block.place, block.place))[language == "ru"]
    if place:
        yield f"  [{place}]"
    if block.code:
        yield from _code(block)
    for row in block.rows:
        yield from _row(row, language)


def _code(block: Block) -> Iterator[str]:
    """A command behind `$`, files and outputs behind blanks; what spans lines as one command stands at the
    margin, so that it can be copied as it is.
    """
    if block.kind == "command" and ("<<'EOF'" in block.code or "='[" in block.code):
        yield from block.code.splitlines()
        return
    sign = "$ " if block.kind == "command" else "  "
    yield from (f"  {sign}{line}" for line in block.code.splitlines())


def _row(row: Row, language: Language) -> Iterator[str]:
    """Name and meaning side by side; a long name stands alone, its meaning below."""
    indent = 4 + 2 * row.depth
    beside = WIDTH - indent - _NAME_WIDTH - 2
    meaning = _lines(row.meaning, beside)
    name, *rest = _name_lines(row.name, indent)
    if rest or len(name) > _NAME_WIDTH:
        yield from (" " * indent + line for line in (name, *rest))
        name = ""
    for line in meaning:
        yield f"{' ' * indent}{name:<{_NAME_WIDTH}}  {line}"
        name = ""
    if row.source:
        source = _SOURCE[language == "ru"] + row.source
        yield from (f"{' ' * (indent + _NAME_WIDTH)}  {line}" for line in _lines(source, beside))


def _name_lines(name: str, indent: int) -> list[str]:
    return [piece for line in name.splitlines() or [""] for piece in _lines(line, WIDTH - indent)]


def _wrapped(text: str) -> list[str]:
    return [line for part in text.split("\n") for line in _lines(part, WIDTH)]


def _lines(text: str, width: int) -> list[str]:
    """A text in lines; words, options and paths are never broken. Most texts are short, and cost nothing."""
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _strong(text: str, *, styled: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if styled else text
