"""SQL text before and after the engine's parser: what it may contain, its tree, and where things stand.

Goes in: text an author wrote, with its place. Comes out: the parser's tree (or a fault) and the same
text with parameters written in. Refuses, before any parser sees it, what could hide a second meaning:
comments, `;`, quoted names, unbalanced brackets, nesting without end. Never judges types or names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from policycheck.errors import FaultList, nearest
from policycheck.scope import Parser
from policycheck.source import Place

Node = dict[str, Any]

EXPRESSION_LIMIT = 4096  # bytes
VIEW_LIMIT = 32768  # bytes
MAX_DEPTH = 32
MAX_PREFIXES = 4  # NOT NOT NOT NOT
NOWHERE = 2**64 - 1  # what the parser gives for a node without a place of its own

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<comment>--[^\n]*|/\*)
      | (?P<text>'(?:[^'\n]|'')*')
      | (?P<parameter>\$[A-Za-z_][A-Za-z0-9_]*)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9][0-9A-Za-z_.]*)
      | (?P<sign><>|<=|>=|!=|[-+*=<>(),.\[\]])""",
    re.VERBOSE,
)
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_OPEN, _CLOSE = {"(": ")", "[": "]"}, {")", "]"}
_HELP = {
    ";": "one expression or one SELECT, without `;`",
    '"': "text stands in single quotes; names need no quotes",
    "{": "structures are not part of the language",
    "?": "a parameter is `$name`",
    "/": "only `+ - *` on whole numbers",
    "'": "close the quote on the same line; a quote inside text is written twice",
    ":": "casts are not part of the language",
    "|": "joining text is not part of the language",
}


class SqlText(Struct, frozen=True):
    """What an author wrote. `before` is put in front of it and `after` behind it for the parser."""

    text: str
    place: Place
    before: str
    after: str
    limit: int
    comments: bool  # whole-line comments allowed

    @property
    def select(self) -> str:
        return self.before + self.text + self.after

    def place_of(self, index: int) -> Place:
        """The place of one character of the text; of its start where the file's layout hides it."""
        line = self.text.count("\n", 0, index)
        column = index - (self.text.rfind("\n", 0, index) + 1)
        here = self.place
        if not self.before:
            return Place(here.path, here.line + line, column + 1, self.text.split("\n")[line][:4096])
        rest = here.excerpt[here.column - 1 :] if here.column else ""
        if rest.startswith("|"):
            return Place(here.path, here.line + 1 + line, column + 1, self.text.split("\n")[line][:4096])
        if rest[:1] in ("'", '"'):
            doubled = self.text.count("'", 0, index) if rest[0] == "'" else 0
            return Place(here.path, here.line, here.column + 1 + index + doubled, here.excerpt)
        if not line and rest.startswith(self.text[: index + 1]):
            return Place(here.path, here.line, here.column + index, here.excerpt)
        return here

    def index_of(self, location: int) -> int:
        """The index of the character at the parser's byte offset; 0 for a node that has none."""
        if location >= NOWHERE:
            return 0
        raw = self.text.encode()[: max(0, location - len(self.before))]
        return len(raw.decode(errors="ignore"))

    def place_at(self, node: Mapping[str, Any]) -> Place:
        """The place of a node of the parser's tree."""
        return self.place_of(self.index_of(int(node.get("query_location", NOWHERE))))


def expression_text(text: str, place: Place) -> SqlText:
    """One expression, in the select that the parser is asked about.

    The closing bracket stands on a line of its own, so that no comment could swallow it.
    """
    return SqlText(text, place, "SELECT (", "\n) AS v FROM ev", EXPRESSION_LIMIT, comments=False)


def select_of(text: str) -> str:
    """The select that a parser is asked about for one expression."""
    return expression_text(text, Place("")).select


def view_text(text: str, place: Place) -> SqlText:
    """A whole view file."""
    return SqlText(text, place, "", "", VIEW_LIMIT, comments=True)


class Token(Struct, frozen=True):
    kind: str
    text: str
    start: int  # index of the character


Report = Callable[[str, str, Place, str], None]


def read_tokens(sql: SqlText, report: Report) -> list[Token] | None:
    """The tokens, or None after one reported fault: PC201."""

    def refuse(message: str, index: int, help: str = "") -> None:
        report("PC201", message, sql.place_of(index), help)

    if len(sql.text.encode()) > sql.limit:
        refuse(f"longer than {sql.limit} bytes", 0, "split it, or prepare a column in a view")
        return None
    tokens: list[Token] = []
    index = 0
    while index < len(sql.text):
        match = _TOKEN.match(sql.text, index)
        if match is None:
            found = sql.text[index]
            shown = found if found.isprintable() else f"U+{ord(found):04X}"
            refuse(f"`{shown}` is not part of the language", index, _HELP.get(found, ""))
            return None
        kind, text = str(match.lastgroup), match.group()
        problem = _token_problem(sql, kind, text, index, tokens)
        if problem:
            refuse(*problem)
            return None
        if kind not in ("space", "comment"):
            tokens.append(Token(kind, text, index))
        index = match.end()
    problem = _nesting_problem(tokens)
    if problem:
        refuse(*problem)
        return None
    return tokens


