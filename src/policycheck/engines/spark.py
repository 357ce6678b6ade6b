"""The distributed engine: Spark answers the same questions as DuckDB, on as many machines as it has.

Goes in: compiled texts and typed evidence. Comes out: the three-valued answers of every subject. Rows are
read and checked by the embedded engine on this machine, so that faults are the same; what it has read goes
to the cluster as rows, or, where there are many, as Parquet in the staging folder. It answers no question.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from policycheck.engines import ALL_COLUMNS, BulkResult, Judgement, failed, rows_lost
from policycheck.engines.duckdb import FETCH_LIMIT, DuckDBSession
from policycheck.engines.judgements import FetchedJudgement, fetched_rows
from policycheck.engines.plans import Plan
from policycheck.engines.spark_cluster import Cluster
from policycheck.engines.spark_dialect import Reader, RefusedError, answer_as, spark_text
from policycheck.engines.spark_functions import Characters
from policycheck.engines.spark_sql import Translator
from policycheck.engines.spark_subqueries import join_subqueries
from policycheck.engines.spark_values import Columns
from policycheck.engines.stored import UNKNOWN, Layout, StoredJudgement, packed
from policycheck.errors import EngineError, Fault, InputError
from policycheck.model import Column, ColumnType, RowFault, TableData, TableSchema
from policycheck.source import Place
from policycheck.sqltext import words_in

if TYPE_CHECKING:
    import pyarrow

_CODES = "FROM (SELECT unnest(range(1, 55296)) AS i UNION ALL SELECT unnest(range(57344, 1114112)) AS i)"
_SPARK_TYPES = {
    ColumnType.TEXT: "STRING",
    ColumnType.INT: "BIGINT",
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.DAY: "DATE",
    ColumnType.DAYS: "STRUCT<lo: DATE, hi: DATE>",
    ColumnType.INSTANT: "STRUCT<lo: TIMESTAMP_NTZ, hi: TIMESTAMP_NTZ>",
    ColumnType.SET: "ARRAY<STRING>",
}


class SparkEngine:
    """Tables and views of a pack on a cluster. Load, seal, judge; `close` when done."""

    def __init__(
        self, cluster: Cluster, staging: Path | None = None, embedded: DuckDBSession | None = None
    ) -> None:
        """`staging` is a folder that the cluster sees; this engine makes one of its own there. `embedded` is
        what reads and checks rows."""
        self._cluster = cluster
        self._embedded = embedded or DuckDBSession()
        self.parse = self._embedded.parse
        try:
            # A folder of its own: nothing that stood there before is read, and nothing of it stays.
            self._staging = Path(tempfile.mkdtemp(prefix="policycheck-", dir=staging)).resolve()
        except OSError as error:
            self.close()
            words = f"the staging folder `{staging}` cannot be used: {error.strerror}"
            raise InputError(
                [Fault("PC604", words, Place("--staging"), "name a folder that exists")]
            ) from error
        self._staging.chmod(0o700)
        self._characters = characters(self._embedded)
        self._read = Reader(self.parse)
        self._schemas: dict[str, TableSchema] = {}
        self._columns: dict[str, Columns] = {}  # of tables and views
        self._views: dict[str, str] = {}
        self._known: dict[tuple[str, str], tuple[str, Columns]] = {}  # a view and its text, in Spark SQL
        self._rows: dict[str, pyarrow.Table] = {}  # small relations that have been computed
        self._totals: dict[str, int] = {}
        # Views to compute, and their wanted columns; None: all.
        self._waiting: dict[str, set[str] | None] = {}
        self._held: dict[str, set[str]] = {}  # large views, and which of their columns are computed
        self._broken: dict[str, str] = {}
        self._changed: set[str] = set()  # tables whose rows are others than those that views were made of
        self._askable: set[tuple[str, str]] = set()
        self._written = 0
        self.sealed = False

    def close(self, *, cluster: bool = True) -> None:
        """Deletes what was staged, and leaves the cluster where that is wanted."""
        if cluster:
            self._cluster.close()
        self._embedded.close()
        shutil.rmtree(getattr(self, "_staging", ""), ignore_errors=True)

    def __enter__(self) -> SparkEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- before there is data ---

    def define_tables(self, schemas: Iterable[TableSchema]) -> None:
        found = list(schemas)
        self._embedded.define_tables(found)
        for schema in found:
            self._schemas[schema.name] = schema
            hidden: Columns = {"_row": ColumnType.INT, "_source": ColumnType.INT}
            self._columns[schema.name] = hidden | {c.name: c.type for c in schema.columns}

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        """Takes note of a view and answers its columns. Raises EngineError for what Spark cannot be asked."""
        try:
            columns = self._take(name, sql)
        except RefusedError as error:
            raise failed(f"`{name}` cannot be asked of Spark: {error}") from error
        return [(c, kind or ColumnType.INT) for c, kind in columns.items() if not c.startswith("_")]

    def _take(self, name: str, sql: str) -> Columns:
        text = sql.strip().rstrip(";")
        self._views[name] = text
        self._changed.add(name)
        if (name, text) not in self._known:
            tree = self._read(text)
            columns = Translator(self._columns, self._characters).query(tree, {}, [])
            join_subqueries(tree)
            self._known[name, text] = spark_text(tree), columns
        self._columns[name] = self._known[name, text][1]
        self._waiting[name] = None
        self._held.pop(name, None)
        self._rows.pop(name, None)
        return self._columns[name]

    def refusals(
        self, views: Mapping[str, str], questions: Mapping[str, Sequence[tuple[str, str]]]
    ) -> list[tuple[str, str]]:
        """(what, reason) of every view, and every question (what, expression) by relation, that Spark cannot
        be asked. Nothing is run."""
        found = []
        for name, sql in views.items():
            try:
                self._renew(name, sql)
            except RefusedError as error:
                found.append((f"view `{name}`", str(error)))
        lost = {name for name in views if name not in self._columns}
        for relation, asked in questions.items():
            for what, sql in asked if relation not in lost else ():
                if (relation, sql) in self._askable:
                    continue
                try:
                    self._asked(relation, [sql])
                    self._askable.add((relation, sql))
                except RefusedError as error:
                    found.append((what, str(error)))
        return found

    def refresh_views(self, views: Mapping[str, str]) -> None:
        """Takes note of these views (name to query). Each is computed when it is wanted, unless it has been
        and nothing of it is another now."""
        self._broken.clear()
        for name, sql in views.items():
            try:
                self._renew(name, sql)
            except RefusedError as error:
                raise failed(f"`{name}` cannot be asked of Spark: {error}") from error
        self._changed.clear()

    def _renew(self, name: str, sql: str) -> None:
        """Takes note of a view whose text, or something that it reads, is another now."""
        same = self._views.get(name) == sql.strip().rstrip(";")
        if not same or not self._changed.isdisjoint(words_in(sql)):
            self._take(name, sql)

    def compute_views(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Computes these views, in this order; of large ones those of their columns that are wanted."""
        for name, columns in wanted.items():
            asked = {*columns, "_row", "_source"}
            kept = {c for c in self._columns[name] if c in asked or ALL_COLUMNS in asked}
            held = self._held.get(name, set(self._columns[name]))
            if name in self._waiting:
                self._waiting[name] = kept
            elif not kept <= held:
                self._waiting[name] = kept | held
        for name in wanted:
            self._compute(name)

    def broken_views(self) -> dict[str, str]:
        """Views that failed on this evidence, with Spark's words."""
        return dict(self._broken)

    def _compute(self, name: str) -> None:
        """Computes a view, and before it those that it reads, where that has not been done."""
        if name not in self._waiting:
            return
        columns = self._waiting.pop(name)
        text, known = self._known[name, self._views[name]]
        used = set(words_in(self._views[name]))
        for other in self._views:
            if other in used and other != name:
                self._compute(other)
        # NULL alone has no type that could be stored.
        items = ", ".join(f"`{c}`" if k else f"CAST(`{c}` AS INT) AS `{c}`" for c, k in known.items())
        try:
            frame = self._cluster.query(f"SELECT {items} FROM ({text})")
            if any(self._totals.get(each, 0) > FETCH_LIMIT for each in used):
                kept = [c for c in known if columns is None or c in columns]
                self._keep_stored(name, frame.select(*[f"`{c}`" for c in kept]))
                self._held[name] = set(kept)
            else:
                self._keep_rows(name, self._cluster.rows(frame))
        except EngineError as error:
            self._broken[name] = error.faults[0].message
            self._keep_rows(name, None)

    def _keep_rows(self, name: str, rows: pyarrow.Table | None) -> None:
        """A few rows stay on this machine and go to the workers with each question: none is lost with one.

        None, for no rows at all."""
        if rows is None or not rows.num_rows:
            kinds = {c: _SPARK_TYPES[kind or ColumnType.INT] for c, kind in self._columns[name].items()}
            shape = ", ".join(f"CAST(NULL AS {kind}) AS `{c}`" for c, kind in kinds.items())
            frame = self._cluster.query(f"SELECT {shape} WHERE false")
            rows = self._cluster.rows(frame)
        else:
            frame = self._cluster.table(rows)
        self._rows[name] = rows
        self._totals[name] = rows.num_rows
        frame.createOrReplaceTempView(name)

    def _keep_stored(self, name: str, frame: Any, expected: int | None = None) -> None:
        """Many rows are written once, for all questions about them. Raises EngineLostError where fewer come
        back, or others than are expected."""
        folder = self._folder(name)
        written = self._cluster.write(frame, folder)
        self._cluster.stored(folder, frame.schema).createOrReplaceTempView(name)
        self._cluster.expect(name, written if expected is None else expected)
        self._rows.pop(name, None)
        self._totals[name] = written

    def _folder(self, name: str) -> Path:
        self._written += 1
        return self._staging / f"{self._written}-{name}"

    # --- loading ---

    def insert(self, data: TableData) -> None:
        self._embedded.insert(data)

    def replace_rows(self, data: TableData) -> None:
        """Puts these few rows in the place of those that a table has."""
        name = data.schema.name
        before = self._rows[name]
        self._embedded.insert(data)
        self._hand_over(name)
        self._embedded.clear()
        if self._rows[name] != before:
            self._changed.add(name)

    def load_bulk(self, data: TableData, as_of: datetime) -> BulkResult:
        """Reads the bulk files of a table and checks every row."""
        return self._embedded.load_bulk(data, as_of)

    def dangling(self, data: TableData, column: Column) -> list[RowFault]:
        return self._embedded.dangling(data, column)

    def clear(self) -> None:
        """Empties all tables, for the next example."""
        self._embedded.clear()
        self._waiting = dict.fromkeys(self._views)

    def seal(self) -> None:
        """Gives the rows to the cluster. Nothing else is read from this machine afterwards."""
        for name in self._schemas:
            self._hand_over(name)
        self._cluster.tune(large=any(total > FETCH_LIMIT for total in self._totals.values()))
        self._embedded.clear()
        self._embedded.seal()
        self.sealed = True

    def _hand_over(self, name: str) -> None:
        total = self._embedded.fetch(f'SELECT count(*) FROM "{name}"')[0][0]
        if total <= FETCH_LIMIT:
            self._keep_rows(name, self._embedded.arrow(self._as_text(name)))
            return
        folder = self._folder(name)
        folder.mkdir()
        path = str(folder / "rows.parquet").replace("'", "''")
        self._embedded.run(
            f"COPY ({self._as_text(name)}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 122880)"
        )
        shape = ", ".join(
            ["_row BIGINT", "_source INT"]
            + [f"`{c.name}` {_SPARK_TYPES[c.type]}" for c in self._schemas[name].columns]
        )
        self._cluster.stored(folder, shape).createOrReplaceTempView(name)
        self._cluster.expect(name, total)
        self._rows.pop(name, None)
        self._totals[name] = total

    def _as_text(self, name: str) -> str:
        """The rows of a table. Columns with an enum may be held as numbers here, and are text over there."""
        columns = self._schemas[name].columns
        texts = [f'CAST("{c.name}" AS VARCHAR) AS "{c.name}"' for c in columns if c.type is ColumnType.TEXT]
        replaced = f"REPLACE ({', '.join(texts)})" if texts else ""
        return f'SELECT * {replaced} FROM "{name}"'

    # --- judging ---

    def judge(
        self,
        relation: str,
        base: str,
        key: Sequence[str],
        expressions: Sequence[str],
        observed: Sequence[str],
        kept: Sequence[str] = (),
    ) -> Judgement:
        """See `Session.judge`."""
        self._compute_for(relation, base, expressions)
        self._check_rows(relation, base, (*key, *kept))
        is_small = relation in self._rows
        shown = ("_row", "_source", *key, *observed) if is_small else ("_row", "_source")
        try:
            tree = self._asked(relation, expressions, shown)
        except RefusedError as error:
            raise failed(f"Spark cannot be asked this: {error}") from error
        if is_small:
            rows = self._cluster.rows(self._cluster.query(tree))
            fetched = list(zip(*[column.to_pylist() for column in rows.columns], strict=True))
            return FetchedJudgement(fetched_rows(fetched, len(key), len(observed)), tuple(observed))
        items = ", ".join(["`_row`", "`_source`", *_packed(len(expressions))])
        self._written += 1
        name = f"_judged_{self._written}"
        answers = self._cluster.query(f"SELECT {items} FROM ({tree})")
        self._keep_stored(name, answers, self._totals[relation])
        layout = Layout(Plan(relation, len(expressions)))
        return StoredJudgement(
            self, relation, name, "", layout, tuple(key), tuple(observed), self._totals[relation]
        )

    def _compute_for(self, relation: str, base: str, expressions: Sequence[str]) -> None:
        used = {word for sql in expressions for word in words_in(sql)} | {relation, base}
        for name in list(self._waiting):
            if name in used:
                self._compute(name)

    def _asked(self, relation: str, expressions: Sequence[str], columns: Sequence[str] = ()) -> str:
        """One query for all expressions over the rows of a relation. Raises RefusedError."""
        items = [exp.column(name, table="subject") for name in dict.fromkeys(columns)]
        whole = sqlglot.parse_one(f'SELECT 1 AS "1" FROM "{relation}" AS subject', dialect="duckdb")
        for i, sql in enumerate(expressions):
            tree = self._read(f'SELECT ({sql}\n) AS x FROM "{relation}" AS subject')
            items.append(answer_as(tree.expressions[0].this, f"answer {i}"))
        whole.set("expressions", items)
        Translator(self._columns, self._characters).query(whole, {}, [])
        join_subqueries(whole)
        if len(set(columns)) == len(columns):
            return spark_text(whole)
        again = ", ".join(
            [f"`{c}` AS `c{i}`" for i, c in enumerate(columns)]
            + [f"`answer {i}`" for i in range(len(expressions))]
        )
        return f"SELECT {again} FROM ({spark_text(whole)})"

    def _check_rows(self, relation: str, base: str, key: Sequence[str]) -> None:
        # INVARIANT: a subject view keeps every row of its base once, or the population is not the population.
        if relation == base:
            return
        expected, total = self._totals[base], self._totals[relation]
        names = ("_row", "_source", *key)
        if relation in self._rows and base in self._rows:
            there, here = (_tuples(self._rows[name], names) for name in (base, relation))
            answered = set(here)
            found = sum(row in answered for row in there)
        else:
            same = " AND ".join(f"v.`{name}` <=> b.`{name}`" for name in names)
            query = f"SELECT count(*) FROM `{base}` b LEFT SEMI JOIN `{relation}` v ON {same}"
            found = self._cluster.rows(self._cluster.query(query))[0][0].as_py()
        if total != expected or found != expected:
            raise rows_lost(relation, base, total, found, expected)

    def false_rows(self, table: str, expressions: Sequence[str]) -> list[tuple[int, int]]:
        """(row, index of the expression) wherever an expression over a table is FALSE."""
        self._compute_for(table, table, expressions)
        try:
            tree = self._asked(table, expressions, ("_row",))
        except RefusedError as error:
            raise failed(f"Spark cannot be asked this: {error}") from error
        test = " OR ".join(f"`answer {i}` = false" for i in range(len(expressions)))
        rows = self._cluster.rows(self._cluster.query(f"SELECT * FROM ({tree}) WHERE {test}"))
        numbers, *answers = (column.to_pylist() for column in rows.columns)
        return [
            (row, i)
            for i, each in enumerate(answers)
            for row in sorted(n for n, answer in zip(numbers, each, strict=True) if answer is False)
        ]

    def rows_with_null(self, relation: str, columns: Sequence[str], ignored: Collection[int]) -> int:
        """How many rows hold NULL in one of `columns`, leaving out ignored rows of the base table."""
        self._compute(relation)
        if relation in self._rows:
            rows = _tuples(self._rows[relation], columns)
            numbers = self._rows[relation]["_row"].to_pylist() if ignored else [None] * len(rows)
            return sum(
                None in row and not (ignored and (number is None or number in ignored))
                for row, number in zip(rows, numbers, strict=True)
            )
        test = " OR ".join(f"`{name}` IS NULL" for name in columns)
        kept = f" AND _row NOT IN ({', '.join(str(row) for row in sorted(ignored))})" if ignored else ""
        query = f"SELECT count(*) FROM `{relation}` WHERE ({test}){kept}"
        return int(self._cluster.rows(self._cluster.query(query))[0][0].as_py())

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a question of this package's own, which is written for DuckDB."""
        text = sqlglot.transpile(sql, read="duckdb", write="spark", identify=True)[0]
        rows = self._cluster.rows(self._cluster.query(text))
        for batch in rows.to_batches():
            yield from zip(*[column.to_pylist() for column in batch.columns], strict=True)


def characters(session: DuckDBSession) -> Characters:
    """What DuckDB makes of every character there is."""
    lowered = session.fetch(
        f"SELECT * FROM (SELECT chr(i::INTEGER) AS c, lower(chr(i::INTEGER)) AS l {_CODES}) WHERE c <> l"
    )
    blank = session.fetch(f"SELECT i {_CODES} WHERE NOT filled(chr(i::INTEGER))")
    return Characters.known([(a, b) for a, b in lowered], [code for (code,) in blank])


def _packed(total: int) -> list[str]:
    """The SELECT items that hold so many answers, in Spark SQL."""
    codes = [f"CAST(coalesce(CAST(`answer {i}` AS INT), {UNKNOWN}) AS BIGINT)" for i in range(total)]
    return packed(codes, lambda code, bits: f"shiftleft({code}, {bits})")


def _tuples(rows: pyarrow.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The values of these columns, row by row, in a form that can be compared."""
    columns = [[_plain(value) for value in rows[name].to_pylist()] for name in names]
    return list(zip(*columns, strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(value.values())
    return tuple(value) if isinstance(value, list) else value
