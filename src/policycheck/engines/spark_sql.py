"""A checked DuckDB query as a tree of which every part is known: names resolved, types found, functions
written out for Spark.

Goes in: the text of a query or expression that has passed the gate, and the columns of all relations. Comes
out: a sqlglot tree that means the same in Spark SQL, with its columns and their types, or RefusedError with
the reason. It is an allow-list: a kind of node that is not named here is refused, never passed on.

That sqlglot reads a text as DuckDB does is not taken on trust: `same_text` writes the tree back, and DuckDB's
own parser has to see the same in both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlglot
from msgspec import Struct
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.spark import Spark

from policycheck.engines.spark_functions import AGGREGATES, Characters, quoted, template
from policycheck.engines.spark_patterns import PatternError, java_pattern
from policycheck.functions import FUNCTIONS
from policycheck.model import ColumnType
from policycheck.scope import Parser

Kind = ColumnType | None  # None: NULL, of any type
Columns = dict[str, Kind]
BOOL, DAY, DAYS, INSTANT, INT, SET, TEXT = (
    ColumnType.BOOL, ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT, ColumnType.INT, ColumnType.SET,
    ColumnType.TEXT,
)  # fmt: skip
_DAY_FORM = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT_FORM = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?", re.ASCII)
_JOINS = {("", ""), ("", "INNER"), ("", "CROSS"), ("LEFT", ""), ("LEFT", "OUTER"), ("RIGHT", ""),
          ("RIGHT", "OUTER"), ("FULL", ""), ("FULL", "OUTER"), ("", "SEMI"), ("", "ANTI")}  # fmt: skip


class RefusedError(Exception):
    """This cannot be said in Spark SQL, or not for certain with the same meaning."""


class Inline(exp.Expression):
    """Spark SQL written out, with `{0}`, `{1}` for the expressions."""

    arg_types = {"template": True, "expressions": False}


class InlineAggregate(Inline):
    """The same over the rows of a group; NULL over none."""


class _Reader(DuckDB):
    """DuckDB's dialect, in which the policy functions are no functions of another meaning."""

    class Parser(DuckDB.Parser):
        FUNCTIONS = {k: v for k, v in DuckDB.Parser.FUNCTIONS.items() if k.lower() not in FUNCTIONS}

    class Generator(DuckDB.Generator):
        TYPE_MAPPING = {**DuckDB.Generator.TYPE_MAPPING, exp.DataType.Type.TEXT: "VARCHAR"}
        TRANSFORMS = {
            **DuckDB.Generator.TRANSFORMS,
            exp.LogicalOr: lambda self, e: self.func("bool_or", e.this),
            exp.LogicalAnd: lambda self, e: self.func("bool_and", e.this),
        }


class _Writer(Spark):
    """Spark's dialect, with texts spelled out and functions as their templates say."""

    class Generator(Spark.Generator):
        TRANSFORMS = {
            **Spark.Generator.TRANSFORMS,
            Inline: lambda self, e: _filled_in(self, e),
            InlineAggregate: lambda self, e: _filled_in(self, e),
            # Spark knows QUALIFY and SEMI JOIN itself, so nothing is to be rebuilt.
            exp.Select: lambda self, e: self.select_sql(e),
            exp.Literal: lambda self, e: quoted(e.name) if e.is_string else e.name,
        }


def _filled_in(generator: Any, node: exp.Expression) -> str:
    parts = [_bracketed(generator, part) for part in node.expressions]
    return f"({node.args['template'].format(*parts)})"


def _bracketed(generator: Any, part: exp.Expression) -> str:
    text = str(generator.sql(part))
    return text if isinstance(part, (exp.Column, exp.Literal, exp.Paren, Inline)) else f"({text})"


def answer_as(node: exp.Expression, name: str) -> exp.Alias:
    """An answer with its name. sqlglot's own function for that gives subqueries another form."""
    return exp.Alias(this=node, alias=exp.to_identifier(name, quoted=True))


def spark_text(tree: exp.Expression) -> str:
    """The tree as Spark SQL."""
    return tree.sql(dialect=_Writer, identify=True, comments=False)


# --- reading ------------------------------------------------------------------------------------------


class Reader:
    """Reads selects, each once."""

    def __init__(self, parse: Parser) -> None:
        self._parse = parse
        self._trees: dict[str, exp.Query] = {}

    def __call__(self, text: str) -> exp.Query:
        """A tree of one select, to be changed. Raises RefusedError where sqlglot does not read it as DuckDB
        does."""
        if text not in self._trees:
            self._trees[text] = _read(text, self._parse)
        return self._trees[text].copy()