def _token_problem(
    sql: SqlText, kind: str, text: str, index: int, before: list[Token]
) -> tuple[str, int, str] | None:
    if kind == "comment":
        whole_line = not sql.text[sql.text.rfind("\n", 0, index) + 1 : index].strip()
        if not (sql.comments and whole_line and text != "/*"):
            where = "on a line of its own, with `--`" if sql.comments else "in the YAML file, with `#`"
            return "a comment inside the query", index, f"write it {where}"
    if kind == "number" and not text.isdecimal():
        return f"`{text}` is not a plain whole number", index, "write digits only, in the smallest unit"
    if kind == "text":
        bad = next((char for char in text if not char.isprintable()), None)
        if bad is not None:
            return f"text holds the invisible character U+{ord(bad):04X}", index, "remove it"
        last = before[-1] if before else None
        touching = last is not None and last.start + len(last.text) == index
        if last and (
            last.kind == "text" or (touching and last.kind == "word" and last.text.lower() != "date")
        ):
            return "text in an odd position", index, "put a comma or an operator before it"
    return None


def _nesting_problem(tokens: list[Token]) -> tuple[str, int, str] | None:
    """Brackets that do not match, or nesting deeper than MAX_DEPTH: deep input can crash a parser."""
    open_marks: list[str] = []
    prefixes = 0
    for token in tokens:
        word = token.text.upper() if token.kind == "word" else token.text
        if token.kind == "sign" and word in _OPEN:
            open_marks.append(_OPEN[word])
        elif token.kind == "word" and word == "CASE":
            open_marks.append("END")
        elif _closes(token, word) and (not open_marks or open_marks.pop() != word):
            return f"`{token.text}` closes nothing", token.start, "brackets and CASE ... END come in pairs"
        if len(open_marks) > MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH} levels", token.start, "prepare a column in a view"
        prefixes = prefixes + 1 if word in ("NOT", "-", "+") else 0
        if prefixes > MAX_PREFIXES:
            return f"`{token.text}` repeated", token.start, "once is enough"
    if open_marks:
        last = tokens[-1]
        return f"`{open_marks[-1]}` is missing", last.start + len(last.text) - 1, "close what was opened"
    return None


def _closes(token: Token, word: str) -> bool:
    return (token.kind == "sign" and word in _CLOSE) or (token.kind == "word" and word == "END")


def parse_statement(sql: SqlText, parse: Parser, report: Report) -> Node | None:
    """The root node of the one select, or None after one reported fault: PC201."""
    if not sql.text.strip():
        report("PC201", "nothing is written here", sql.place, "")
        return None
    try:
        answer = json.loads(parse(sql.select))
    except RecursionError:
        report("PC201", "nested too deeply", sql.place, "prepare a column in a view")
        return None
    if answer.get("error"):
        message = str(answer.get("error_message", "it cannot be parsed")).split("\n")[0]
        found = re.match(r"\[(\d+)", str(answer.get("location", "")))
        index = sql.index_of(int(found.group(1))) if found else 0
        index = min(index, max(0, len(sql.text) - 1))
        report("PC201", _plain_message(message), sql.place_of(index), "")
        return None
    statements = answer.get("statements") or []
    if len(statements) != 1:
        report("PC201", f"{len(statements)} statements instead of one", sql.place, "")
        return None
    node = statements[0].get("node")
    return node if isinstance(node, dict) else None


def _plain_message(message: str) -> str:
    """The parser's words as ours: lower case, and input in backticks."""
    near = re.search(r'at or near "(.*)"', message)
    if near:
        return f"the syntax breaks at `{near.group(1)}`"
    return message[:1].lower() + message[1:].replace('"', "`")


def inline_parameters(sql: SqlText, tokens: Iterable[Token], literal: Callable[[str], str]) -> str:
    """The author's text with each `$name` replaced by what `literal` answers for the name."""
    text = sql.text
    for token in reversed(list(tokens)):
        if token.kind == "parameter":
            text = text[: token.start] + literal(token.text[1:]) + text[token.start + len(token.text) :]
    return text


def check_parameters(
    sql: SqlText, tokens: Iterable[Token], values: Mapping[str, Any], faults: FaultList
) -> frozenset[str] | None:
    """The names of the parameters that are used, or None with PC207 for each unknown one."""
    used = [token for token in tokens if token.kind == "parameter"]
    unknown = [token for token in used if token.text[1:] not in values]
    for token in unknown:
        name = token.text[1:]
        faults.add("PC207", f"unknown parameter `${name}`", sql.place_of(token.start), nearest(name, values))
    return None if unknown else frozenset(token.text[1:] for token in used)


_IGNORED = frozenset({"class", "type", "query_location", "query_location_length", "alias"})


def surplus(node: Mapping[str, Any], *handled: str) -> str | None:
    """The first property of a node that says something and is not handled, or None.

    Whatever a later parser may add is refused until somebody has thought about it.
    """
    for key, value in node.items():
        if key in _IGNORED or key in handled or not value:
            continue
        if key == "order_bys" and not value.get("orders"):
            continue
        if key == "cte_map" and not value.get("map"):
            continue
        if key == "aggregate_handling" and value == "STANDARD_HANDLING":
            continue
        return key
    return None


def function_name(node: Mapping[str, Any]) -> str:
    """The name of a function call; with its schema in front where one is written."""
    path = node.get("qualified_name", {}).get("path") or [node.get("function_name", "")]
    return ".".join(str(part) for part in path)


def table_name(node: Mapping[str, Any]) -> str:
    """The name of a table in FROM; with its schema in front where one is written."""
    path = node.get("qualified_name", {}).get("path") or [node.get("table_name", "")]
    return ".".join(str(part) for part in path)


def words_in(sql: str) -> list[str]:
    """Every word of a text that has passed the gate, in lower case and in order: what could be a name, and
    what stands in texts and comments too."""
    return _WORD.findall(sql.lower())


def without_comments(sql: str) -> str:
    """The query without its `--` lines; the gate has refused comments in any other place."""
    return "\n".join(line for line in sql.split("\n") if not line.lstrip().startswith("--"))
