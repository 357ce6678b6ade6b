"""The embedded engine: DuckDB in memory, locked down before any evidence is judged.

Goes in: compiled expressions and typed evidence. Comes out: the three-valued answers of every subject,
as patterns with counts and as rows. Which pattern is which verdict is decided elsewhere.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

import duckdb

from policycheck.engines import BulkResult, Judgement, rows_lost
from policycheck.engines.bulk import dangling, load_bulk
from policycheck.engines.duckdb_errors import in_our_terms
from policycheck.engines.duckdb_functions import macro_statements
from policycheck.engines.duckdb_parser import DuckdbParser
from policycheck.engines.duckdb_types import SQL_TYPES, bind_columns
from policycheck.engines.duckdb_views import Views
from policycheck.engines.interruption import Interruption
from policycheck.engines.judgements import FetchedJudgement, fetched_rows
from policycheck.engines.stored import stored_judgement
from policycheck.engines.watching import watched
from policycheck.errors import EngineError
from policycheck.model import Column, ColumnType, RowFault, TableData, TableSchema
from policycheck.scope import sql_literal
from policycheck.streams import Progress

PARSER = f"duckdb {duckdb.__version__}"
"""What makes syntax trees here: another version may read a text in another way."""

FETCH_LIMIT = 20_000
"""Up to this many subjects the answers are fetched as they are; above, they stay in the engine."""

MEMORY_MB = 700
MANY = 3_000_000
MANY_MEMORY_MB = 1600
"""With more rows than that in one table the engine may take more memory before it spills."""

PIECE = 600_000
"""Rows of a large table at a time, where a view over it does not fit into memory."""

SAMPLED = 100
"""Of so many rows one tells where the pieces end."""

BATCH = 20_000
"""Rows fetched at a time when all of a large answer are wanted."""

STARTUP = {
    "allow_unsigned_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
SETTINGS = (
    "max_expression_depth=250",
    "enable_external_file_cache=false",
    "scalar_subquery_error_on_multiple_rows=true",
    "default_null_order='nulls_last'",
    "default_order='asc'",
    "default_collation=''",
    "TimeZone='UTC'",
    "enable_logging=false",
    "enable_progress_bar=true",  # counts how far a statement is, for whoever asks
    "enable_progress_bar_print=false",
    # A Parquet footer may lie about minima and maxima, and this optimiser would believe it.
    "disabled_optimizers='statistics_propagation'",
)


class DuckDBSession:
    """One database in memory. Define tables and views, load, seal, judge; `close` when done."""

    def __init__(self, *, memory_mb: int | None = None, progress: Progress | None = None) -> None:
        """`memory_mb` is what the engine may take, in megabytes; by default that goes by the rows."""
        self.progress = progress
        self._may_take_more = memory_mb is None
        limit = f"{memory_mb or MEMORY_MB}MB"
        self._connection = duckdb.connect(
            ":memory:", config={**STARTUP, "threads": "1", "memory_limit": limit}
        )
        self._working = [self._connection]  # and the cursors that are asked something
        self._interruption: Interruption | None = None  # where a question may take long
        self._spill = ""
        self._execute("SET temp_directory=''")
        for setting in SETTINGS:
            self._execute(f"SET {setting}")
        self._execute(";\n".join(macro_statements()))
        self.parse = DuckdbParser(self._connection)
        self._tables: dict[str, TableSchema] = {}
        self._views = Views(self._execute, self._ranges)
        self._row_totals: dict[str, int] = {}
        self._in_key_order: set[str] = set()
        self._sums: dict[tuple[str, str], tuple[int | None, int | None, str]] = {}
        self._judged = 0
        self.plans: list[str] = []
        self.sealed = False

    def close(self) -> None:
        with ExitStack() as closing:  # whatever interrupts one of these, the others are done
            if self._spill:
                closing.callback(shutil.rmtree, self._spill, ignore_errors=True)
            closing.callback(self._connection.close)
            if self._interruption is not None:
                closing.callback(self._interruption.close)

    def __enter__(self) -> DuckDBSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- before there is data ---

    def define_tables(self, schemas: Iterable[TableSchema]) -> None:
        statements = []
        for schema in schemas:
            if self._tables.get(schema.name) == schema:
                continue
            columns = ", ".join(f'"{c.name}" {SQL_TYPES[c.type]}' for c in schema.columns)
            statements.append(f'CREATE TABLE "{schema.name}" (_row BIGINT, _source INTEGER, {columns})')
            self._tables[schema.name] = schema
        if statements:
            self._execute(";\n".join(statements))

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        """See `Views.define`."""
        return self._views.define(name, sql, large=self._is_large())

    def refresh_views(self, views: Mapping[str, str]) -> None:
        """See `Views.refresh`."""
        self._views.refresh(views, large=self._is_large())

    def compute_views(self, wanted: Mapping[str, Collection[str]]) -> None:
        """See `Views.compute`."""
        with self.watched("computing views", max(self._row_totals.values(), default=0), "M rows"):
            self._views.compute(wanted)

    def broken_views(self) -> dict[str, str]:
        """Views that failed on this evidence, with the engine's words."""
        return dict(self._views.broken)

    def _ranges(self, columns: Sequence[str]) -> list[str]:
        """Tests on the first of these columns that is the key of a large table, with about PIECE rows of the
        table to each; none where no column is."""
        keys = {schema.key[0]: schema for schema in self._tables.values() if len(schema.key) == 1}
        for name in (name for name in columns if name in keys):
            schema = keys[name]
            pieces = self._row_totals.get(schema.name, 0) // PIECE
            if pieces < 2 or ColumnType.TEXT not in {c.type for c in schema.columns if c.name == name}:
                continue
            found = self.fetch(
                f'SELECT max("{name}") FROM (SELECT "{name}", ntile({pieces}) OVER (ORDER BY "{name}") AS n '
                f'FROM "{schema.name}" WHERE hash(_row) % {SAMPLED} = 0 AND "{name}" IS NOT NULL) '
                f"GROUP BY n ORDER BY 1"
            )
            ends = [sql_literal(end) for (end,) in dict.fromkeys(found)][:-1]
            if ends:
                between = [
                    f'"{name}" > {low} AND "{name}" <= {high}' for low, high in itertools.pairwise(ends)
                ]
                return [
                    f'"{name}" IS NULL',
                    f'"{name}" <= {ends[0]}',
                    *between,
                    f'"{name}" > {ends[-1]}',
                ]
        return []

    def _is_large(self) -> bool:
        return any(total > FETCH_LIMIT for total in self._row_totals.values())

    # --- loading ---

    def insert(self, data: TableData) -> None:
        """Inserts checked values; row `i` of the data gets the row number `i`."""
        total = len(data.origins)
        self._sums.clear()
        if total:
            self.put(data.schema, range(total), [origin[0] for origin in data.origins], data.columns)
        self._row_totals[data.schema.name] = self._row_totals.get(data.schema.name, 0) + total

    def put(
        self,
        schema: TableSchema,
        rows: Sequence[int],
        sources: Sequence[int],
        columns: Mapping[str, list[Any]],
    ) -> None:
        """Inserts checked values under these row numbers."""
        parameters: list[Any] = [list(rows), list(sources)]
        selects = ["unnest($1::BIGINT[])", "unnest($2::INTEGER[])"]
        selects += bind_columns(schema, columns, parameters)
        self._execute(f'INSERT INTO "{schema.name}" SELECT {", ".join(selects)}', parameters)

    def load_bulk(self, data: TableData, as_of: datetime) -> BulkResult:
        """Reads the large files of a table and checks every row."""
        if not self._spill:
            # Large evidence earns all cores and may spill to a folder only this user can read.
            self._spill = tempfile.mkdtemp(prefix="policycheck-")
            self._interruption = Interruption(self._interrupt)
            self._execute(f"SET temp_directory='{self._spill}'; SET threads={available_threads()}")
        if any((file.expected or 0) > MANY for file in data.bulk):
            self._take_more_memory()
        result = load_bulk(data, as_of, self)
        if result.in_key_order:
            self._in_key_order.add(data.schema.name)
        if sum(result.rows.values()) > MANY:
            self._take_more_memory()
        self._sums.clear()
        self._row_totals[data.schema.name] = self.fetch(f'SELECT count(*) FROM "{data.schema.name}"')[0][0]
        return result

    def _take_more_memory(self) -> None:
        if self._may_take_more:
            self._execute(f"SET memory_limit='{MANY_MEMORY_MB}MB'")

    def dangling(self, data: TableData, column: Column) -> list[RowFault]:
        """References of a column that lead nowhere, where the rows of either table are bulk."""
        return dangling(data, column, self.fetch)

    def clear(self) -> None:
        """Empties all tables, for the next example."""
        filled = [name for name, total in self._row_totals.items() if total]
        if filled:
            self._execute(";\n".join(f'DELETE FROM "{name}"' for name in filled))
        self._row_totals.clear()
        self._in_key_order.clear()
        self._sums.clear()

    def seal(self) -> None:
        """Ends all access to files, network and configuration. Idempotent."""
        if self.sealed:
            return
        settings = ["allowed_directories=[]", "allowed_paths=[]", "enable_external_access=false"]
        if not self._spill:
            settings.append("disabled_filesystems='LocalFileSystem'")
        for setting in (*settings, "lock_configuration=true"):
            self._execute(f"SET {setting}")
        self.sealed = True

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
        expected = self._row_totals.get(base, 0)
        if expected <= FETCH_LIMIT and not self._is_large():
            columns = ", ".join(f'subject."{name}"' for name in (*key, *observed))
            answers = ", ".join(f"({sql}\n)" for sql in expressions)
            sql = f'SELECT subject._row, subject._source, {columns}, {answers} FROM "{relation}" AS subject'
            rows = fetched_rows(self.fetch(sql), len(key), len(observed))
            fetched = FetchedJudgement(rows, tuple(observed))
            self._check_rows(relation, base, expected, (*key, *kept))
            return fetched
        self._check_rows(relation, base, expected, (*key, *kept))
        self._judged += 1
        in_order = base in self._in_key_order and tuple(key) == tuple(self._tables[base].key)
        with self.watched(f"asking about {relation}", expected, "M rows"):
            plan, judgement = stored_judgement(
                self, self._judged, relation, tuple(key), expressions, tuple(observed), expected, in_order
            )
        self.plans.append(str(plan))
        return judgement

    def _check_rows(self, relation: str, base: str, expected: int, key: Sequence[str]) -> None:
        # INVARIANT: a subject view keeps every row of its base once, or the population is not the population.
        if relation == base:
            return
        if self._is_large() and self._same_rows(relation, base, key):
            return
        same = " AND ".join(f'v."{name}" IS NOT DISTINCT FROM b."{name}"' for name in ("_source", *key))
        total, found = self.fetch(
            f'SELECT (SELECT count(*) FROM "{relation}"), count(*) '
            f'FROM "{base}" b SEMI JOIN "{relation}" v ON v._row = b._row AND {same}'
        )[0]
        if total != expected or found != expected:
            raise rows_lost(relation, base, total, found, expected)

    def _same_rows(self, relation: str, base: str, key: Sequence[str]) -> bool:
        """Whether both have the same rows of each source: numbers as sets of bits, keys by checksum.

        A tenth of the time of a join. Where they differ, they are compared again row for row.
        """
        keys = ", ".join(f'"{name}"' for name in key)
        lo, hi, sums = self._sums_of(base, keys)
        if lo is None:
            return False
        try:
            sources, alike, total = self.fetch(
                f"WITH v AS ({_row_sums(relation, keys, lo, hi)}) "
                f"SELECT (SELECT count(*) FROM {sums}), count(*), (SELECT count(*) FROM v) "
                f"FROM {sums} JOIN v USING (_source, n, rows, keys)"
            )[0]
        except EngineError:  # a row number that the base has not
            return False
        return bool(sources == alike == total)

    def _sums_of(self, base: str, keys: str) -> tuple[int | None, int | None, str]:
        """The first and last row number of a table, and what holds its sums: made once for all its views."""
        if (base, keys) not in self._sums:
            lo, hi = self.fetch(f'SELECT min(_row), max(_row) FROM "{base}"')[0]
            name = f"_sums_{len(self._sums)}"
            if lo is not None:
                self._execute(f"CREATE OR REPLACE TABLE {name} AS {_row_sums(base, keys, lo, hi)}")
            self._sums[base, keys] = lo, hi, name
        return self._sums[base, keys]

    def false_rows(self, table: str, expressions: Sequence[str]) -> list[tuple[int, int]]:
        """(row, index of the expression) wherever an expression over a table is FALSE."""
        found = []
        for i, sql in enumerate(expressions):
            query = f'SELECT subject._row FROM "{table}" AS subject WHERE ({sql}\n) = false ORDER BY 1'
            found += [(row, i) for (row,) in self.fetch(query)]
        return found

    def rows_with_null(self, relation: str, columns: Sequence[str], ignored: Collection[int]) -> int:
        """How many rows hold NULL in one of `columns`, leaving out ignored rows of the base table."""
        test = " OR ".join(f'"{name}" IS NULL' for name in columns)
        kept = f" AND _row NOT IN ({', '.join(str(row) for row in sorted(ignored))})" if ignored else ""
        return int(self.fetch(f'SELECT count(*) FROM "{relation}" WHERE ({test}){kept}')[0][0])

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Rows a batch at a time, on a cursor of their own, so that other questions can be asked between."""
        cursor = self._connection.cursor()
        self._working.append(cursor)
        try:
            with in_our_terms():
                cursor.execute(sql)
            while True:
                with in_our_terms():
                    batch = cursor.fetchmany(BATCH)
                if not batch:
                    break
                yield from batch
        finally:
            self._working.remove(cursor)
            cursor.close()

    def watched(self, what: str, total: int, unit: str = "MB") -> AbstractContextManager[None]:
        """See `watching.watched`."""
        return watched(self._connection.query_progress, self.progress, what, total, unit)

    def _interrupt(self) -> None:
        for connection in list(self._working):
            with suppress(duckdb.Error):  # one that has just been closed
                connection.interrupt()

    def fetch(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        # A row far down fails only when it is fetched.
        with in_our_terms():
            return self._execute(sql, parameters).fetchall()

    def arrow(self, sql: str) -> Any:
        """The rows of one query of this package's own, as an Arrow table."""
        return self._connection.sql(sql).to_arrow_table()

    @contextmanager
    def fetches(self, count: int) -> Iterator[list[Callable[[str, list[Any]], list[tuple[Any, ...]]]]]:
        """Several `fetch`es, each for one thread at a time; their threads have ended when this ends."""
        # Made and closed in one thread: a cursor that goes while another comes may stop both for ever.
        cursors = [self._connection.cursor() for _ in range(count)]

        def fetch(
            cursor: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any]
        ) -> list[tuple[Any, ...]]:
            with in_our_terms():
                return cursor.execute(sql, parameters).fetchall()

        try:
            yield [partial(fetch, cursor) for cursor in cursors]
        finally:
            for cursor in cursors:
                cursor.close()

    def run(self, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Runs one statement of this package's own. Raises EngineError with DuckDB's own words."""
        return self._execute(sql, parameters)

    def _execute(self, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyConnection:
        with in_our_terms():
            return self._connection.execute(sql, parameters)


def _row_sums(relation: str, keys: str, lo: int, hi: int | None) -> str:
    """For each source how many rows there are, which, and the checksum of their keys."""
    return (
        f"SELECT _source, count(*) AS n, bitstring_agg(_row, {lo}, {hi}) AS rows, "
        f'sum(hash(_row, {keys})) AS keys FROM "{relation}" GROUP BY _source'
    )


def available_threads() -> int:
    """How many threads a large run may use."""
    return max(1, len(os.sched_getaffinity(0)))
