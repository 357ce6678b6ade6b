"""The changes of one expression as they are written, found on a walk through its tree.

Goes in: a tree of the parser and where its nodes stand. Comes out: a `Change` for each small wrong version,
made at the place of a node, so that text literals and names stay untouched. Some say the same as others, or
as the expression itself; `mutation` leaves those out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from msgspec import Struct, field

from policycheck.model import Bound, ColumnType, Parameter
from policycheck.source import Place
from policycheck.spans import Span, Spans
from policycheck.sqltext import Node, function_name

CHANGED = "changed_parameter"
"""The name under which a changed parameter stands in the text of a change."""

_SIGNS = {"=": ("<>",), "<>": ("=",), "!=": ("=",), "<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"),
          ">=": (">", "<=")}  # fmt: skip
_NEIGHBOURS = {
    "before": ("not_after", "after"), "after": ("not_before", "before"),
    "not_before": ("after", "not_after"), "not_after": ("before", "not_before"),
    "keep_until": ("due_by",), "due_by": ("keep_until",),
    "any_true": ("all_true",), "all_true": ("any_true",),
    "latest": ("earliest",), "earliest": ("latest",), "first_day": ("last_day",), "last_day": ("first_day",),
    "has_any": ("has_all",), "has_all": ("has_any",), "subset_of": ("has_all",),
}  # fmt: skip
_ARITHMETIC = {"+": "-", "-": "+", "*": "+"}
MEMBERS = 12  # so many other values or members of one parameter are tried


class Change(Struct, frozen=True):
    """One small wrong version. `before` becomes `after` at `place`; `text` is the whole expression.

    Where `parameter` is set, `$changed_parameter` in `text` stands for that parameter with the value
    `parameter[1]`, or moved by it where `moved`.
    """

    operator: str
    place: Place
    before: str
    after: str
    text: str
    parameter: str = ""
    value: Any = None
    moved: bool = False

    def value_under(self, values: Mapping[str, Any]) -> Any:
        """What `$changed_parameter` means where parameters have these values."""
        if not self.moved:
            return self.value
        now = values[self.parameter]
        return now + (timedelta(days=self.value) if isinstance(now, date) else self.value)


class _Step(Struct, frozen=True):
    """A node on the way from the root, and the role of the next node in it."""

    node: Node
    role: str
    index: int = 0


_Path = tuple[_Step, ...]


class Changer(Struct):
    """Walks one tree, from a condition at its root, and gathers its changes."""

    spans: Spans
    parameters: Mapping[str, Parameter]
    found: list[Change] = field(default_factory=list)

    def all(self, root: Node) -> list[Change]:
        self._boolean(root, ())
        self.found.sort(key=lambda change: (change.place.line, change.place.column))
        return self.found

    # --- changing ---

    def _add(self, operator: str, span: Span, new: str, **shown: Any) -> None:
        """A change of one stretch of the text. `shown` replaces what a reader is shown of it."""
        at = shown.pop("at", span)
        text = self.spans.sql.text[: span[0]] + new + self.spans.sql.text[span[1] :]
        before, after = shown.pop("before", self.spans.text(at)), shown.pop("after", new)
        self.found.append(Change(operator, self.spans.sql.place_of(at[0]), before, after, text, **shown))

    def _boolean(self, node: Node, path: _Path) -> None:
        """A condition: settled either way, turned around, and changed within."""
        kind = node.get("class")
        self._settle(node, path, True)
        self._settle(node, path, False)
        if node.get("type") == "OPERATOR_NOT":
            self._drop_not(node)
            self._boolean(node["children"][0], (*path, _Step(node, "not")))
            return
        if kind == "CONJUNCTION":
            self._swap(node)
            for i, child in enumerate(node["children"]):
                self._boolean(child, (*path, _Step(node, "operand", i)))
            return
        negated = bool(path) and path[-1].role == "not"
        if kind not in ("COMPARISON", "CASE", "CONSTANT") and not negated:
            text = self.spans.whole_text(node)
            self._add("negate", self.spans.whole(node), f"(NOT ({text}))", after=f"NOT {text}")
        self._value(node, path, boolean=True)

    def _value(self, node: Node, path: _Path, *, boolean: bool = False) -> None:
        kind = node.get("class")
        if kind == "COMPARISON":
            self._sign(node)
        elif kind == "BETWEEN":
            self._between_ends(node)
        elif kind == "CONSTANT":
            self._constant(node)
        elif kind == "CAST":
            self._day(node)
        elif kind == "PARAMETER":
            self._parameter(node)
        elif kind == "FUNCTION":
            self._function(node, path)
        elif kind == "CASE":
            self._case(node, path, boolean)
        elif kind == "SUBQUERY":
            self._subquery(node, path)
        elif kind == "OPERATOR":
            self._operator(node)
        if kind in ("COMPARISON", "BETWEEN", "OPERATOR"):
            for child in _operands(node):
                self._value(child, (*path, _Step(node, "value")))

    def _settle(self, node: Node, path: _Path, value: bool) -> None:
        """The condition as TRUE or FALSE, folded into what stands around it.

        A constant is refused by the gate, and what is left without it says the same.
        """
        at = self.spans.whole(node)
        shown = {"at": at, "before": self.spans.text(at), "after": str(value).upper()}
        for step in reversed(path):
            around = step.node
            if step.role == "not":
                value = not value
            elif step.role == "operand":
                if value is (around["type"] == "CONJUNCTION_AND"):
                    kept = [c for i, c in enumerate(around["children"]) if i != step.index]
                    word = " AND " if value else " OR "
                    new = word.join(self.spans.outer_text(child) for child in kept)
                    self._add("settle", self.spans.whole(around), new, **shown)
                    return
            elif step.role == "where" and value:
                where = self.spans.outer(around["subquery"]["node"]["where_clause"])
                start = self.spans.token_before(where[0]).start
                self._add("settle", (start, where[1]), "", **shown)
                return
            elif step.role == "when":
                self._settle_branch(around, step.index, value, shown)
                return
            elif step.role == "result":
                self._add("settle", self.spans.outer(node), str(value).lower(), **shown)
                return
            else:
                return
            node = around

    def _settle_branch(self, case: Node, index: int, value: bool, shown: dict[str, Any]) -> None:
        branches = case["case_checks"]
        if value:
            result = self.spans.outer_text(branches[index]["then_expr"])
            start, end = self._branch(case, index)[0], self.spans.whole(case)[1] - len("END")
            if index:
                self._add("settle", (start, end), f"ELSE {result} ", **shown)
            else:
                self._add("settle", self.spans.whole(case), f"({result})", **shown)
        elif len(branches) > 1:
            self._add("settle", self._branch(case, index), "", **shown)
        elif case.get("else_expr"):
            self._add(
                "settle",
                self.spans.whole(case),
                f"({self.spans.outer_text(case['else_expr'])})",
                **shown,
            )

    def _branch(self, case: Node, index: int) -> Span:
        """From WHEN to the end of the result."""
        branch = case["case_checks"][index]
        first = self.spans.outer(branch["when_expr"])[0]
        start = self.spans.token_before(first).start
        return start, self.spans.outer(branch["then_expr"])[1]

    def _drop_not(self, node: Node) -> None:
        start, end = self.spans.whole(node)
        inner = self.spans.whole(node["children"][0])
        word = next((t for t in self.spans.tokens_in(start, end) if t.text.upper() == "NOT"), None)
        if word is None:
            return
        at = (word.start, word.start + 3)
        # `NOT x` and `x NOT IN (...)`: either way the word goes.
        shown_before = self.spans.text((start, end))
        new = self.spans.sql.text[start : at[0]] + self.spans.sql.text[at[1] : end].lstrip()
        if at[0] < inner[0] or start == inner[0]:
            self._add("negate", (start, end), new, before=shown_before, after=new)

    def _swap(self, node: Node) -> None:
        children = node["children"]
        joined = node["type"] == "CONJUNCTION_AND"
        word, other = ("AND", "OR") if joined else ("OR", "AND")
        start, end = self.spans.whole(node)
        parts = [self.spans.outer(child) for child in children]
        if any(b[0] < a[1] for a, b in pairwise(parts)):
            return
        words = [
            token
            for a, b in pairwise(parts)
            for token in self.spans.tokens_in(a[1], b[0])
            if token.text.upper() == word
        ]
        text = self.spans.text((start, end))
        for token in reversed(words):
            at = token.start - start
            text = text[:at] + other + text[at + len(word) :]
        first = words[0].start if words else start
        self._add("and_or", (start, end), f"({text})", at=(first, first + len(word)), after=other)

    def _sign(self, node: Node) -> None:
        left, right = self.spans.outer(node["left"]), self.spans.outer(node["right"])
        for token in self.spans.tokens_in(left[1], right[0]):
            for other in _SIGNS.get(token.text, ()):
                at = (token.start, token.start + len(token.text))
                before, after = self.spans.text(left), self.spans.text(right)
                self._add(
                    "comparison", at, other,
                    before=f"{before} {token.text} {after}", after=f"{before} {other} {after}",
                )  # fmt: skip

    def _between_ends(self, node: Node) -> None:
        value, low, high = (self.spans.outer_text(node[name]) for name in ("input", "lower", "upper"))
        if any(
            t.text.upper() == "NOT"
            for t in self.spans.tokens_in(self.spans.outer(node["input"])[1], self.spans.whole(node)[1])
        ):
            return
        for one, other in ((">", "<="), (">=", "<")):
            new = f"({value} {one} {low} AND {value} {other} {high})"
            self._add("comparison", self.spans.whole(node), new)

    def _constant(self, node: Node) -> None:
        literal = node.get("literal") or {}
        if literal.get("kind") == "INTEGER" and self.spans.whole(node)[0] >= 0:
            number = int(str(literal.get("text")))
            for other in (number + 1, number - 1):
                self._add("constant", self.spans.whole(node), str(other) if other >= 0 else f"({other})")

    def _day(self, node: Node) -> None:
        text = str(((node.get("child") or {}).get("literal") or {}).get("text"))
        for step in (1, -1):
            try:
                day = date.fromisoformat(text) + timedelta(days=step)
            except (ValueError, OverflowError):
                continue
            self._add("constant", self.spans.whole(node), f"DATE '{day.isoformat()}'")

    def _parameter(self, node: Node) -> None:
        span = self.spans.whole(node)
        name = str(node.get("identifier"))
        for value, moved, shown in self._other_values(name):
            self._add("parameter", span, f"${CHANGED}", after=shown, parameter=name, value=value, moved=moved)

    def _other_values(self, name: str) -> Iterator[tuple[Any, bool, str]]:
        """(value or step, whether it is a step, how it is shown)"""
        parameter = self.parameters.get(name)
        if name == "as_of_day" or (parameter is not None and parameter.type is ColumnType.INT):
            yield 1, True, f"${name} + 1"
            yield -1, True, f"${name} - 1"
        if parameter is not None:
            for value in list(dict.fromkeys(_alternatives(parameter)))[:MEMBERS]:
                yield value, False, _shown(value)

    def _function(self, node: Node, path: _Path) -> None:
        name = function_name(node)
        arguments = [argument["expression"] for argument in node.get("arguments") or []]
        if name in _ARITHMETIC and len(arguments) == 2:
            left, right = (self.spans.outer(argument) for argument in arguments)
            for token in self.spans.tokens_in(left[1], right[0]):
                if token.text == name:
                    self._add("function", (token.start, token.start + 1), _ARITHMETIC[name])
        elif name == "list_value":
            self._drop_members(arguments)
        for other in _NEIGHBOURS.get(name, ()):
            start = self.spans.whole(node)[0]
            self._add("function", (start, start + len(name)), other)
        quantified = name in ("any_true", "all_true", "bool_and", "bool_or")
        for argument in arguments:
            if quantified:
                self._boolean(argument, (*path, _Step(node, "argument")))
            else:
                self._value(argument, (*path, _Step(node, "value")))

    def _drop_members(self, members: list[Node]) -> None:
        if len(members) < 2 or any(member.get("class") != "CONSTANT" for member in members):
            return
        whole = (self.spans.whole(members[0])[0], self.spans.whole(members[-1])[1])
        for member in members:
            kept = ", ".join(self.spans.whole_text(other) for other in members if other is not member)
            at = self.spans.whole(member)
            self._add("member", whole, kept, at=at, after="(dropped)")

    def _operator(self, node: Node) -> None:
        children = node.get("children") or []
        if node.get("type") == "COMPARE_IN":
            self._drop_members(children[1:])
        elif node.get("type") == "OPERATOR_COALESCE":
            for child in children:
                kept = [self.spans.outer_text(other) for other in children if other is not child]
                new = f"coalesce({', '.join(kept)})" if len(kept) > 1 else f"({kept[0]})"
                self._add("member", self.spans.whole(node), new)

    def _case(self, node: Node, path: _Path, boolean: bool) -> None:
        for i, branch in enumerate(node.get("case_checks") or []):
            self._boolean(branch["when_expr"], (*path, _Step(node, "when", i)))
            self._result(branch["then_expr"], node, path, boolean)
        otherwise = node.get("else_expr")
        if otherwise and self.spans.whole(otherwise)[0] >= 0:
            start, end = self.spans.outer(otherwise)
            word = self.spans.token_before(start)
            if word.text.upper() == "ELSE":
                self._add("branch", (word.start, end), "", after="(dropped)")
            self._result(otherwise, node, path, boolean)

    def _result(self, result: Node, case: Node, path: _Path, boolean: bool) -> None:
        if (result.get("literal") or {}).get("kind") == "NULL_LITERAL":
            return
        step = (*path, _Step(case, "result"))
        if boolean:
            self._boolean(result, step)
        else:
            self._value(result, step)

    def _subquery(self, node: Node, path: _Path) -> None:
        select = (node.get("subquery") or {}).get("node") or {}
        if node.get("subquery_type") == "SCALAR":
            for item in select.get("select_list") or []:
                self._value(item, (*path, _Step(node, "item")))
        if select.get("where_clause"):
            self._boolean(select["where_clause"], (*path, _Step(node, "where")))


def _operands(node: Node) -> list[Node]:
    kinds = ("left", "right", "input", "lower", "upper")
    return [node[name] for name in kinds if node.get(name)] + list(node.get("children") or [])


def _alternatives(parameter: Parameter) -> Iterator[Any]:
    """The bound of a parameter and its other values, the default left out."""
    bound: Bound = parameter.bound
    found: list[Any] = [bound.at_least, bound.at_most, *(bound.one_of or ()), *(parameter.values or ())]
    if parameter.type is ColumnType.BOOL:
        found.append(not parameter.value)
    if parameter.type is ColumnType.SET:
        found += [tuple(m for m in parameter.value if m != dropped) for dropped in parameter.value]
        found.append(bound.subset_of)
    yield from (value for value in found if value is not None and value != parameter.value)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f"'{member}'" for member in value) + "]"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
