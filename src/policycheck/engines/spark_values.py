"""The types of expressions in a checked query, whose trees become those of Spark on the way.

Goes in: a node of an expression and the rows in reach. Comes out: its type, or RefusedError with the reason.
It is an allow-list: a kind of node that is not named here is refused, never passed on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from policycheck.engines.spark_dialect import Inline, InlineAggregate, RefusedError
from policycheck.engines.spark_functions import AGGREGATES, quoted
from policycheck.engines.spark_patterns import PatternError, java_pattern
from policycheck.model import ColumnType

Kind = ColumnType | None  # None: NULL, of any type
Columns = dict[str, Kind]
BOOL, DAY, DAYS, INSTANT, INT, SET, TEXT = (
    ColumnType.BOOL, ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT, ColumnType.INT, ColumnType.SET,
    ColumnType.TEXT,
)  # fmt: skip
_DAY_FORM = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT_FORM = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?", re.ASCII)


class Source(Struct):
    """A row in reach: its name in the statement, which no other source has, and its columns."""

    name: str
    columns: Columns


Rows = dict[str, Source]  # by the alias the author gave


class Owner(Protocol):
    """What reads the queries inside of expressions."""

    def query(self, tree: exp.Query, named: Mapping[str, Columns], outer: list[Rows]) -> Columns: ...

    def function(self, name: str, kinds: tuple[Kind, ...]) -> tuple[str, Kind]: ...


class Values:
    """Types of expressions among some rows in reach; their trees are changed on the way."""

    def __init__(self, owner: Owner, named: Mapping[str, Columns], reach: list[Rows]) -> None:
        self._owner = owner
        self._named = named
        self._reach = reach

    def kind(self, node: exp.Expression) -> Kind:
        """The type of an expression. Raises RefusedError for what is not known."""
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise RefusedError(f"`{type(node).__name__.lower()}`")
        return handler(self, node)

    def condition(self, node: exp.Expression, where: str) -> None:
        """The same for what has to be a boolean. NULL alone is none to Spark."""
        kind = self.kind(node)
        must_be(kind, BOOL, where)
        if kind is None:
            node.replace(Inline(template="CAST({0} AS BOOLEAN)", expressions=[node.copy()]))

    def kinds(self, nodes: list[exp.Expression]) -> list[Kind]:
        return [self.kind(node) for node in nodes]

    def literal(self, node: exp.Literal) -> Kind:
        if not node.is_string and not node.name.isdigit():
            raise RefusedError(f"the number {node.name}")
        return TEXT if node.is_string else INT

    def column(self, node: exp.Column) -> Kind:
        only(node, "this", "table")
        name, alias = node.name, node.table
        for rows in self._reach:
            if alias:
                found = [rows[alias]] if alias in rows else []
            else:
                found = [source for source in rows.values() if name in source.columns]
            if len(found) > 1:
                raise RefusedError(f"`{name}` is a column of several rows")
            if found:
                if name not in found[0].columns:
                    raise RefusedError(f"`{alias}` has no column `{name}`")
                node.set("this", exp.to_identifier(name, quoted=True))
                node.set("table", exp.to_identifier(found[0].name, quoted=True))
                return found[0].columns[name]
        raise RefusedError(f"no column `{name}` in reach")

    def paren(self, node: exp.Paren) -> Kind:
        return self.kind(node.this)

    def sign(self, node: exp.Expression) -> Kind:
        return must_be(self.kind(node.this), INT, "the sign")

    def arithmetic(self, node: exp.Binary) -> Kind:
        for kind in self.kinds([node.this, node.expression]):
            must_be(kind, INT, "arithmetic")
        return INT

    def logic(self, node: exp.Expression) -> Kind:
        for part in [node.this, node.args.get("expression")]:
            if part is not None:
                self.condition(part, "a condition")
        return BOOL

    def comparison(self, node: exp.Binary) -> Kind:
        same_kind(self.kinds([node.this, node.expression]), "a comparison")
        return BOOL

    def is_null(self, node: exp.Is) -> Kind:
        if not isinstance(node.expression, exp.Null):
            raise RefusedError("IS of anything but NULL")
        self.kind(node.this)
        return BOOL

    def in_list(self, node: exp.In) -> Kind:
        only(node, "this", "expressions")
        same_kind(self.kinds([node.this, *node.expressions]), "IN")
        return BOOL

    def between(self, node: exp.Between) -> Kind:
        only(node, "this", "low", "high")
        same_kind(self.kinds([node.this, node.args["low"], node.args["high"]]), "BETWEEN")
        return BOOL

    def case(self, node: exp.Case) -> Kind:
        only(node, "this", "ifs", "default")
        whens = [each.this for each in node.args["ifs"]]
        if node.this is None:
            for when in whens:
                self.condition(when, "WHEN")
        else:
            same_kind(self.kinds([node.this, *whens]), "CASE")
        results = [each.args["true"] for each in node.args["ifs"]]
        if node.args.get("default") is not None:
            results.append(node.args["default"])
        return same_kind(self.kinds(results), "the results of CASE")

    def coalesce(self, node: exp.Coalesce) -> Kind:
        only(node, "this", "expressions")
        return same_kind(self.kinds([node.this, *node.expressions]), "coalesce")

    def array(self, node: exp.Array) -> Kind:
        only(node, "expressions", "value_constructor", "bracket_notation", "struct_name_inheritance")
        for kind in self.kinds(node.expressions):
            must_be(kind, TEXT, "a list")
        parts = ", ".join(f"{{{i}}}" for i in range(len(node.expressions)))
        node.replace(Inline(template=f"CAST(array({parts}) AS ARRAY<STRING>)", expressions=node.expressions))
        return SET

    def cast(self, node: exp.Cast) -> Kind:
        only(node, "this", "to")
        wanted, inner = node.to.sql(dialect=DuckDB), node.this
        if isinstance(inner, exp.Literal) and inner.is_string and wanted in ("DATE", "TIMESTAMP"):
            is_day = wanted == "DATE"
            if not (_DAY_FORM if is_day else _INSTANT_FORM).fullmatch(inner.name):
                raise RefusedError(f"the day or time `{inner.name}`")
            written = f"{'DATE' if is_day else 'TIMESTAMP_NTZ'} '{inner.name}'"
            node.replace(Inline(template=written))
            return DAY if is_day else None
        if isinstance(inner, exp.Array) and not inner.expressions and wanted == "TEXT[]":
            node.replace(Inline(template="CAST(array() AS ARRAY<STRING>)"))
            return SET
        kinds = {"BOOLEAN": BOOL, "BIGINT": INT, "TEXT": TEXT, "DATE": DAY}
        if isinstance(inner, exp.Null) and wanted in kinds:
            return kinds[wanted]
        if wanted == "BIGINT" and self.kind(inner) is INT:
            return INT
        raise RefusedError(f"a cast to {wanted}")

    def struct(self, node: exp.Struct) -> Kind:
        parts = {part.name: part.expression for part in node.expressions if isinstance(part, exp.PropertyEQ)}
        if list(parts) != ["lo", "hi"] or len(node.expressions) != 2:
            raise RefusedError("a structure")
        whole = []
        for part in parts.values():
            if not isinstance(part, exp.Cast) or part.to.sql(dialect=DuckDB) != "TIMESTAMP":
                raise RefusedError("a structure of other things than times")
            self.kind(part)
        for part in node.expressions:
            whole.append(part.expression)
        node.replace(Inline(template="named_struct('lo', {0}, 'hi', {1})", expressions=whole))
        return INSTANT

    def function(self, node: exp.Anonymous) -> Kind:
        name, arguments = node.name.lower(), node.expressions
        if name in AGGREGATES:
            if len(arguments) != 1:
                raise RefusedError(f"`{name}` of several things")
            self.condition(arguments[0], name)
            node.replace(InlineAggregate(template=AGGREGATES[name], expressions=node.expressions))
            return BOOL
        kinds = tuple(self.kinds(arguments))
        if name == "full_match":
            return self._full_match(node, kinds)
        written, result = self._owner.function(name, kinds)
        node.replace(Inline(template=written, expressions=node.expressions))
        return result

    def _full_match(self, node: exp.Anonymous, kinds: tuple[Kind, ...]) -> Kind:
        pattern = node.expressions[1] if len(kinds) == 2 else None
        if not isinstance(pattern, exp.Literal) or kinds != (TEXT, TEXT):
            raise RefusedError("`full_match` with a pattern that is not written as a literal")
        try:
            java = java_pattern(pattern.name)
        except PatternError as error:
            raise RefusedError(str(error)) from error
        text = quoted(java).replace("{", "{{").replace("}", "}}")
        node.replace(Inline(template=f"({{0}} RLIKE {text})", expressions=node.expressions[:1]))
        return BOOL

    def count(self, node: exp.Count) -> Kind:
        only(node, "this", "big_int")
        if not isinstance(node.this, exp.Star):
            self._counted(node.this)
        return INT

    def _counted(self, node: exp.Expression) -> Kind:
        """The type of what is aggregated, DISTINCT or not."""
        if not isinstance(node, exp.Distinct):
            return self.kind(node)
        only(node, "expressions")
        if len(node.expressions) != 1:
            raise RefusedError("DISTINCT of several things")
        return self.kind(node.expressions[0])

    def extreme(self, node: exp.Expression) -> Kind:
        only(node, "this")
        return self._counted(node.this)

    def total(self, node: exp.Sum) -> Kind:
        only(node, "this")
        return must_be(self._counted(node.this), INT, "sum")

    def some(self, node: exp.Expression) -> Kind:
        only(node, "this")
        return must_be(self._counted(node.this), BOOL, "an aggregate")

    def chosen(self, node: exp.Filter) -> Kind:
        if not isinstance(node.this, (exp.Count, exp.Max, exp.Min, exp.Sum, exp.LogicalOr, exp.LogicalAnd)):
            raise RefusedError("FILTER")
        self.condition(node.expression.this, "FILTER")
        return self.kind(node.this)

    def window(self, node: exp.Window) -> Kind:
        only(node, "this", "partition_by", "order", "over")
        if not isinstance(node.this, exp.RowNumber):
            raise RefusedError("a window of another function than row_number")
        self.kinds(node.args.get("partition_by") or [])
        order = node.args.get("order")
        for item in order.expressions if order is not None else ():
            only(item, "this", "desc", "nulls_first")
            self.kind(item.this)
            # DuckDB puts NULL last in both directions, where a text does not say.
            item.set("nulls_first", bool(item.args.get("nulls_first")))
        return INT

    def subquery(self, node: exp.Subquery) -> Kind:
        only(node, "this")
        if isinstance(node.this, exp.Subquery):  # one pair of brackets too many
            node.set("this", node.this.unnest())
        columns = self._owner.query(node.this, self._named, self._reach)
        if len(columns) != 1:
            raise RefusedError("a subquery of several columns")
        return next(iter(columns.values()))

    def exists(self, node: exp.Exists) -> Kind:
        self._owner.query(node.this, self._named, self._reach)
        return BOOL


_Handler = Callable[[Values, Any], Kind]
_HANDLERS: dict[type[exp.Expression], _Handler] = {
    exp.Literal: Values.literal,
    exp.Boolean: lambda self, node: BOOL,
    exp.Null: lambda self, node: None,
    exp.Column: Values.column,
    exp.Paren: Values.paren,
    exp.Neg: Values.sign,
    exp.Add: Values.arithmetic,
    exp.Sub: Values.arithmetic,
    exp.Mul: Values.arithmetic,
    exp.And: Values.logic,
    exp.Or: Values.logic,
    exp.Not: Values.logic,
    exp.EQ: Values.comparison,
    exp.NEQ: Values.comparison,
    exp.LT: Values.comparison,
    exp.LTE: Values.comparison,
    exp.GT: Values.comparison,
    exp.GTE: Values.comparison,
    exp.Is: Values.is_null,
    exp.In: Values.in_list,
    exp.Between: Values.between,
    exp.Case: Values.case,
    exp.Coalesce: Values.coalesce,
    exp.Array: Values.array,
    exp.Cast: Values.cast,
    exp.Struct: Values.struct,
    exp.Anonymous: Values.function,
    exp.Count: Values.count,
    exp.Max: Values.extreme,
    exp.Min: Values.extreme,
    exp.Sum: Values.total,
    exp.LogicalOr: Values.some,
    exp.LogicalAnd: Values.some,
    exp.Filter: Values.chosen,
    exp.Window: Values.window,
    exp.Subquery: Values.subquery,
    exp.Exists: Values.exists,
}


def only(node: exp.Expression, *handled: str) -> None:
    """INVARIANT: a part of a node that nobody looks at would change the meaning unseen."""
    for name, value in node.args.items():
        if name not in handled and value not in (None, False, [], ""):
            raise RefusedError(f"`{name.strip('_')}` of {type(node).__name__.lower()}")


def same_kind(kinds: list[Kind], where: str) -> Kind:
    known = {kind for kind in kinds if kind is not None}
    if len(known) > 1:
        raise RefusedError(f"{' and '.join(sorted(kind.value for kind in known))} in {where}")
    return next(iter(known), None)


def must_be(kind: Kind, wanted: ColumnType, where: str) -> Kind:
    if kind not in (wanted, None):
        raise RefusedError(f"{kind.value if kind else 'NULL'} in {where}, which takes {wanted.value}")
    return wanted