def _read(text: str, parse: Parser) -> exp.Query:
    try:
        tree = sqlglot.parse_one(text, dialect=_Reader)
    except sqlglot.errors.SqlglotError as error:
        raise RefusedError(f"it cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(tree, exp.Query):
        raise RefusedError("it is no query")
    if not same_text(text, tree.sql(dialect=_Reader, comments=False), parse):
        raise RefusedError("it is read in two ways")
    return tree


def same_text(one: str, other: str, parse: Parser) -> bool:
    """Whether DuckDB's parser sees the same in both, but for where things stand."""
    return bool(_plain(json.loads(parse(one))) == _plain(json.loads(parse(other))))


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _plain(value) for key, value in node.items() if not key.startswith("query_location")}
    if kept.get("type") == "OPERATOR_NOT" and len(kept.get("children") or ()) == 1:
        (inner,) = kept["children"]
        # `NOT x IS NULL` and `x IS NOT NULL` are one thing, and so are `NOT x IN` and `x NOT IN`.
        for positive, negative in _NEGATED:
            if isinstance(inner, dict) and inner.get("type") == positive:
                return {**inner, "type": negative, "alias": kept.get("alias", "")}
    return kept


_NEGATED = (("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"), ("COMPARE_IN", "COMPARE_NOT_IN"))


# --- names and types ----------------------------------------------------------------------------------


class _Source(Struct):
    """A row in reach: its name in the statement, which no other source has, and its columns."""

    name: str
    columns: Columns


_Rows = dict[str, _Source]  # by the alias the author gave


