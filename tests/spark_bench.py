"""Rows and texts on Spark beside DuckDB: the same question to both, and every difference.

Many texts are asked in few queries, since a query of Spark costs much and an expression in it nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.spark import SparkEngine
from policycheck.engines.spark_cluster import Cluster
from policycheck.engines.spark_dialect import RefusedError
from policycheck.errors import EngineError
from policycheck.model import TableData
from two_engines import plain


class SparkBench:
    """Both engines with the same rows in the same tables."""

    def __init__(self, cluster: Cluster, tables: Sequence[TableData]) -> None:
        self.spark = SparkEngine(cluster)
        self.embedded = DuckDBSession()
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        for engine in (self.spark, self.embedded):
            engine.define_tables([data.schema for data in tables])
            for data in tables:
                engine.insert(data)
        self.spark.seal()

    def __enter__(self) -> SparkBench:
        return self

    def __exit__(self, *_: object) -> None:
        self.spark.close(cluster=False)
        self.embedded.close()

    def ask(self, table: str, texts: Sequence[str]) -> list[str]:
        """The differences in what these expressions say about the rows of a table."""
        asked = [text for text in texts if self._is_askable(table, text)]
        there = [self._embedded(table, text) for text in asked]
        self.counts["unbound"] += there.count(None)
        answered = [(text, rows) for text, rows in zip(asked, there, strict=True) if isinstance(rows, dict)]
        found = self._compare(table, answered)
        for text in (text for text, rows in zip(asked, there, strict=True) if isinstance(rows, str)):
            # DuckDB fails with all it computes, Spark with what it needs: TRUE OR (an overflow) is TRUE.
            try:
                self._spark(table, [text])
                self.counts["not needed"] += 1
            except EngineError:
                self.counts["both fail"] += 1
        return found

    def _compare(self, table: str, bound: Sequence[tuple[str, dict[int, Any]]]) -> list[str]:
        if not bound:
            return []
        try:
            here = self._spark(table, [text for text, _ in bound])
        except EngineError as error:
            if len(bound) > 1:
                middle = len(bound) // 2
                return self._compare(table, bound[:middle]) + self._compare(table, bound[middle:])
            words = error.faults[0].message
            if "ARITHMETIC_OVERFLOW" in words:
                # DuckDB turns `n * -5 = 2` into FALSE, as no whole number is; Spark multiplies.
                self.counts["overflow there alone"] += 1
                return []
            return [f"{bound[0][0]}: Spark fails: {words}"]
        found = []
        for (text, rows), own in zip(bound, here, strict=True):
            self.counts["same"] += own == rows
            other = [
                (row, own.get(row), rows.get(row))
                for row in sorted(own.keys() | rows)
                if own.get(row) != rows.get(row)
            ]
            found += [f"{text}: (row, Spark, DuckDB) {other[:5]}"] if own != rows else []
        return found

    def _is_askable(self, table: str, text: str) -> bool:
        try:
            self.spark._asked(table, [text])
        except RefusedError as error:
            self.counts["refused"] += 1
            self.refused[str(error)] += 1
            return False
        return True

    def _spark(self, table: str, texts: Sequence[str]) -> list[dict[int, Any]]:
        cluster = self.spark._cluster
        rows = cluster.rows(cluster.query(self.spark._asked(table, texts, ("_row",))))
        numbers, *columns = (column.to_pylist() for column in rows.columns)
        return [dict(zip(numbers, map(plain, column), strict=True)) for column in columns]

    def _embedded(self, table: str, text: str) -> dict[int, Any] | str | None:
        """Answers by row; the words of a failure on these rows; None where it does not bind."""
        sql = f'SELECT subject._row, ({text}) FROM "{table}" AS subject'
        try:
            return {row: plain(value) for row, value in self.embedded.fetch(sql)}
        except EngineError as error:
            words = error.faults[0].message
            return words if words.startswith(("Out of Range", "Conversion", "Invalid Input")) else None
