"""A shell line in words and operators, as a person reads it; nothing is expanded and nothing is run."""

# Annotations as such, not as text: a NamedTuple compiles text, which costs `explain` a tenth of its start.
import re
from typing import Literal, NamedTuple

# Compiled where they are used first: a page without a command does without, and starts sooner.
_PLACEHOLDER = r"<[A-Z][A-Z0-9_]*>"
"""`<TOKEN>`, as guides write what is to be filled in; to a shell it would be a redirection."""
_REDIRECTION = rf"\d?(?:>>|>&\d|<<-?'?\w+'?|>|(?!{_PLACEHOLDER})<)"
_TOKEN = rf"""
    (?P<space>(?:[ \t]|\\\n)+)
  | (?P<comment>\#[^\n]*)
  | (?P<line>\n)
  | (?P<operator>&&|\|\||;;|\||;|&|\$\(|\(|\)|\{{(?=\s)|\}}(?=\s|;|$))
  | (?P<redirect>{_REDIRECTION})
  | (?P<word>(?:{_PLACEHOLDER}|\$\(\([^()]*\)\)|'[^']*'|"(?:\\.|[^"\\])*"|\\.|\$\{{[^}}]*\}}|\$(?!\()|\w\(\)|[^\s'"\\|&;()<>$])+)
"""
_QUOTED = r"(?s)'([^']*)'|\"((?:\\.|[^\"\\])*)\""


class Token(NamedTuple):
    """One piece of a line. `word` keeps its quotes; `redirect` has its target behind it."""

    kind: Literal["word", "operator", "redirect"]
    text: str

    @property
    def plain(self) -> str:
        """Without quotes."""
        if "'" not in self.text and '"' not in self.text:
            return self.text
        return re.sub(
            _QUOTED, lambda quoted: quoted[1] if quoted[1] is not None else quoted[2], self.text
        )


def tokens(line: str) -> list[Token]:
    """All tokens; a line's end reads as `;`, a here-document's text is left out.

    What is no shell at all comes back as one word, so that nothing is lost.
    """
    found: list[Token] = []
    text, position, token = _without_heredoc(line), 0, re.compile(_TOKEN, re.VERBOSE)
    while position < len(text):
        match = token.match(text, position)
        if match is None:
            found.append(Token("word", text[position:]))
            break
        position = match.end()
        _add(found, match)
    return found


def _without_heredoc(text: str) -> str:
    match = re.search(r"<<-?'?(\w+)'?[^\n]*\n", text)
    if match is None:
        return text
    end = re.search(rf"^\s*{match[1]}\s*$", text[match.end() :], re.MULTILINE)
    rest = text[match.end() + end.end() :] if end else ""
    return text[: match.end()] + rest


def _add(found: list[Token], match: re.Match[str]) -> None:
    text = match[0]
    if match["line"]:
        if found and found[-1] != Token("operator", ";"):
            found.append(Token("operator", ";"))
    elif match["operator"]:
        found.append(Token("operator", text))
    elif match["redirect"]:
        found.append(Token("redirect", text))
    elif match["word"]:
        if found and found[-1].kind == "redirect" and re.fullmatch(r"\d?(?:>>?|<)", found[-1].text):
            found[-1] = Token("redirect", found[-1].text + text)
        else:
            found.append(Token("word", text))
