"""DuckDB's parser for the expression gate: the parser that will execute is the parser that judges.

Goes in: the text of selects. Comes out: their syntax trees as JSON text. Nothing is executed but the
serialisation; a text is only ever passed as a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class DuckdbParser:
    """A `Parser` over one connection. `prime` parses many selects in one call (a quarter of the time);
    later calls with the same text answer from memory."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._trees: dict[str, str] = {}

    def prime(self, selects: Iterable[str]) -> None:
        texts = sorted(set(selects) - self._trees.keys())
        if texts:
            query = "SELECT s, json_serialize_sql(s) FROM (SELECT unnest(?) AS s)"
            self._trees.update(self._connection.execute(query, [texts]).fetchall())

    def __call__(self, select_sql: str) -> str:
        if select_sql not in self._trees:
            self.prime([select_sql])
        return self._trees[select_sql]
