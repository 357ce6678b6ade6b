"""Random texts asked of both engines over the same random rows, and what came of each.

`same` is the same rows and types. `silent` is an answer of the embedded engine alone: safe, and rare.
`unbound` never gets past the compiler, so that it does not matter what is answered. `defect` is a failure of
DuckDB's own making (a plan it cannot bind, its memory used up). Anything else is a difference and raises.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

import query_writer
from policycheck.engines.direct import DirectSession
from policycheck.engines.direct_values import column_kind
from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.duckdb_types import COLUMN_TYPES
from policycheck.errors import EngineError
from policycheck.scope import sql_literal
from two_engines import plain, trees_of

UNBOUND = (
    "Binder Error",
    "Catalog Error",
    "Serialization Error",
    "Not implemented",
    "maximum expression depth",
)
# The last: `due_by` of a constant day and a number of years beyond 32 bits, which is to be NULL.
DEFECTS = ("INTERNAL Error", "Out of Memory", "out of range for the destination type INT32")
_PARAMETER = re.compile(r"\$([a-z_]+)")
Rows = Counter[tuple[Any, ...]]


def inlined(sql: str, values: Mapping[str, Any] = query_writer.PARAMETERS) -> str:
    """The text with the values of its parameters written in, as the compiler does."""
    return _PARAMETER.sub(lambda found: sql_literal(values[found.group(1)]), sql)


class Bench:
    """Both engines with the same rows in the tables of `query_writer`."""

    def __init__(self, seed: int) -> None:
        self.embedded = DuckDBSession()
        self.trees = trees_of(self.embedded)
        self.direct = DirectSession(self.trees, query_writer.PARAMETERS)
        self.counts: Counter[str] = Counter()
        chance = random.Random(seed)
        for schema in query_writer.SCHEMAS:
            data = query_writer.table(schema, chance.choice([0, 1, 5, 6, 7]), chance)
            for engine in (self.embedded, self.direct):
                engine.define_tables([schema])
                engine.insert(data)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.embedded.close()

    def ask(self, sql: str) -> None:
        """Counts what came of one select with `$name` parameters; raises AssertionError for a difference."""
        outcome = self._outcome(sql)
        self.counts[outcome] += 1

    def ask_expressions(self, texts: Sequence[str]) -> None:
        """Many expressions over the things as subject in one select, and one by one where that fails."""
        items = ", ".join(f"{text} AS c{i}" for i, text in enumerate(texts))
        outcome = self._outcome(f"SELECT subject._row AS c, {items} FROM things AS subject")
        if outcome == "same" or len(texts) == 1:
            self.counts[outcome] += len(texts)
        else:
            for text in texts:
                self.ask_expressions([text])

    def _outcome(self, sql: str) -> str:
        written = inlined(sql)
        there, words = self._embedded(written)
        # With the parameters written in and without: the trees differ, the meaning does not. Arithmetic on
        # constants is done beforehand, so either form may be refused for a row that the other never meets.
        forms = [self._direct(sql), self._direct(written)]
        answers = [answer for answer in forms if answer is not None]
        if there is None:
            if any(kind in words for kind in UNBOUND):
                return "unbound"
            if any(kind in words for kind in DEFECTS):
                return "defect"
            assert not answers, f"DuckDB fails ({words}), and the direct engine answers {answers}: {sql}"
            return "both fail"
        for here in answers:
            if here != there:
                own, other = (
                    list((a - b).elements())[:3] for a, b in ((here[1], there[1]), (there[1], here[1]))
                )
                raise AssertionError(f"{sql}\ndirect {here[0]} {own}\nDuckDB {there[0]} {other}")
        return "same" if len(answers) == len(forms) else "silent"

    def _embedded(self, sql: str) -> tuple[tuple[list[str], Rows] | None, str]:
        try:
            cursor = self.embedded._execute(sql)
            kinds = [str(COLUMN_TYPES.get(str(kind), "null")) for _, kind, *_ in cursor.description]
            return (kinds, Counter(tuple(map(plain, row)) for row in cursor.fetchall())), ""
        except (EngineError, duckdb.Error) as error:
            return None, str(error)

    def _direct(self, sql: str) -> tuple[list[str], Rows] | None:
        try:
            columns, rows = self.direct.select(sql)
            kinds = ["null" if kind == "null" else str(column_kind(kind)) for _, kind in columns]
            return kinds, Counter(rows)
        except EngineError:
            return None
