"""The direct engine beside the embedded one: the same texts and rows for both, and every difference.

A difference is a row, a view or a verdict that is not the same. Where the direct engine gives no answer
that is one as well, unless a test allows it: silence is safe, and still not what the sample is to get.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.compiled import CompiledPack
from policycheck.engines import Judgement, Row
from policycheck.engines.direct import DirectSession
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import EngineError
from policycheck.model import ColumnType, CompiledControl, TableData, TableSchema

T = TypeVar("T")
Engine = DirectSession | DuckDBSession
Trees = Callable[[str], Mapping[str, Any]]


def trees_of(session: DuckDBSession) -> Trees:
    """Trees from DuckDB's parser, decoded once."""
    known: dict[str, Any] = {}

    def tree(select: str) -> Mapping[str, Any]:
        if select not in known:
            known[select] = json.loads(session.parse(select))
        found: Mapping[str, Any] = known[select]
        return found

    return tree


def direct_session(compiled: CompiledPack, trees: Trees) -> DirectSession:
    """A direct session with the tables and views of a compiled pack, without rows."""
    session = DirectSession(trees)
    session.define_tables([*BUILTIN_TABLES.values(), *compiled.pack.tables.values()])
    for name, view in compiled.views.items():
        session.add_view(name, view.sql)
    return session


def plain(value: Any) -> Any:
    """A value of DuckDB in the form of the model."""
    if isinstance(value, dict):
        return (value["lo"], value["hi"])
    return tuple(value) if isinstance(value, list) else value


def view_differences(name: str, direct: DirectSession, embedded: DuckDBSession) -> list[str]:
    """Columns and rows of a view that the engines do not share."""
    cursor = embedded._execute(f'SELECT * FROM "{name}"')
    columns, fetched = [column for column, *_ in cursor.description], cursor.fetchall()
    if columns != direct.columns_of(name):
        return [f"{name}: columns {direct.columns_of(name)}, embedded {columns}"]
    here = Counter(direct.rows_of(name))
    there = Counter(tuple(map(plain, row)) for row in fetched)
    return [f"{name}: direct only {row}" for row in here - there] + [
        f"{name}: embedded only {row}" for row in there - here
    ]


class TwinSession:
    """A session that asks both engines everything, answers as the embedded one, and gathers differences."""

    def __init__(self) -> None:
        self.embedded = DuckDBSession()
        self.direct = DirectSession(trees_of(self.embedded))
        self.parse = self.embedded.parse
        self.differences: list[str] = []
        self.asked = 0

    def __enter__(self) -> TwinSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.embedded.close()

    def define_tables(self, schemas: Iterable[TableSchema]) -> None:
        found = list(schemas)
        self.direct.define_tables(found)
        self.embedded.define_tables(found)

    def define_view(self, name: str, sql: str) -> list[tuple[str, ColumnType]]:
        return self._both(f"the columns of {name}", lambda engine: engine.define_view(name, sql))

    def refresh_views(self, views: Mapping[str, str]) -> None:
        self.direct.refresh_views(views)
        self.embedded.refresh_views(views)

    def compute_views(self, wanted: Mapping[str, Collection[str]]) -> None:
        self.direct.compute_views(wanted)
        self.embedded.compute_views(wanted)
        for name in wanted:
            self.differences += view_differences(name, self.direct, self.embedded)

    def broken_views(self) -> dict[str, str]:
        found = self.embedded.broken_views()
        silent = found.keys() - self.direct.broken_views().keys()
        self.differences += [f"only the embedded engine finds {name} broken" for name in silent]
        return found

    def insert(self, data: TableData) -> None:
        self.direct.insert(data)
        self.embedded.insert(data)

    def clear(self) -> None:
        self.direct.clear()
        self.embedded.clear()

    def seal(self) -> None:
        self.embedded.seal()

    def false_rows(self, table: str, expressions: Sequence[str]) -> list[tuple[int, int]]:
        return self._both(f"false rows of {table}", lambda engine: engine.false_rows(table, expressions))

    def rows_with_null(self, relation: str, columns: Sequence[str], ignored: Collection[int]) -> int:
        return self._both(
            f"NULL in {relation}", lambda engine: engine.rows_with_null(relation, columns, ignored)
        )

    def judge(
        self,
        relation: str,
        base: str,
        key: Sequence[str],
        expressions: Sequence[str],
        observed: Sequence[str],
        kept: Sequence[str] = (),
    ) -> Judgement:
        found: list[Judgement] = []

        def ask(engine: Engine) -> list[Row]:
            judgement = engine.judge(relation, base, key, expressions, observed, kept)
            found.append(judgement)
            return all_rows(judgement, len(expressions))

        self._both(f"subjects of {relation} under {expressions}", ask)
        return found[-1]

    def _both(self, what: str, ask: Callable[[Engine], T]) -> T:
        """What the embedded engine answers or raises, last; a different answer of the other is noted."""
        self.asked += 1
        here: T | None = None
        words = ""
        try:
            here = ask(self.direct)
        except EngineError as error:
            words = error.faults[0].message
        try:
            there = ask(self.embedded)
        except EngineError as error:
            if not words:
                self.differences.append(f"{what}: {here}, embedded fails: {error.faults[0].message}")
            raise
        if words or here != there:
            self.differences.append(f"{what}: {words or here}, embedded {there}")
        return there


def expressions_of(control: CompiledControl) -> list[str]:
    parts = [control.applies] if control.applies else []
    return [each.sql for each in (*parts, *control.expectations, *control.advice)]


def all_rows(judgement: Judgement, total: int) -> list[Row]:
    """Every subject with all its answers, by key."""
    columns = range(total)
    wanted = [(answers, source) for answers, source, _ in judgement.patterns(columns)]
    return judgement.rows(columns, wanted, None)


def control_differences(
    control: CompiledControl, direct: DirectSession, embedded: DuckDBSession
) -> Iterator[str]:
    """Subjects of a control whose answers, keys or observed values are not the same."""
    asked = expressions_of(control)
    question = (control.relation, control.base, control.key, asked, control.observed)
    here, there = (all_rows(engine.judge(*question), len(asked)) for engine in (direct, embedded))
    if len(here) != len(there):
        yield f"{control.control.id}: {len(here)} subjects, embedded {len(there)}"
    for own, other in zip(here, there, strict=False):
        if own != other:
            yield f"{control.control.id}: {own}, embedded {other}"


def differences(
    compiled: CompiledPack,
    controls: Sequence[CompiledControl],
    direct: DirectSession,
    embedded: DuckDBSession,
) -> list[str]:
    """All differences of these controls and of the views they read, and all that is not answered."""
    found: list[str] = []
    for name in dict.fromkeys(view for control in controls for view in control.views):
        found += view_differences(name, direct, embedded)
    for control in controls:
        found += control_differences(control, direct, embedded)
    return found + direct.unanswered
