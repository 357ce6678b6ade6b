"""A checked DuckDB query as a tree of which every part is known: names resolved, types found, functions
written out for Spark.

Goes in: the tree of a query that has passed the gate, and the columns of all relations. Comes out: the same
tree, which means in Spark SQL what it meant before, with its columns and their types; or RefusedError.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from policycheck.engines.spark_dialect import RefusedError, answer_as
from policycheck.engines.spark_functions import Characters, template
from policycheck.engines.spark_values import Columns, Kind, Rows, Source, Values, only, same_kind
from policycheck.functions import FUNCTIONS
from policycheck.model import ColumnType

_JOINS = {("", ""), ("", "INNER"), ("", "CROSS"), ("LEFT", ""), ("LEFT", "OUTER"), ("RIGHT", ""),
          ("RIGHT", "OUTER"), ("FULL", ""), ("FULL", "OUTER"), ("", "SEMI"), ("", "ANTI")}  # fmt: skip


class Translator:
    """Turns trees of one statement, in place. `relations` are the columns of tables and views."""

    def __init__(self, relations: Mapping[str, Columns], characters: Characters) -> None:
        self._relations = relations
        self._characters = characters
        self._sources = 0

    def query(self, tree: exp.Query, named: Mapping[str, Columns], outer: list[Rows]) -> Columns:
        """The columns of a query, whose tree is changed to mean in Spark what it means in DuckDB."""
        named = dict(named)
        with_ = tree.args.get("with_")
        if with_ is not None:
            only(with_, "expressions")
            for step in with_.expressions:
                only(step, "this", "alias")
                if step.args["alias"].columns:
                    raise RefusedError("column names behind WITH")
                named[step.alias] = self.query(step.this, named, outer)
        if isinstance(tree, exp.Union):
            return self._union(tree, named, outer)
        if isinstance(tree, exp.Select):
            return self._select(tree, named, outer)
        raise RefusedError(f"a query of the kind {type(tree).__name__}")

    def _union(self, tree: exp.Union, named: Mapping[str, Columns], outer: list[Rows]) -> Columns:
        only(tree, "this", "expression", "distinct", "with_")
        if tree.args.get("distinct") is not False:
            raise RefusedError("UNION without ALL")
        left, right = (self.query(part, named, outer) for part in (tree.this, tree.expression))
        if len(left) != len(right):
            raise RefusedError("the parts of UNION ALL have different columns")
        return {
            name: same_kind([kind, other], "the parts of UNION ALL")
            for (name, kind), other in zip(left.items(), right.values(), strict=True)
        }

    def _select(self, tree: exp.Select, named: Mapping[str, Columns], outer: list[Rows]) -> Columns:
        only(
            tree, "expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct", "with_",
            "kind", "hint", "operation_modifiers",
        )  # fmt: skip
        if tree.args.get("distinct") is not None:
            only(tree.args["distinct"])
        rows: Rows = {}
        if tree.args.get("from_") is not None:
            self._add(tree.args["from_"].this, named, outer, rows)
        for join in tree.args.get("joins") or []:
            self._join(join, named, outer, rows)
        self._spread_stars(tree, rows)
        value = Values(self, named, [rows, *outer])
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

    def _clauses(self, tree: exp.Select, value: Values, rows: Rows, columns: Columns) -> None:
        group = tree.args.get("group")
        if group is not None:
            only(group, "expressions")
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
                value.condition(part.this, clause.upper())

    # --- FROM ---

    def _add(self, node: exp.Expression, named: Mapping[str, Columns], outer: list[Rows], rows: Rows) -> None:
        """Adds what stands in FROM to the rows in reach, under a name of its own."""
        if isinstance(node, exp.Table):
            only(node, "this", "alias", "joins")
            name = node.name
            columns = named.get(name) or self._relations.get(name)
            if columns is None:
                raise RefusedError(f"`{name}` is no table and no view")
            alias = node.alias or name
        elif isinstance(node, exp.Subquery):
            only(node, "this", "alias", "joins")
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
        rows[alias] = Source(unique, columns)
        node.set("alias", exp.TableAlias(this=exp.to_identifier(unique, quoted=True)))
        for join in node.args.get("joins") or []:
            self._join(join, named, outer, rows)

    def _bracket(
        self, node: exp.Subquery, named: Mapping[str, Columns], outer: list[Rows], rows: Rows
    ) -> None:
        if node.alias or node.args.get("joins"):
            raise RefusedError("joins in brackets with a name")
        self._add(node.this, named, outer, rows)

    def _join(self, join: exp.Join, named: Mapping[str, Columns], outer: list[Rows], rows: Rows) -> None:
        only(join, "this", "on", "side", "kind", "using")
        side, kind = join.side.upper(), join.kind.upper()
        if (side, kind) not in _JOINS or join.args.get("using"):
            raise RefusedError(
                f"a join of the kind {side} {kind}".rstrip() + (" USING" * bool(join.args.get("using")))
            )
        before = set(rows)
        self._add(join.this, named, outer, rows)
        on = join.args.get("on")
        if on is not None:
            Values(self, named, [rows, *outer]).condition(on, "ON")
        if kind in ("SEMI", "ANTI"):
            for alias in set(rows) - before:
                del rows[alias]

    def _spread_stars(self, tree: exp.Select, rows: Rows) -> None:
        """Names all columns that `*` and `alias.*` stand for."""
        items: list[exp.Expression] = []
        for item in tree.expressions:
            if isinstance(item, exp.Star):
                only(item)
                chosen = list(rows)
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                only(item.this)
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
            return "CAST(NULL AS BOOLEAN)" if fitting[0].result is ColumnType.BOOL else "NULL", fitting[
                0
            ].result
        return written, fitting[0].result


def _no_alias_of_another(tree: exp.Select, part: exp.Expression, rows: Rows, columns: Columns) -> None:
    """Behind the groups a bare name may be a column or what the select list calls so."""
    items = {item.alias: item.this for item in tree.expressions}
    for column in part.find_all(exp.Column):
        item = items.get(column.name)
        if column.table or item is None:
            continue
        if not (isinstance(item, exp.Column) and item.name == column.name):
            raise RefusedError(f"`{column.name}` is a column and the name of an answer")
