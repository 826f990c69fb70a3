"""The small language of a signature's wordings, and the literal that each of them can't do without.

`*` any text within a line; `**` also across line ends; `<name>` a word kept as a parameter, also where it is
quoted, `"<name>"` one in any quotes: versions differ in them; `<name:n>` a number; `<name:t>` text up to a quote or
the line's end; `{a|b}` either; `^` first: a line's start; `⏎` a line's end, the
next line's first word behind it. All else stands for itself;
a blank is any white space, so that wrapped lines match. Upper and lower case are the same.

`this & {one|other} & @missing` is a concept: all of it near each other in one line, in any order, each at a word's
start. The first is the rarest, and what a line is looked for; `@missing` stands for all the words that say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_PARTS = re.compile(
    r"(?P<across>\*\*)|(?P<loose>\s+\*\s+)|(?P<gap>\*)|<(?P<name>[a-z_]+):(?P<kind>[nt])>"
    r"|(?P<quote>[\"'`])?<(?P<word>[a-z_]+)>[\"'`]?|(?P<start>^\^)"
    r"|(?P<end>\s*⏎\s*)|(?P<blank>\s+)|(?P<text>(?:(?![\"'`]<[a-z_]+>)[^*<\s⏎])+|<)"
)
_WORD, _QUOTE = r"[^\s\"'`,;]{1,200}", "[\"'`]"
_KINDS = {"n": r"\d{1,12}", "t": r"[^\n\"]{1,200}?"}
_TO_THE_END = r"[^\n\"]{1,160}"
PLACE = re.compile(r"<([a-z_]+)(?::[nt])?>")
"""Where a wording takes a parameter."""
_EITHER = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_DIGITS = re.compile(r"\d+")
_ALL = " & "
_NEAR = 120
"""So many signs around the first term are all the others looked for."""
_PLACES = 8
"""In so many places of a text is a concept tried: what repeats its first term costs only so much time."""
_WORDS = {
    "@missing": "not found|not installed|n't installed|missing|not be found|no such file|absent|not available"
    "|unavailable|not detected|not present|n't present|not exist|n't exist|not find|n't find|unable to find|not located",
    "@failed": "fail|error|could not|couldn't|cannot|can't|unable|not be|n't be|abort|refuse",
    "@differs": "mismatch|differ|not match|n't match|not the same|not equal|other than",
    "@refused": "refus|reject|denied|not permitted|not allowed|forbidden|blocked|blocking|prevent",
    "@late": "timed out|timeout|time out|not respond|n't respond|no response|hangs|hung|not return|n't return",
}
"""What programs say for one and the same."""
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
    "|container|unpacking|available|unavailable|kubelet|unreachable|controller|register|registration|plugin|repository|kubernetes"
    "|configuration|binary|upgrade|release|not enabled|kubernetes.io|nvidia.com/gpu|device-plugin|nvidia-device-plugin|coredns"
)
_COMMON = frozenset(_COMMON_WORDS.split("|"))
"""Literals that stand in many ordinary lines: an anchor only where a wording has nothing better."""
_ESCAPE = re.compile(r"\\([^a-zA-Z0-9])")


@dataclass(frozen=True)
class Wording:
    """One way in which a cause is told. `anchor`: a lower-case literal without digits that stands in every match.

    "" where it holds none that is long enough. `near`: what must stand near it in its line. `others`: of
    each of these literals in lower case, one stands in every match.
    """

    source: str
    anchor: str
    flags: int = re.IGNORECASE
    near: tuple[str, ...] = ()
    others: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled at its first use: a log brings few anchors of thousands, and all together take a second."""
        return re.compile(self.source, self.flags)

    @cached_property
    def _surroundings(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(each, self.flags) for each in self.near)

    def search(self, text: str, at: int = 0) -> re.Match[str] | None:
        """The first place from `at` on; of a concept, that of its first term."""
        match = self.pattern.search(text, at)
        for _ in range(_PLACES):
            if match is None or not self.near or self._surrounded(match):
                return match
            match = self.pattern.search(text, match.end())
        return None

    def _surrounded(self, match: re.Match[str]) -> bool:
        text, start, end = match.string, match.start(), match.end()
        last = text.find("\n", end)
        begin = max(start - _NEAR, text.rfind("\n", 0, start) + 1)
        part = text[begin : min(end + _NEAR, last if last >= 0 else len(text))]
        return all(each.search(part) for each in self._surroundings)

    def may_stand_in(self, lower: str) -> bool:
        """Whether its literals do: most texts lack one, and to find that out costs a hundredth of the pattern.

        `lower`: the text in lower case, a blank for each line end.
        """
        for ways in self.others:
            for each in ways:
                if each in lower:
                    break
            else:
                return False
        return True

    def stands_in(self, text: str, plainly: str) -> bool:
        """Whether a text tells it. `plainly`: the same text as `without_digits` writes it."""
        return self.anchor in plainly and self.search(text) is not None


def wordings(text: str, *, anchored: bool = True) -> tuple[Wording, ...]:
    """Read a wording, each way of its alternatives by itself. Not `anchored`: it may be without an anchor.

    Raises: ValueError: it is to have an anchor and holds no literal long enough to look for.
    """
    if _ALL in text:
        return _concept(text)
    found = _EITHER.search(text)
    if found is None:
        return (_wording(text.strip(), anchored=anchored),)
    options = found[1].split("|")
    ways = (text[: found.start()] + each + text[found.end() :] for each in options)
    return tuple(each for way in ways for each in wordings(way, anchored=anchored))


def _concept(text: str) -> tuple[Wording, ...]:
    """All terms in any order, for each way to say the first."""
    first, *others = text.split(_ALL)
    near = tuple(_term(each) for each in others)
    ways = tuple(tuple(way.lower() for way in _ways(each)) for each in others)
    return tuple(
        Wording(_term(way), _anchor([way], text), near=near, others=ways) for way in _ways(first)
    )


def _ways(term: str) -> list[str]:
    return _WORDS.get(term, term.removeprefix("{").removesuffix("}")).split("|")


def _term(term: str) -> str:
    """One of its ways, each at a word's start; `n't` stands within one."""
    ways = (r"\s+".join(map(re.escape, way.split())) for way in _ways(term))
    plain = [way if way.startswith("n't") else rf"(?<![^\W_]){way}" for way in ways]
    return f"(?:{'|'.join(plain)})"


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
    anchor = _anchor(literals, text, needed=anchored)
    others = {each.lower() for each in literals if each.strip()} - {anchor}
    by_length = sorted(others, key=lambda each: (-len(each), each))
    return Wording("".join(pieces), anchor, others=tuple((each,) for each in by_length))


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
    if part["word"]:
        quote = _QUOTE if part["quote"] else f"{_QUOTE}?"
        return f"{quote}(?P<{part['word']}>{_WORD}){_QUOTE}?", ""
    if part["end"]:
        return r"\s*\n\s*", ""
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