class Translator:
    """Turns trees of one statement, in place. `relations` are the columns of tables and views."""

    def __init__(self, relations: Mapping[str, Columns], characters: Characters) -> None:
        self._relations = relations
        self._characters = characters
        self._sources = 0

    def query(self, tree: exp.Query, named: Mapping[str, Columns], outer: list[_Rows]) -> Columns:
        """The columns of a query, whose tree is changed to mean in Spark what it means in DuckDB."""
        named = dict(named)
        with_ = tree.args.get("with_")
        if with_ is not None:
            _only(with_, "expressions")
            for step in with_.expressions:
                _only(step, "this", "alias")
                if step.args["alias"].columns:
                    raise RefusedError("column names behind WITH")
                named[step.alias] = self.query(step.this, named, outer)
        if isinstance(tree, exp.Union):
            return self._union(tree, named, outer)
        if isinstance(tree, exp.Select):
            return self._select(tree, named, outer)
        raise RefusedError(f"a query of the kind {type(tree).__name__}")

    def _union(self, tree: exp.Union, named: Mapping[str, Columns], outer: list[_Rows]) -> Columns:
        _only(tree, "this", "expression", "distinct", "with_")
        if tree.args.get("distinct") is not False:
            raise RefusedError("UNION without ALL")
        left, right = (self.query(part, named, outer) for part in (tree.this, tree.expression))
        if len(left) != len(right):
            raise RefusedError("the parts of UNION ALL have different columns")
        return {
            name: _same([kind, other], "the parts of UNION ALL")
            for (name, kind), other in zip(left.items(), right.values(), strict=True)
        }

    def _select(self, tree: exp.Select, named: Mapping[str, Columns], outer: list[_Rows]) -> Columns:
        _only(
            tree, "expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct", "with_",
            "kind", "hint", "operation_modifiers",
        )  # fmt: skip
        if tree.args.get("distinct") is not None:
            _only(tree.args["distinct"])
        rows: _Rows = {}
        if tree.args.get("from_") is not None:
            self._add(tree.args["from_"].this, named, outer, rows)
        for join in tree.args.get("joins") or []:
            self._join(join, named, outer, rows)
        self._spread_stars(tree, rows)
        value = _Values(self, named, [rows, *outer])
        columns: Columns = {}
        for i, item in enumerate(list(tree.expressions)):
            name = item.alias_or_name if isinstance(item, (exp.Alias, exp.Column)) else f"column {i}"
            if name in columns:
                raise RefusedError(f"two columns have the name `{name}`")
            if not isinstance(item, exp.Alias):
                item.replace(answer_as(item.copy(), name))
            columns[name] = value.kind(tree.expressions[i].this)
        self._clauses(tree, value, rows, columns)
        return columns

    def _clauses(self, tree: exp.Select, value: _Values, rows: _Rows, columns: Columns) -> None:
        group = tree.args.get("group")
        if group is not None:
            _only(group, "expressions")
            for item in list(group.expressions):
                if isinstance(item, exp.Literal) and not item.is_string:
                    item.replace(tree.expressions[int(item.name) - 1].this.copy())
                else:
                    value.kind(item)
        for clause in ("where", "having", "qualify"):
            part = tree.args.get(clause)
            if part is not None:
                if clause != "where":
                    _no_alias_of_another(tree, part, rows, columns)
                _must(value.kind(part.this), BOOL, clause.upper())

    # --- FROM ---

    def _add(
        self, node: exp.Expression, named: Mapping[str, Columns], outer: list[_Rows], rows: _Rows
    ) -> None:
        """Adds what stands in FROM to the rows in reach, under a name of its own."""
        if isinstance(node, exp.Table):
            _only(node, "this", "alias", "joins")
            name = node.name
            columns = named.get(name) or self._relations.get(name)
            if columns is None:
                raise RefusedError(f"`{name}` is no table and no view")
            alias = node.alias or name
        elif isinstance(node, exp.Subquery):
            _only(node, "this", "alias", "joins")
            if isinstance(node.this, exp.Table):
                self._bracket(node, named, outer, rows)
                return
            columns, alias = self.query(node.this, named, outer), node.alias
        else:
            raise RefusedError(f"{type(node).__name__} in FROM")
        if not alias or alias in rows or (node.args.get("alias") and node.args["alias"].columns):
            raise RefusedError(f"the alias `{alias}`")
        self._sources += 1
        unique = f"{alias} {self._sources}"
        rows[alias] = _Source(unique, columns)
        node.set("alias", exp.TableAlias(this=exp.to_identifier(unique, quoted=True)))
        for join in node.args.get("joins") or []:
            self._join(join, named, outer, rows)

    def _bracket(
        self, node: exp.Subquery, named: Mapping[str, Columns], outer: list[_Rows], rows: _Rows
    ) -> None:
        if node.alias or node.args.get("joins"):
            raise RefusedError("joins in brackets with a name")
        self._add(node.this, named, outer, rows)

    def _join(self, join: exp.Join, named: Mapping[str, Columns], outer: list[_Rows], rows: _Rows) -> None:
        _only(join, "this", "on", "side", "kind", "using")
        side, kind = join.side.upper(), join.kind.upper()
        if (side, kind) not in _JOINS or join.args.get("using"):
            raise RefusedError(f"a join of the kind {side} {kind}".rstrip() + (" USING" * bool(join.args.get("using"))))
        before = set(rows)
        self._add(join.this, named, outer, rows)
        on = join.args.get("on")
        if on is not None:
            _must(_Values(self, named, [rows, *outer]).kind(on), BOOL, "ON")
        if kind in ("SEMI", "ANTI"):
            for alias in set(rows) - before:
                del rows[alias]

    def _spread_stars(self, tree: exp.Select, rows: _Rows) -> None:
        """Names all columns that `*` and `alias.*` stand for."""
        items: list[exp.Expression] = []
        for item in tree.expressions:
            if isinstance(item, exp.Star):
                _only(item)
                chosen = list(rows)
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                _only(item.this)
                chosen = [item.table]
            else:
                items.append(item)
                continue
            for alias in chosen:
                if alias not in rows:
                    raise RefusedError(f"`{alias}` is no row in reach")
                items += [exp.column(column, table=alias) for column in rows[alias].columns]
        tree.set("expressions", items)

    # --- what values need ---

    def function(self, name: str, kinds: tuple[Kind, ...]) -> tuple[str, Kind]:
        """Template and type of a policy function."""
        known = FUNCTIONS.get(name)
        fitting = [
            s for s in (known.signatures if known else ())
            if len(s.arguments) == len(kinds)
            and all(k is None or k is a for k, a in zip(kinds, s.arguments, strict=True))
        ]  # fmt: skip
        if not fitting:
            raise RefusedError(f"`{name}` of these types")
        written = template(name, fitting[0].arguments, self._characters)
        if written is None:
            raise RefusedError(f"the function `{name}`")
        if any(kind is None for kind in kinds):
            return "CAST(NULL AS BOOLEAN)" if fitting[0].result is BOOL else "NULL", fitting[0].result
        return written, fitting[0].result


