"""The direct engine beside the embedded one: the same texts and rows for both, and every difference.

A difference is a row, a view or a verdict that is not the same. Where the direct engine gives no answer
that is one as well, unless a test allows it: silence is safe, and still not what the sample is to get.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.compiler import CompiledPack
from policycheck.engines import Judgement, Row
from policycheck.engines.direct import DirectSession
from policycheck.engines.duckdb import DuckDBSession
from policycheck.model import CompiledControl

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
