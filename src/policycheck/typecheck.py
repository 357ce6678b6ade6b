"""The type checker of expressions: every node allowed by name, typed, and followed for NULL.

Goes in: the parser's tree of one expression. Comes out: what is known about it (`Typed`) and what it
reads, or faults. What is not named here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from policycheck import nullability
from policycheck.errors import FaultList, nearest
from policycheck.functions import CLOCKS, FUNCTIONS, QUANTIFIERS, Signature
from policycheck.model import ColumnType
from policycheck.nullability import Cause, ColumnName, Typed, combine
from policycheck.scope import Relation, Scope, value_type
from policycheck.sqltext import Node, SqlText, function_name, surplus, table_name

BOOL, DAY, INT, SET, TEXT = ColumnType.BOOL, ColumnType.DAY, ColumnType.INT, ColumnType.SET, ColumnType.TEXT
SUBJECT = "subject"
_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_PATTERN_REFUSED = re.compile(r"\(\?|\\[^dws\W]|[*+?}][*+]|\{(?!\d{1,3}(?:,\d{0,3})?\})")
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")


class RefusedError(Exception):
    """The expression was refused; the fault is already in the list."""


@dataclass(slots=True)
class Frame:
    """One row in reach: the subject, or the row of a subquery."""

    alias: str
    relation: Relation


@dataclass(slots=True)
class Checker:
    """Walks one tree. `reads` gathers (table, column) pairs, `observes` columns of the subject."""

    sql: SqlText
    scope: Scope
    faults: FaultList
    frames: list[Frame]
    guards: frozenset[ColumnName] = frozenset()
    tables: set[str] = field(default_factory=set)
    reads: set[tuple[str, str]] = field(default_factory=set)
    observes: set[str] = field(default_factory=set)

    def refuse(self, code: str, message: str, node: Mapping[str, Any], help: str = "") -> RefusedError:
        self.faults.add(code, message, self.sql.place_at(node), help)
        return RefusedError()

    # --- nodes ---

    def check(self, node: Node) -> Typed:
        """The type of any node. Raises RefusedError after reporting a fault."""
        kind = str(node.get("class"))
        visit = _VISITS.get(kind)
        if visit is None:
            raise self.refuse(
                "PC202", _REFUSED.get(kind, f"{kind.lower()} is not part of the language"), node
            )
        return visit(self, node)

    def boolean(self, node: Node, where: str) -> Typed:
        """A condition: boolean, and not a constant that settles the matter by itself."""
        found = self.check(node)
        if found.kind is not BOOL:
            raise self.refuse(
                "PC206",
                f"{where} is {_words(found.kind)}, not a boolean",
                node,
                "compare it, or write `... IS NOT NULL`",
            )
        if found.literal is not None:
            raise self.refuse("PC210", f"a constant as {where}", node, "write the condition that is meant")
        return found

    def operand(self, node: Node) -> Typed:
        found = self.check(node)
        if found.kind is None:
            raise self.refuse(
                "PC209",
                "NULL as a value: the answer would be NULL",
                node,
                "ask with `IS NULL` or `IS NOT NULL`",
            )
        return found

    def column(self, node: Node) -> Typed:
        names = [str(name) for name in node.get("column_names", [])]
        self._no_surplus(node, "column_names")
        if len(names) > 2:
            raise self.refuse(
                "PC202", f"`{'.'.join(names)}` reaches into a value or a schema", node, "write `alias.column`"
            )
        frame = self._frame(names, node)
        name = names[-1]
        if name not in frame.relation.columns:
            raise self.refuse(
                "PC204",
                f"unknown column `{name}` of `{frame.relation.name}`",
                node,
                nearest(name, frame.relation.columns),
            )
        kind, nullable = frame.relation.columns[name]
        found = frame.relation.pairs(name)
        self.reads |= found
        self.tables |= {table for table, _ in found} or frame.relation.tables
        if frame.alias == SUBJECT:
            self.observes.add(name)
        key = (frame.alias, name)
        causes = frozenset({Cause(key, f"`{'.'.join(names)}` is nullable")})
        nulls = causes if nullable and key not in self.guards else frozenset()
        own = frozenset({key})
        return Typed(kind, nulls, own, own, frozenset(), own, evidence=True, column=key)

    def _frame(self, names: list[str], node: Node) -> Frame:
        if len(names) == 2:
            frame = next((each for each in self.frames if each.alias == names[0]), None)
            if frame is None:
                raise self.refuse(
                    "PC211",
                    f"`{names[0]}` is no row in reach",
                    node,
                    nearest(names[0], [each.alias for each in self.frames]),
                )
            return frame
        if names[0].lower() in CLOCKS:
            raise self.refuse(
                "PC208", f"`{names[0]}` looks at the clock", node, "use `$as_of` or `$as_of_day`"
            )
        if len(self.frames) > 1:
            owners = [each.alias for each in reversed(self.frames) if names[0] in each.relation.columns]
            help = f"write `{owners[0]}.{names[0]}`" if owners else "write `alias.column`"
            raise self.refuse("PC211", f"`{names[0]}` inside a subquery does not say whose it is", node, help)
        return self.frames[0]

    def constant(self, node: Node) -> Typed:
        self._no_surplus(node, "literal")
        literal = node.get("literal", {})
        kind, text = literal.get("kind"), str(literal.get("text", ""))
        if kind == "INTEGER" and re.fullmatch(r"-?[0-9]+", text) and abs(int(text)) < 2**63:
            return Typed(INT, literal=int(text))
        if kind == "STRING":
            return Typed(TEXT, literal=text)
        if kind == "BOOLEAN":
            return Typed(BOOL, literal=text == "true")
        if kind == "NULL_LITERAL":
            return Typed(None)
        raise self.refuse(
            "PC202",
            f"`{text or kind}` is not a whole number, text, a boolean or a day",
            node,
            "numbers are whole; use a smaller unit",
        )

    def parameter(self, node: Node) -> Typed:
        self._no_surplus(node, "identifier")
        name = str(node.get("identifier"))
        if name not in self.scope.parameters:
            raise self.refuse(
                "PC207", f"unknown parameter `${name}`", node, nearest(name, self.scope.parameters)
            )
        return Typed(value_type(self.scope.parameters[name]), parameters=True)

    def cast(self, node: Node) -> Typed:
        self._no_surplus(node, "child", "type_expr")
        child, target = node.get("child", {}), node.get("type_expr", {})
        text = str(child.get("literal", {}).get("text", ""))
        # Only `DATE '...'`: its constant has no place of its own, unlike that of CAST and `::`.
        plain = (
            child.get("query_location", 0) == 2**64 - 1 and child.get("literal", {}).get("kind") == "STRING"
        )
        if not plain or target.get("type_name") != "DATE":
            raise self.refuse(
                "PC202",
                "casts are not part of the language",
                node,
                "a day is written `DATE '2026-01-31'`; evidence has its types already",
            )
        try:
            valid = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) and date.fromisoformat(text)
        except ValueError:
            valid = None
        if not valid:
            raise self.refuse(
                "PC202", f"`{text}` is no day of the calendar", node, "write `DATE '2026-01-31'`"
            )
        return Typed(DAY, literal=text)

    def comparison(self, node: Node) -> Typed:
        self._no_surplus(node, "left", "right")
        sign = _COMPARISONS.get(str(node.get("type")))
        if sign is None:
            raise self.refuse(
                "PC209",
                "IS TRUE, IS FALSE and IS DISTINCT FROM turn unknown into a decision",
                node,
                "use the condition itself, NOT, `=` or `IS NULL`",
            )
        left, right = self.operand(node["left"]), self.operand(node["right"])
        self._comparable(node, sign, [left, right])
        if left.column is not None and left.column == right.column:
            raise self.refuse(
                "PC210", "a column compared with itself", node, "compare it with something else"
            )
        if not left.constant and shape(node["left"]) == shape(node["right"]):
            raise self.refuse("PC210", "both sides are the same", node, "compare it with something else")
        return combine(BOOL, [left, right])

    def _comparable(self, node: Node, sign: str, sides: list[Typed]) -> None:
        kinds = {side.kind for side in sides}
        if len(kinds) > 1:
            names = " and ".join(_words(side.kind) for side in sides[:2])
            help = "write a day as `DATE '2026-01-31'`" if DAY in kinds and TEXT in kinds else ""
            raise self.refuse("PC206", f"`{sign}` between {names}", node, help)
        kind = sides[0].kind
        if kind in (ColumnType.DAYS, ColumnType.INSTANT):
            raise self.refuse(
                "PC206",
                f"`{sign}` on {_words(kind)}: the order of intervals can be open",
                node,
                "use before, after, not_before, not_after or same_day",
            )
        if kind is SET:
            raise self.refuse("PC206", f"`{sign}` on sets", node, "use has, has_all, subset_of or is_empty")
        if kind is BOOL and (sign not in ("=", "<>") or any(side.literal is not None for side in sides)):
            raise self.refuse("PC206", f"`{sign}` on a boolean", node, "write the boolean itself, or NOT")
        if kind is TEXT and sign not in ("=", "<>", "IN"):
            raise self.refuse("PC206", f"`{sign}` on text compares letters", node, "compare numbers or days")
        if all(side.constant for side in sides):
            raise self.refuse("PC210", "a comparison of constants", node, "compare a column or a parameter")

    def conjunction(self, node: Node) -> Typed:
        self._no_surplus(node, "children")
        children: list[Node] = node["children"]
        joined = node.get("type") == "CONJUNCTION_AND"
        # INVARIANT: `x IS NOT NULL AND p(x)` is FALSE, and `x IS NULL OR p(x)` TRUE, where x is NULL.
        guard = "OPERATOR_IS_NOT_NULL" if joined else "OPERATOR_IS_NULL"
        found = {key for child in children if child.get("type") == guard for key in self._guarded(child)}
        parts = self._with_guards(frozenset(found), children)
        return nullability.conjunction(parts) if joined else nullability.disjunction(parts)

    def _with_guards(self, guards: frozenset[ColumnName], children: list[Node]) -> list[Typed]:
        before, self.guards = self.guards, self.guards | guards
        try:
            return [self.boolean(child, "a part of AND or OR") for child in children]
        finally:
            self.guards = before

    def _guarded(self, node: Node) -> set[ColumnName]:
        operand = node["children"][0]
        if operand.get("class") != "COLUMN_REF":
            return set()
        column = self.column(operand).column
        return {column} if column else set()

    def operator(self, node: Node) -> Typed:
        self._no_surplus(node, "children")
        kind, children = str(node.get("type")), node.get("children", [])
        if kind == "OPERATOR_NOT":
            if children[0].get("subquery_type") == "ANY":
                raise self.refuse(
                    "PC209",
                    "NOT IN (SELECT) and ALL (SELECT) turn unknown into a decision",
                    node,
                    "use `NOT (SELECT any_true(...) ...)`",
                )
            return nullability.negation(self.boolean(children[0], "NOT's operand"))
        if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
            return self._null_test(node, children[0], kind)
        if kind == "COMPARE_IN":
            return self._membership(node, children)
        if kind == "OPERATOR_COALESCE":
            return self._coalesce(node, children)
        raise self.refuse(
            "PC202", f"`{kind.lower().removeprefix('operator_')}` is not part of the language", node
        )

    def _null_test(self, node: Node, child: Node, kind: str) -> Typed:
        found = self.operand(child)
        if found.constant or not found.evidence:
            raise self.refuse("PC210", "a constant is never NULL", node)
        if found.kind is BOOL and found.column is None:
            raise self.refuse(
                "PC209", "IS NULL on a condition turns unknown into a decision", node, "ask it of a column"
            )
        return nullability.is_null(found, kind == "OPERATOR_IS_NOT_NULL")

    def _membership(self, node: Node, children: list[Node]) -> Typed:
        parts = [self.operand(child) for child in children]
        for child, part in zip(children[1:], parts[1:], strict=True):
            if part.evidence:
                raise self.refuse("PC202", "a column in an IN list", child, "write `=` and OR")
        if parts[0].kind is BOOL:
            raise self.refuse("PC206", "IN on a boolean", node, "write the boolean itself, or NOT")
        for part in parts[1:]:
            self._comparable(node, "IN", [parts[0], part])
        return combine(BOOL, parts)

    def _coalesce(self, node: Node, children: list[Node]) -> Typed:
        parts = [self.operand(child) for child in children]
        kinds = {part.kind for part in parts}
        if len(kinds) > 1:
            raise self.refuse("PC206", "coalesce over different types", node)
        if BOOL in kinds:
            raise self.refuse(
                "PC209",
                "coalesce on a boolean turns unknown into a decision",
                node,
                "leave it NULL: the verdict is then unknown",
            )
        if any(not part.evidence for part in parts):
            raise self.refuse(
                "PC209",
                "coalesce with a fixed value turns unknown into a decision",
                node,
                "where a default is really meant: `CASE WHEN x IS NULL THEN ... ELSE x END`",
            )
        settled = any(not part.nulls for part in parts)
        common = nullability.meet(part.strict for part in parts)
        return combine(parts[0].kind, parts, strict=common, nulls=frozenset() if settled else None)

    def between(self, node: Node) -> Typed:
        self._no_surplus(node, "input", "lower", "upper")
        value, low, high = (self.operand(node[name]) for name in ("input", "lower", "upper"))
        self._comparable(node, "BETWEEN", [value, low])
        self._comparable(node, "BETWEEN", [value, high])
        return nullability.between(value, low, high)

    def case(self, node: Node) -> Typed:
        """CASE takes the next branch where a condition is NULL, so its conditions may not be."""
        self._no_surplus(node, "case_checks", "else_expr")
        branches, otherwise = node.get("case_checks", []), node.get("else_expr")
        if (otherwise or {}).get("literal", {}).get("kind") == "BOOLEAN" and otherwise["literal"][
            "text"
        ] == "true":
            raise self.refuse(
                "PC209",
                "ELSE true passes what no branch has looked at",
                otherwise,
                "name the condition, or leave ELSE out: the rest is then unknown",
            )
        before = self.guards
        results: list[tuple[Node, Typed]] = []
        conditions: list[Typed] = []
        try:
            for number, branch in enumerate(branches):
                condition = self.boolean(branch["when_expr"], "WHEN's condition")
                later = [each["then_expr"] for each in branches[number + 1 :]] + (
                    [otherwise] if otherwise else []
                )
                if condition.nulls and not all(_is_null(each) for each in later):
                    words = min(cause.words for cause in condition.nulls)
                    raise self.refuse(
                        "PC209",
                        f"this WHEN can be NULL, and CASE would go on: {words}",
                        branch["when_expr"],
                        "put `WHEN <column> IS NULL THEN NULL` before it",
                    )
                conditions.append(condition)
                known, self.guards = self.guards, self.guards | condition.rejects
                results.append((branch["then_expr"], self.check(branch["then_expr"])))
                self.guards = known | (condition.nonnull_if_false if not condition.nulls else frozenset())
            if otherwise:
                results.append((otherwise, self.check(otherwise)))
        finally:
            self.guards = before
        return self._case_result(node, conditions, results, not otherwise)

    def _case_result(
        self, node: Node, conditions: list[Typed], results: list[tuple[Node, Typed]], open_end: bool
    ) -> Typed:
        kinds = {typed.kind for _, typed in results if typed.kind is not None}
        if len(kinds) != 1:
            words = " and ".join(sorted(_words(kind) for kind in kinds)) or "nothing but NULL"
            raise self.refuse("PC206", f"the branches of CASE give {words}", node, "give one type")
        nulls = frozenset().union(*(typed.nulls for _, typed in results))
        if open_end or any(typed.kind is None for _, typed in results) or any(c.nulls for c in conditions):
            nulls |= {Cause(None, "a CASE can end without an answer")}
        parts = conditions + [typed for _, typed in results]
        return combine(kinds.pop(), parts, strict=frozenset(), nulls=nulls)

    # --- functions ---

    def function(self, node: Node) -> Typed:
        self._no_surplus(node, "function_name", "arguments", "qualified_name", "is_operator")
        name = function_name(node)
        if node.get("is_operator") or name in ("+", "-", "*"):
            return self._arithmetic(node, name)
        if name == "list_value":
            return self._set_literal(node)
        if name in QUANTIFIERS or name == "count_star":
            raise self.refuse(
                "PC202",
                f"`{name}` outside a subquery",
                node,
                f"write `(SELECT {name.replace('count_star', 'count(*)')}... FROM table alias WHERE ...)`",
            )
        if name.lower() in CLOCKS:
            raise self.refuse(
                "PC208", f"`{name}` looks at the clock or at chance", node, "use `$as_of` or `$as_of_day`"
            )
        known = FUNCTIONS.get(name)
        if known is None:
            help = (
                "a set parameter is asked with `has($set, x)`"
                if name == "contains"
                else nearest(name, FUNCTIONS)
            )
            raise self.refuse("PC205", f"unknown function `{name}`", node, help)
        parts = [self.operand(argument) for argument in self._arguments(node)]
        signature = known.resolve(tuple(part.kind for part in parts if part.kind is not None))
        if signature is None:
            given = ", ".join(_words(part.kind) for part in parts)
            forms = "; ".join(str(each) for each in known.signatures)
            raise self.refuse("PC206", f"`{name}` does not take ({given})", node, f"it takes {forms}")
        if all(part.constant for part in parts):
            raise self.refuse("PC210", f"`{name}` of constants alone", node, "use a column or a parameter")
        if name == "full_match":
            self._check_pattern(node, parts[1])
        return self._result(name, signature, parts)

    def _result(self, name: str, signature: Signature, parts: list[Typed]) -> Typed:
        found = combine(signature.result, parts)
        if signature.decided:
            return found
        open_cause = Cause(None, f"`{name}` can be undecided")
        return combine(signature.result, parts, nulls=found.nulls | {open_cause})

    def _arguments(self, node: Node) -> list[Node]:
        arguments = node.get("arguments", [])
        for argument in arguments:
            if argument.get("name") or argument["expression"].get("alias"):
                raise self.refuse(
                    "PC202", "a named argument", argument["expression"], "give arguments in order"
                )
        return [argument["expression"] for argument in arguments]

    def _arithmetic(self, node: Node, name: str) -> Typed:
        if name not in ("+", "-", "*"):
            help = "use full_match with a pattern" if name in ("~~", "!~~", "~~*", "~") else ""
            raise self.refuse(
                "PC202", f"the operator `{_SIGNS.get(name, name)}` is not part of the language", node, help
            )
        parts = [self.operand(argument) for argument in self._arguments(node)]
        if any(part.kind is not INT for part in parts):
            given = " and ".join(_words(part.kind) for part in parts)
            days = any(part.kind in (DAY, ColumnType.DAYS) for part in parts)
            raise self.refuse(
                "PC206",
                f"`{name}` on {given}",
                node,
                "use plus_days, days_between, keep_until or due_by" if days else "",
            )
        return combine(INT, parts)

    def _set_literal(self, node: Node) -> Typed:
        parts = [self.operand(argument) for argument in self._arguments(node)]
        if not parts or any(part.kind is not TEXT or part.evidence for part in parts):
            raise self.refuse(
                "PC206", "a set literal lists one or more texts", node, "write `['AES', 'TDEA']`"
            )
        return combine(SET, parts)

    def _check_pattern(self, node: Node, pattern: Typed) -> None:
        text = pattern.literal
        if not isinstance(text, str):
            raise self.refuse("PC206", "the pattern is not written as a literal", node, "write it in quotes")
        counts = [int(part) for pair in _COUNT.findall(text) for part in pair if part]
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError):
            counts = [999]
        if _PATTERN_REFUSED.search(text) or any(count > 255 for count in counts) or len(counts) > 8:
            raise self.refuse(
                "PC206",
                f"the pattern `{text}` is not one that every engine reads alike",
                node,
                "groups, classes, `\\d \\w \\s` and counts up to 255 are; look-around is not",
            )

    # --- subqueries ---

    def subquery(self, node: Node) -> Typed:
        """One of the four shapes; each says what NULL means in its WHERE."""
        self._no_surplus(node, "subquery_type", "subquery", "comparison_type")
        kind = node.get("subquery_type")
        if kind not in ("SCALAR", "EXISTS"):
            raise self.refuse(
                "PC209",
                "IN (SELECT) and ANY (SELECT) are not part of the language",
                node,
                "use `(SELECT any_true(a.x = ...) FROM table a WHERE ...)`",
            )
        select: Node = node["subquery"]["node"]
        frame = self._open_select(select, node)
        self.frames.append(frame)
        try:
            where = select.get("where_clause")
            condition = self.boolean(where, "the WHERE") if where else None
            if kind == "EXISTS":
                self._one(select["select_list"][0])
                return self._counted(select, frame, condition, BOOL)
            return self._scalar(select, frame, condition)
        finally:
            self.frames.pop()

    def _open_select(self, select: Node, node: Node) -> Frame:
        extra = surplus(select, "select_list", "from_table", "where_clause")
        items = select.get("select_list") or []
        if select.get("type") != "SELECT_NODE" or extra or len(items) != 1 or items[0].get("alias"):
            what = f" with {str(extra).replace('_', ' ')}" if extra else ""
            raise self.refuse("PC202", f"this is no subquery of the listed shapes{what}", node, _SHAPES)
        source: Node = select.get("from_table") or {}
        if source.get("type") != "BASE_TABLE":
            raise self.refuse("PC202", "a subquery reads one table or view", node, "put joins into a view")
        extra = surplus(source, "table_name", "qualified_name", "schema_name", "catalog_name")
        name, alias = table_name(source), str(source.get("alias") or "")
        if extra:
            raise self.refuse("PC202", f"a table with {extra.replace('_', ' ')}", source, _SHAPES)
        if name not in self.scope.relations:
            raise self.refuse("PC203", f"unknown table `{name}`", source, nearest(name, self.scope.relations))
        relation = self.scope.relations[name]
        taken = {SUBJECT, "ev", *(frame.alias for frame in self.frames)}
        columns = {column for frame in self.frames for column in frame.relation.columns} | set(
            relation.columns
        )
        if not alias:
            raise self.refuse("PC211", f"`{name}` has no alias", source, f"write `{name} {name[:1]}`")
        if not _NAME.fullmatch(alias) or alias in taken or alias in columns:
            raise self.refuse(
                "PC211",
                f"the alias `{alias}` is taken or no lower-case name",
                source,
                "choose a name that is no column, no other alias and not `subject`",
            )
        if alias != name and alias in self.scope.relations:
            raise self.refuse("PC211", f"the alias `{alias}` is the name of another table", source)
        self.tables |= relation.tables
        return Frame(alias, relation)

    def _one(self, item: Node) -> None:
        if item.get("literal", {}).get("kind") != "INTEGER" or item["literal"].get("text") != "1":
            raise self.refuse(
                "PC202", "EXISTS selects something else than 1", item, "write `EXISTS (SELECT 1 ...)`"
            )

    def _counted(self, select: Node, frame: Frame, condition: Typed | None, kind: ColumnType) -> Typed:
        if condition is not None:
            problem = nullability.existence_problem(condition)
            if problem:
                raise self.refuse(
                    "PC209",
                    problem + "; EXISTS and count(*) would not see it",
                    select["where_clause"],
                    _GUARD,
                )
        return Typed(kind, evidence=True, columns=condition.columns if condition else frozenset())

    def _scalar(self, select: Node, frame: Frame, condition: Typed | None) -> Typed:
        item: Node = select["select_list"][0]
        name = function_name(item) if item.get("class") == "FUNCTION" else ""
        if name == "count_star" and not surplus(item, "function_name", "qualified_name"):
            return self._counted(select, frame, condition, INT)
        arguments = item.get("arguments", [])
        if name not in QUANTIFIERS or len(arguments) != 1:
            raise self.refuse("PC202", "this is no subquery of the listed shapes", item, _SHAPES)
        self._no_surplus(item, "function_name", "arguments", "qualified_name")
        if condition is not None:
            problem = nullability.row_condition_problem(condition, frame.alias)
            if problem:
                raise self.refuse(
                    "PC209",
                    problem,
                    select["where_clause"],
                    f"{_GUARD}, or move the condition into {name}(...)",
                )
        value = self.boolean(self._arguments(item)[0], f"the operand of {name}")
        if not any(alias == frame.alias for alias, _ in value.columns):
            raise self.refuse(
                "PC210",
                f"{name} looks at no column of `{frame.relation.name}`",
                item,
                f"write a condition on `{frame.alias}.`",
            )
        return Typed(
            BOOL, frozenset({Cause(None, f"`{name}` can be undecided")}), evidence=True, columns=value.columns
        )

    def _no_surplus(self, node: Node, *handled: str) -> None:
        extra = surplus(node, *handled)
        if extra:
            raise self.refuse("PC202", f"`{extra.replace('_', ' ')}` is not part of the language", node)


_SHAPES = (
    "(SELECT any_true(...) FROM table alias WHERE ...), all_true, EXISTS (SELECT 1 FROM ...) "
    "or (SELECT count(*) FROM ...)"
)
_GUARD = "use columns that are never NULL, or guard: `x IS NOT NULL AND ...`"
_SIGNS = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE", "||": "||"}
_REFUSED = {
    "STAR": "`*` and COLUMNS() are not part of the language",
    "LAMBDA": "lambdas and `->` are not part of the language",
    "WINDOW": "window functions are not part of an expression",
    "COLLATE": "collations are not part of the language",
    "POSITIONAL_REFERENCE": "`#1` is not part of the language",
}
_VISITS = {
    "COLUMN_REF": Checker.column,
    "CONSTANT": Checker.constant,
    "PARAMETER": Checker.parameter,
    "CAST": Checker.cast,
    "COMPARISON": Checker.comparison,
    "CONJUNCTION": Checker.conjunction,
    "OPERATOR": Checker.operator,
    "BETWEEN": Checker.between,
    "CASE": Checker.case,
    "FUNCTION": Checker.function,
    "SUBQUERY": Checker.subquery,
}


def _words(kind: ColumnType | None) -> str:
    return {
        None: "NULL",
        BOOL: "a boolean",
        INT: "a whole number",
        TEXT: "text",
        SET: "a set",
        DAY: "a day",
        ColumnType.DAYS: "a partial date",
        ColumnType.INSTANT: "an instant",
    }[kind]


def _is_null(node: Node) -> bool:
    return bool(node.get("literal", {}).get("kind") == "NULL_LITERAL")


def shape(node: Any) -> Any:
    """A tree without places, to see whether two are the same."""
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items() if not key.startswith("query_location")}
    if isinstance(node, list):
        return [shape(each) for each in node]
    return node