class _Values:
    """Types of expressions among some rows in reach; their trees are changed on the way."""

    def __init__(self, owner: Translator, named: Mapping[str, Columns], reach: list[_Rows]) -> None:
        self._owner = owner
        self._named = named
        self._reach = reach

    def kind(self, node: exp.Expression) -> Kind:
        """The type of an expression. Raises RefusedError for what is not known."""
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise RefusedError(f"`{type(node).__name__.lower()}`")
        return handler(self, node)

    def kinds(self, nodes: list[exp.Expression]) -> list[Kind]:
        return [self.kind(node) for node in nodes]

    def literal(self, node: exp.Literal) -> Kind:
        if not node.is_string and not node.name.isdigit():
            raise RefusedError(f"the number {node.name}")
        return TEXT if node.is_string else INT

    def column(self, node: exp.Column) -> Kind:
        _only(node, "this", "table")
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
        return _must(self.kind(node.this), INT, "the sign")

    def arithmetic(self, node: exp.Binary) -> Kind:
        for kind in self.kinds([node.this, node.expression]):
            _must(kind, INT, "arithmetic")
        return INT

    def logic(self, node: exp.Expression) -> Kind:
        for part in [node.this, node.args.get("expression")]:
            if part is not None:
                _must(self.kind(part), BOOL, "a condition")
        return BOOL

    def comparison(self, node: exp.Binary) -> Kind:
        _same(self.kinds([node.this, node.expression]), "a comparison")
        return BOOL

    def is_null(self, node: exp.Is) -> Kind:
        if not isinstance(node.expression, exp.Null):
            raise RefusedError("IS of anything but NULL")
        self.kind(node.this)
        return BOOL

    def in_list(self, node: exp.In) -> Kind:
        _only(node, "this", "expressions")
        _same(self.kinds([node.this, *node.expressions]), "IN")
        return BOOL

    def between(self, node: exp.Between) -> Kind:
        _only(node, "this", "low", "high")
        _same(self.kinds([node.this, node.args["low"], node.args["high"]]), "BETWEEN")
        return BOOL

    def case(self, node: exp.Case) -> Kind:
        _only(node, "this", "ifs", "default")
        whens = [each.this for each in node.args["ifs"]]
        if node.this is None:
            for when in whens:
                _must(self.kind(when), BOOL, "WHEN")
        else:
            _same(self.kinds([node.this, *whens]), "CASE")
        results = [each.args["true"] for each in node.args["ifs"]]
        if node.args.get("default") is not None:
            results.append(node.args["default"])
        return _same(self.kinds(results), "the results of CASE")

    def coalesce(self, node: exp.Coalesce) -> Kind:
        _only(node, "this", "expressions")
        return _same(self.kinds([node.this, *node.expressions]), "coalesce")

    def array(self, node: exp.Array) -> Kind:
        _only(node, "expressions", "value_constructor", "bracket_notation", "struct_name_inheritance")
        for kind in self.kinds(node.expressions):
            _must(kind, TEXT, "a list")
        parts = ", ".join(f"{{{i}}}" for i in range(len(node.expressions)))
        node.replace(Inline(template=f"CAST(array({parts}) AS ARRAY<STRING>)", expressions=node.expressions))
        return SET

    def cast(self, node: exp.Cast) -> Kind:
        _only(node, "this", "to")
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
            _must(self.kind(arguments[0]), BOOL, name)
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
        _only(node, "this", "big_int")
        if not isinstance(node.this, exp.Star):
            self._counted(node.this)
        return INT

    def _counted(self, node: exp.Expression) -> Kind:
        """The type of what is aggregated, DISTINCT or not."""
        if not isinstance(node, exp.Distinct):
            return self.kind(node)
        _only(node, "expressions")
        if len(node.expressions) != 1:
            raise RefusedError("DISTINCT of several things")
        return self.kind(node.expressions[0])

    def extreme(self, node: exp.Expression) -> Kind:
        _only(node, "this")
        return self._counted(node.this)

    def total(self, node: exp.Sum) -> Kind:
        _only(node, "this")
        return _must(self._counted(node.this), INT, "sum")

    def some(self, node: exp.Expression) -> Kind:
        _only(node, "this")
        return _must(self._counted(node.this), BOOL, "an aggregate")

    def chosen(self, node: exp.Filter) -> Kind:
        if not isinstance(node.this, (exp.Count, exp.Max, exp.Min, exp.Sum, exp.LogicalOr, exp.LogicalAnd)):
            raise RefusedError("FILTER")
        _must(self.kind(node.expression.this), BOOL, "FILTER")
        return self.kind(node.this)

    def window(self, node: exp.Window) -> Kind:
        _only(node, "this", "partition_by", "order", "over")
        if not isinstance(node.this, exp.RowNumber):
            raise RefusedError("a window of another function than row_number")
        self.kinds(node.args.get("partition_by") or [])
        order = node.args.get("order")
        for item in order.expressions if order is not None else ():
            _only(item, "this", "desc", "nulls_first")
            self.kind(item.this)
            # DuckDB puts NULL last in both directions, where a text does not say.
            item.set("nulls_first", bool(item.args.get("nulls_first")))
        return INT

    def subquery(self, node: exp.Subquery) -> Kind:
        _only(node, "this")
        if isinstance(node.this, exp.Subquery):  # one pair of brackets too many
            node.set("this", node.this.unnest())
        columns = self._owner.query(node.this, self._named, self._reach)
        if len(columns) != 1:
            raise RefusedError("a subquery of several columns")
        return next(iter(columns.values()))

    def exists(self, node: exp.Exists) -> Kind:
        self._owner.query(node.this, self._named, self._reach)
        return BOOL


