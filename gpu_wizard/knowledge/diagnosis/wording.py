"""The small language of a signature's wordings, and the literal that each of them can't do without.

`*` any text within a line; `**` also across line ends; `<name>` a word kept as a parameter; `<name:n>` a number;
`<name:t>` text up to a quote or the line's end; `{a|b}` either; `^` first: a line's start. All else stands for itself;
a blank is any white space, so that wrapped lines match. Upper and lower case are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_PARTS = re.compile(
    r"(?P<across>\*\*)|(?P<loose>\s+\*\s+)|(?P<gap>\*)|<(?P<name>[a-z_]+)(?::(?P<kind>[nt]))?>|(?P<start>^\^)"
    r"|(?P<blank>\s+)|(?P<text>[^*<\s]+|<)"
)
_KINDS = {None: r"[^\s\"',;]{1,200}", "n": r"\d{1,12}", "t": r"[^\n\"]{1,200}?"}
_TO_THE_END = r"[^\n\"]{1,160}"
_EITHER = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_DIGITS = re.compile(r"\d+")
_COMMON_WORDS = (
    "error|failed|denied|missing|not found|not ready|is in use|is loaded|is active|unable to|disabled|forbidden|invalid"
    "|no such file or directory|no such file|connection refused|permission denied|not supported|i/o timeout|shutdown"
    "|no route to host|context deadline exceeded|no such host|network is unreachable|connection reset by peer|error:"
    "|executable file not found|deadline exceeded|does not exist|manifests|image|registry|containerd|nvidia|nvidia-smi"
    "|https://|http://|validation|corruption|unauthorized|exited|is not|conflicts with|setting up|already exists|expired"
    "|failed with|predicate|slowdown|warning|required|timed out|timeout|heartbeat|failed to load|could not|cannot|config"
    "|not available|not loaded|port|certificate|proxy|package|packages|hook|setting|repo|hostname|driver version|returned"
    "|is missing|: not found|: no such file or directory|exception|connection|connect|device|driver|kernel|module|cluster"
    "|version|from|with|that|this|install|installed|update|server|client|pulling|docker|systemd|socket|memory|network|directory|operation"
)
_COMMON = frozenset(_COMMON_WORDS.split("|"))
"""Literals that stand in many ordinary lines: an anchor only where a wording has nothing better."""
_ESCAPE = re.compile(r"\\([^a-zA-Z0-9])")


@dataclass(frozen=True)
class Wording:
    """One way in which a cause is told. `anchor`: a lower-case literal without digits that stands in every match.

    "" where it holds none that is long enough.
    """

    source: str
    anchor: str
    flags: int = re.IGNORECASE

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled at its first use: a log brings few anchors of thousands, and all together take a second."""
        return re.compile(self.source, self.flags)

    def stands_in(self, text: str, plainly: str) -> bool:
        """Whether a text tells it. `plainly`: the same text as `without_digits` writes it."""
        return self.anchor in plainly and self.pattern.search(text) is not None


def wordings(text: str, *, anchored: bool = True) -> tuple[Wording, ...]:
    """Read a wording, each way of its alternatives by itself. Not `anchored`: it may be without an anchor.

    Raises: ValueError: it is to have an anchor and holds no literal long enough to look for.
    """
    found = _EITHER.search(text)
    if found is None:
        return (_wording(text.strip(), anchored=anchored),)
    options = found[1].split("|")
    ways = (text[: found.start()] + each + text[found.end() :] for each in options)
    return tuple(each for way in ways for each in wordings(way, anchored=anchored))


def _wording(text: str, *, anchored: bool) -> Wording:
    pieces, literals = [], [""]
    for part in _PARTS.finditer(text):
        piece, literal = _piece(part)
        pieces.append(piece)
        if literal:
            literals[-1] += literal
        else:
            literals.append("")
    if text.endswith(":t>"):
        pieces[-1] = pieces[-1].replace(_KINDS["t"], _TO_THE_END)
    return Wording("".join(pieces), _anchor(literals, text, needed=anchored))


def _piece(part: re.Match[str]) -> tuple[str, str]:
    """A part as a regular expression, and its literal text, "" where it has none."""
    if part["across"]:
        return r"[\s\S]{0,300}?", ""
    if part["loose"]:
        return r"\s+(?:[^\n]{0,240}?\s+)??", ""
    if part["gap"]:
        return r"[^\n]{0,240}?", ""
    if part["name"]:
        return f"(?P<{part['name']}>{_KINDS[part['kind']]})", ""
    if part["start"]:
        return r"(?:^|\n)\s*", ""
    if part["blank"]:
        return r"\s+", " "
    return re.escape(part["text"]), part["text"]


def expression(pattern: re.Pattern[str]) -> tuple[Wording, ...]:
    """The branches of a plain regular expression, each with its anchor.

    Raises: ValueError: a branch has no literal.
    """
    branches = _branches(pattern.pattern)
    return tuple(
        Wording(pattern.pattern, _anchor(_literals(each), each), pattern.flags) for each in branches
    )


def without_digits(text: str) -> str:
    """Lower case, digits away, each run of blanks as one: how anchors and lines are compared."""
    return " ".join(_DIGITS.sub("", text.lower()).split())


def _anchor(literals: list[str], source: str, *, needed: bool = True) -> str:
    plain = (without_digits(each) for each in literals)
    found = max(plain, key=lambda each: (len(each) >= 4 and each not in _COMMON, len(each)))
    if len(found) >= 4:
        return found
    if needed:
        raise ValueError(f"no literal in {source!r}")
    return ""


def _branches(source: str) -> list[str]:
    """The alternatives of a regular expression at its top level."""
    depth, branches = 0, [""]
    for atom in re.findall(r"\\.|\[(?:\\.|[^\]])*\]|.", source):
        depth += (atom == "(") - (atom == ")")
        if atom == "|" and depth == 0:
            branches.append("")
        else:
            branches[-1] += atom
    return branches


def _literals(branch: str) -> list[str]:
    """What stands for itself in one branch: groups, classes and whatever is repeated end a literal."""
    depth, literals = 0, [""]
    for atom in re.findall(r"\\.|\[(?:\\.|[^\]])*\][*+?]?(?:\{[^}]*\})?|.", branch):
        depth += atom == "("
        if depth or atom in (".", "^", "$") or len(atom) > 2 or re.fullmatch(r"\\[a-zA-Z]", atom):
            literals.append("")
        elif atom in ("*", "?", "+"):
            literals[-1] = literals[-1][:-1]
            literals.append("")
        else:
            literals[-1] += _ESCAPE.sub(r"\1", atom)
        depth -= atom == ")"
    return literals
