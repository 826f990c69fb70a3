"""Shell text made ready for bashkit: its own process id and name put in where the text asks for them.

bashkit says `$$` is 1 and `$0` is `bash` for every script. This walks the text as a shell's reader
does, quotes and here-documents told apart, and names two variables instead.

bashkit also hands the pipe into a group or loop to the first command there that might read, and
what that one leaves is lost. `_TAKE` makes the whole input the group's own before that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PID, NAME = "__pid", "__name"
"""Shell variables that hold what `$$` and `$0` stand for."""

_ASKED = re.compile(r"\$(\$|0|\{\$\}|\{0(?=[}#%:+?=-]))")
_HERE = re.compile(r"<<(-?)[ \t]*(\\?)(['\"]?)([^\s'\"\\;|&<>()]+)\3")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_RUNS_TEXT = frozenset({"trap", "eval"})
"""Commands whose quoted argument is a script of this same shell."""


_GROUP = re.compile(r"(?:while|until|if)(?=[ \t\n])|\{(?=[ \t\n])|\((?!\()")
"""How a group or loop starts."""
_TAKE = " let 1; "
"""Does nothing; a built-in that bashkit thinks might read, and so fills its input from the pipe."""


@dataclass
class _Here:
    delimiter: str
    quoted: bool
    tabs: bool


@dataclass
class Reader:
    """One pass over a text. After `read`, `text` is the result and `open` tells whether more is due."""

    source: str
    text: str = ""
    open: bool = False
    """A quote, here-document or line continuation is not finished: the command goes on."""
    _at: int = 0
    _out: list[str] = field(default_factory=list)
    _pending: list[_Here] = field(default_factory=list)
    _command: str = ""
    """The word in command position last seen."""
    _piped: bool = False
    """A `|` was the last token."""

    def read(self) -> Reader:
        """Walk the whole text."""
        self._plain(until="")
        self.open = self.open or bool(self._pending)
        self.text = "".join(self._out)
        return self

    def _plain(self, until: str) -> None:
        """Unquoted text, up to the end or past the closing `until`."""
        fresh, depth = True, 0  # fresh: the next word is in command position
        while self._at < len(self.source):
            char = self.source[self._at]
            if until == char and depth == 0:
                self._copy(1)
                return
            depth += (char == "(") - (char == ")") if until == ")" else 0
            fresh = self._token(char, fresh)
        self.open = self.open or bool(until)

    def _token(self, char: str, fresh: bool) -> bool:
        """Take one token; gives whether the next word stands in command position."""
        if char == "\n":
            self._copy(1)
            self._bodies()
            return True
        if self._pipe(char):
            return True
        if self._quoted(char) or self._operator(char):
            return False
        if word := _WORD.match(self.source, self._at):
            self._copy(len(word[0]))
            if fresh:
                self._command = word[0]
            return False
        if self._asked():
            return False
        self._copy(1)
        return char in ";&|({" or (fresh and char in " \t")

    def _pipe(self, char: str) -> bool:
        """Take a `|`, and the start of a group behind one."""
        if char == "|":
            doubled = self.source.startswith("||", self._at)
            self._piped = not doubled
            self._copy(2 if doubled else 1)
            return True
        if char in " \t\n":
            return False
        group = _GROUP.match(self.source, self._at) if self._piped else None
        self._piped = False
        if group is None:
            return False
        self._copy(len(group[0]))
        self._out.append(_TAKE)
        return True

    def _quoted(self, char: str) -> bool:
        """Take what starts with a quoting character, if `char` is one."""
        if char == "\\":
            self.open = self.source[self._at + 1 :] in ("", "\n")
            self._copy(2)
        elif char == "'":
            self._single()
        elif char == '"':
            self._double()
        elif char == "`":
            self._copy(1)
            self._plain(until="`")
        else:
            return False
        return True

    def _operator(self, char: str) -> bool:
        """Take a comment, an arithmetic expansion or the start of a here-document."""
        if char == "#" and (self._at == 0 or self.source[self._at - 1] in " \t\n;&|("):
            self._copy(self._line_end() - self._at)
        elif self.source.startswith("$((", self._at):
            self._arithmetic()
        elif self.source.startswith("<<<", self._at):
            self._copy(3)
        elif char == "<" and (here := _HERE.match(self.source, self._at)):
            self._pending.append(_Here(here[4], bool(here[2] or here[3]), here[1] == "-"))
            self._copy(len(here[0]))
        else:
            return False
        return True

    def _line_end(self) -> int:
        end = self.source.find("\n", self._at)
        return len(self.source) if end < 0 else end

    def _arithmetic(self) -> None:
        """`$((…))`, in which `<<` is no here-document."""
        end = self.source.find("))", self._at)
        end = len(self.source) if end < 0 else end + 2
        body, self._at = self.source[self._at : end], end
        self._out.append(rewritten_body(body))

    def _copy(self, count: int) -> None:
        self._out.append(self.source[self._at : self._at + count])
        self._at += count

    def _asked(self) -> bool:
        """Put a variable in where the text asks for the process id or name."""
        found = _ASKED.match(self.source, self._at)
        if found is None:
            return False
        self._at = found.end()
        if found[1] == "{0":
            self._out.append(f"${{{NAME}")
        else:
            self._out.append(f"${{{NAME if '0' in found[1] else PID}}}")
        return True

    def _single(self) -> None:
        end = self.source.find("'", self._at + 1)
        if end < 0:
            self.open = True
            end = len(self.source)
        body = self.source[self._at : end + 1]
        if self._command in _RUNS_TEXT:
            body = rewritten_body(body)
        self._out.append(body)
        self._at = end + 1

    def _double(self) -> None:
        self._copy(1)
        while self._at < len(self.source):
            char = self.source[self._at]
            if char == '"':
                self._copy(1)
                return
            if char == "\\":
                self._copy(2)
            elif char == "`":
                self._copy(1)
                self._plain(until="`")
            elif self.source.startswith("$(", self._at):
                self._copy(2)
                self._plain(until=")")
            elif not self._asked():
                self._copy(1)
        self.open = True

    def _bodies(self) -> None:
        """The here-documents whose commands ended with the line just read."""
        while self._pending:
            here = self._pending[0]
            while True:
                if self._at >= len(self.source):
                    return
                line = self.source[self._at : self._line_end()]
                self._at += len(line) + 1
                self._out.append(line if here.quoted else rewritten_body(line))
                if self._at <= len(self.source):
                    self._out.append("\n")
                if (line.lstrip("\t") if here.tabs else line) == here.delimiter:
                    break
            self._pending.pop(0)


def rewritten_body(text: str) -> str:
    """A text without quoting of its own, with the two variables put in."""
    reader = Reader(text)
    while reader._at < len(text):
        if text[reader._at] == "\\":
            reader._copy(2)
        elif not reader._asked():
            reader._copy(1)
    return "".join(reader._out)


def rewritten(script: str) -> str:
    """A script with `$$` and `$0` asking for the variables `PID` and `NAME`."""
    if "$" not in script and "|" not in script:
        return script
    return Reader(script).read().text


def unfinished(script: str) -> bool:
    """Whether a quote, a here-document or a line continuation is still open at the end."""
    return Reader(script).read().open
