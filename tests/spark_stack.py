"""Many small evidences side by side on Spark, each as if it were alone: what `stacked` is to DuckDB.

Every table and view has the number of its slot in `_slot`, and every translated query is changed so that
rows of one slot meet rows of the same slot only: in joins, groups, windows and subqueries. What reads no row
at all is there once for each slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow
from sqlglot import exp

from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.spark import SparkEngine
from policycheck.engines.spark_cluster import Cluster
from policycheck.engines.spark_dialect import Inline, RefusedError, answer_as, spark_text
from policycheck.engines.spark_sql import Translator
from policycheck.engines.spark_subqueries import _is_aggregate, _near_subqueries, _over_none, join_subqueries
from policycheck.engines.stacked import Stack
from policycheck.errors import EngineError
from policycheck.model import ColumnType


class SparkStack(Stack):
    """The slots over one cluster. The session over DuckDB keeps the small rows until they are handed over."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.engine = SparkEngine(cluster)
        cluster.tune(large=False)
        super().__init__(DuckDBSession())
        self._given: set[str] = set()

    def _columns(self) -> dict[str, Any]:
        hidden = {"_row": ColumnType.INT, "_source": ColumnType.INT}
        return {
            name: hidden | {c.name: c.type for c in schema.columns} for name, schema in self._tables.items()
        }

    def clear(self) -> None:
        super().clear()
        self._given: set[str] = set()
        self._shape: dict[str, Any] = {}

    def _flush(self) -> None:
        super()._flush()
        if not self._shape:
            numbers = pyarrow.table({"_slot": pyarrow.array(range(len(self.slots)), pyarrow.int32())})
            self.cluster.table(numbers).createOrReplaceTempView("slots")
            self._shape = self._columns()
        for name in self._tables:
            if name not in self._given:
                self._given.add(name)
                self._give(name, self._session.arrow(f'SELECT * FROM stack."{name}"'))

    def _give(self, name: str, rows: pyarrow.Table) -> None:
        self.engine._columns[name] = {"_slot": ColumnType.INT, **self._shape[name]}
        self.engine._keep_rows(name, rows)

    def _compute(self, name: str) -> None:
        tree = self.engine._read(self._views[name])
        self._shape[name] = Translator(self._shape, self.engine._characters).query(tree, {}, [])
        add_slots(tree)
        join_subqueries(tree)
        known = {**self._shape[name], "_slot": ColumnType.INT}
        items = ", ".join(f"`{c}`" if k else f"CAST(`{c}` AS INT) AS `{c}`" for c, k in known.items())
        self._give(name, self.cluster.rows(self.cluster.query(f"SELECT {items} FROM ({spark_text(tree)})")))

    def _relation(self, name: str) -> dict[int, list[tuple[Any, ...]]]:
        if name not in self._rows:
            rows = self.engine._rows[name]
            slots = rows["_slot"].to_pylist()
            rows = rows.drop_columns(["_slot"])
            self._names[name] = rows.column_names
            found: dict[int, list[tuple[Any, ...]]] = {}
            for slot, row in zip(
                slots, zip(*[c.to_pylist() for c in rows.columns], strict=True), strict=True
            ):
                found.setdefault(slot, []).append(row)
            self._rows[name] = found
        return self._rows[name]

    def _ask(self, relation: str, asked: Sequence[str], first: int, last: int) -> None:
        """Answers expressions for all slots in one query."""
        whole = self.engine._read(f'SELECT 1 AS x FROM "{relation}" AS subject')
        items = [exp.column("_row", table="subject")]
        for i, sql in enumerate(asked):
            tree = self.engine._read(f'SELECT ({sql}\n) AS x FROM "{relation}" AS subject')
            items.append(answer_as(tree.expressions[0].this, f"answer {i}"))
        whole.set("expressions", items)
        Translator(self._shape, self.engine._characters).query(whole, {}, [])
        add_slots(whole)
        join_subqueries(whole)
        rows = self.cluster.rows(self.cluster.query(spark_text(whole)))
        numbers, slots = rows["_row"].to_pylist(), rows["_slot"].to_pylist()
        for i, sql in enumerate(asked):
            by_slot: dict[int, Any] = {each.number: {} for each in self.slots}
            for slot, number, answer in zip(slots, numbers, rows[f"answer {i}"].to_pylist(), strict=True):
                by_slot[slot][number] = answer
            self._about(relation, sql).update(by_slot)

    def _check_rows(self, slot: Any, relation: str, base: str, key: Sequence[str]) -> None:
        if relation == base:
            return
        there, here = self._relation(base), self._relation(relation)
        own, other = (
            {str([row[self._names[name].index(c)] for c in ("_row", "_source", *key)]) for row in rows}
            for name, rows in ((base, there.get(slot.number, [])), (relation, here.get(slot.number, [])))
        )
        if own != other or len(here.get(slot.number, [])) != len(there.get(slot.number, [])):
            raise EngineError([])