_Handler = Callable[[_Values, Any], Kind]
_HANDLERS: dict[type[exp.Expression], _Handler] = {
    exp.Literal: _Values.literal,
    exp.Boolean: lambda self, node: BOOL,
    exp.Null: lambda self, node: None,
    exp.Column: _Values.column,
    exp.Paren: _Values.paren,
    exp.Neg: _Values.sign,
    exp.Add: _Values.arithmetic,
    exp.Sub: _Values.arithmetic,
    exp.Mul: _Values.arithmetic,
    exp.And: _Values.logic,
    exp.Or: _Values.logic,
    exp.Not: _Values.logic,
    exp.EQ: _Values.comparison,
    exp.NEQ: _Values.comparison,
    exp.LT: _Values.comparison,
    exp.LTE: _Values.comparison,
    exp.GT: _Values.comparison,
    exp.GTE: _Values.comparison,
    exp.Is: _Values.is_null,
    exp.In: _Values.in_list,
    exp.Between: _Values.between,
    exp.Case: _Values.case,
    exp.Coalesce: _Values.coalesce,
    exp.Array: _Values.array,
    exp.Cast: _Values.cast,
    exp.Struct: _Values.struct,
    exp.Anonymous: _Values.function,
    exp.Count: _Values.count,
    exp.Max: _Values.extreme,
    exp.Min: _Values.extreme,
    exp.Sum: _Values.total,
    exp.LogicalOr: _Values.some,
    exp.LogicalAnd: _Values.some,
    exp.Filter: _Values.chosen,
    exp.Window: _Values.window,
    exp.Subquery: _Values.subquery,
    exp.Exists: _Values.exists,
}


def _only(node: exp.Expression, *handled: str) -> None:
    """INVARIANT: a part of a node that nobody looks at would change the meaning unseen."""
    for name, value in node.args.items():
        if name not in handled and value not in (None, False, [], ""):
            raise RefusedError(f"`{name.strip('_')}` of {type(node).__name__.lower()}")


def _same(kinds: list[Kind], where: str) -> Kind:
    known = {kind for kind in kinds if kind is not None}
    if len(known) > 1:
        raise RefusedError(f"{' and '.join(sorted(kind.value for kind in known))} in {where}")
    return next(iter(known), None)


def _must(kind: Kind, wanted: ColumnType, where: str) -> Kind:
    if kind not in (wanted, None):
        raise RefusedError(f"{kind.value if kind else 'NULL'} in {where}, which takes {wanted.value}")
    return wanted


def _no_alias_of_another(tree: exp.Select, part: exp.Expression, rows: _Rows, columns: Columns) -> None:
    """Behind the groups a bare name may be a column or what the select list calls so."""
    items = {item.alias: item.this for item in tree.expressions}
    for column in part.find_all(exp.Column):
        item = items.get(column.name)
        if column.table or item is None:
            continue
        if not (isinstance(item, exp.Column) and item.name == column.name):
            raise RefusedError(f"`{column.name}` is a column and the name of an answer")