def add_slots(tree: exp.Expression) -> None:
    """Changes a translated query in place: it answers the rows of all slots, with `_slot` as last column."""
    with_ = tree.args.get("with_")
    for step in with_.expressions if with_ is not None else ():
        add_slots(step.this)
    if isinstance(tree, exp.Union):
        add_slots(tree.this)
        add_slots(tree.expression)
        return
    assert isinstance(tree, exp.Select)
    slot = _within(tree)
    if tree.args.get("group") is None and any(_is_aggregate(item.this) for item in tree.expressions):
        _once_a_slot(tree, slot)
        return
    tree.append("expressions", answer_as(slot.copy(), "_slot"))
    if tree.args.get("group") is not None:
        tree.args["group"].append("expressions", slot.copy())


def _within(tree: exp.Select) -> exp.Column:
    """Joins the sources of a select by their slots, and its subqueries too; the slot of its rows."""
    from_ = tree.args.get("from_")
    if from_ is None:
        from_ = exp.From(this=_all_slots("all slots"))
        tree.set("from_", from_)
    else:
        _source(from_.this)
    slot = _slot_of(from_.this)
    for join in tree.args.get("joins") or []:
        if join.side.upper() in ("RIGHT", "FULL"):
            raise RefusedError("RIGHT and FULL JOIN beside slots")
        _source(join.this)
        same = exp.EQ(this=_slot_of(join.this), expression=slot.copy())
        on = join.args.get("on")
        join.set("on", same if on is None else exp.And(this=same, expression=exp.Paren(this=on.copy())))
        if join.kind.upper() == "CROSS":
            join.set("kind", None)
    for window in tree.find_all(exp.Window):
        if window.find_ancestor(exp.Select) is tree:
            window.set("partition_by", [*(window.args.get("partition_by") or []), slot.copy()])
    for node in list(_near_subqueries(tree)):
        inner = node.this
        if inner.args.get("from_") is None:
            continue
        own = _within(inner)
        where = inner.args.get("where")
        same = exp.EQ(this=own.copy(), expression=slot.copy())
        both = exp.And(this=same, expression=exp.Paren(this=where.this.copy())) if where is not None else same
        inner.set("where", exp.Where(this=both))
    return slot


def _once_a_slot(tree: exp.Select, slot: exp.Column) -> None:
    """An answer over all rows: of each slot, those that have no row included."""
    if tree.args.get("having") is not None:
        raise RefusedError("HAVING without GROUP BY beside slots")
    names = [item.alias for item in tree.expressions]
    over_none = [_over_none(item.this) for item in tree.expressions]
    inner = exp.Select(
        **{key: value for key, value in tree.args.items() if key != "with_"},
    ).copy()
    inner.append("expressions", answer_as(slot.copy(), "_slot"))
    inner.set("group", exp.Group(expressions=[slot.copy()]))
    for key in list(tree.args):
        if key != "with_":
            tree.set(key, None)
    items = [
        answer_as(
            Inline(
                template="CASE WHEN `some`.`_slot` IS NOT NULL THEN {0} ELSE {1} END",
                expressions=[exp.column(name, table="some"), none],
            ),
            name,
        )
        for name, none in zip(names, over_none, strict=True)
    ]
    tree.set("expressions", [*items, answer_as(exp.column("_slot", table="every"), "_slot")])
    tree.set("from_", exp.From(this=_all_slots("every")))
    source = exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("some")))
    on = exp.EQ(this=exp.column("_slot", table="some"), expression=exp.column("_slot", table="every"))
    tree.set("joins", [exp.Join(this=source, side="LEFT", on=on)])


def _source(node: exp.Expression) -> None:
    if isinstance(node, exp.Subquery):
        add_slots(node.this)
    if node.args.get("joins"):
        raise RefusedError("joins in brackets beside slots")


def _all_slots(alias: str) -> exp.Table:
    name = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    return exp.Table(this=exp.to_identifier("slots"), alias=name)


def _slot_of(source: exp.Expression) -> exp.Column:
    return exp.column(exp.to_identifier("_slot"), table=exp.to_identifier(source.alias, quoted=True))
