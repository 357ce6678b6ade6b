"""Puts verified evidence into an engine and finds what only an engine can: bulk rows and row rules.

Goes in: evidence and a session. Comes out: the evidence with every fault known, and a sealed session
that holds it. `fill` before the pack is compiled makes each view bind once; `load` is for a session
whose pack is compiled already and whose evidence changes, as in a pack's examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from policycheck.builtin_tables import BUILTIN_TABLES, builtin_rows
from policycheck.compiled import CompiledPack
from policycheck.engines import Session
from policycheck.errors import FaultList
from policycheck.evidence import row_fault_as_fault
from policycheck.model import ColumnType, Evidence, Pack, RowFault, Source, TableData
from policycheck.parameters import Resolved

if TYPE_CHECKING:
    from policycheck.engines.direct import DirectSession
    from policycheck.engines.spark import SparkEngine


def load(
    compiled: CompiledPack, evidence: Evidence, session: Session, given: Mapping[str, TableData] | None = None
) -> Evidence:
    """Fills and seals the session, and computes its views. `given` replaces rows of built-in tables."""
    return _viewed(compiled, fill(compiled.pack, compiled.resolved, evidence, session, given), session)


def load_again(compiled: CompiledPack, evidence: Evidence, session: DirectSession | SparkEngine) -> Evidence:
    """The same for a session that holds this evidence already, with its pack under another profile."""
    resolved = compiled.resolved
    for data in builtin_rows(evidence, resolved.choices, resolved.memos).values():
        session.replace_rows(data)
    return _viewed(compiled, evidence, session)


def _viewed(compiled: CompiledPack, evidence: Evidence, session: Session) -> Evidence:
    session.refresh_views({name: view.sql for name, view in compiled.views.items()})
    return check_rows(compiled, evidence, session)


def fill(
    pack: Pack,
    resolved: Resolved,
    evidence: Evidence,
    session: Session,
    given: Mapping[str, TableData] | None = None,
) -> Evidence:
    """Inserts all rows and seals the session: nothing of the pack has run before that."""
    session.define_tables([*BUILTIN_TABLES.values(), *pack.tables.values()])
    faults: list[RowFault] = []
    told = FaultList()
    told.extend(evidence.faults)
    sources = list(evidence.sources)
    for data in evidence.tables.values():
        session.insert(data)
        if data.bulk:
            found = session.load_bulk(data, evidence.as_of)
            faults += found.faults
            for index, total in found.rows.items():
                sources[index] = _counted(sources[index], data, total)
                if index in found.broken:
                    told.extend(found.broken[index].told(sources[index]))
                    sources[index] = found.broken[index].ended(sources[index])
    filled = replace(evidence, sources=tuple(sources), faults=told.faults)
    faults += _dangling(filled, session)
    built_in = {**builtin_rows(filled, resolved.choices, resolved.memos), **(given or {})}
    for name in BUILTIN_TABLES:
        session.insert(built_in[name])
    session.seal()
    return _with_faults(filled, faults)


def check_rows(compiled: CompiledPack, evidence: Evidence, session: Session) -> Evidence:
    """Evidence with the faults of rows that contradict themselves by their table's rules."""
    faults = []
    for table, rules in compiled.row_rules.items():
        data = evidence.tables.get(table)
        if data is None or not data.row_total or not rules:
            continue
        for row, index in session.false_rows(table, [rule.sql for rule in rules]):
            words = f"the row contradicts itself: `{rules[index].name}`"
            faults.append(RowFault(table, row, "*", "data_quality", words, data.place(row)))
    return _with_faults(evidence, faults)


def _with_faults(evidence: Evidence, faults: list[RowFault]) -> Evidence:
    if not faults:
        return evidence
    return replace(
        evidence,
        row_faults=sorted([*evidence.row_faults, *faults], key=lambda f: (f.table, f.row, f.column, f.code)),
        faults=(*evidence.faults, *(row_fault_as_fault(fault) for fault in faults)),
    )


def _dangling(evidence: Evidence, session: Session) -> list[RowFault]:
    """References to or from bulk rows, which the loader of small files could not follow."""
    if not any(data.bulk for data in evidence.tables.values()):
        return []
    whole = {source.table for source in evidence.sources} - {
        source.table for source in evidence.sources if not (source.usable and source.population_complete)
    }
    found: list[RowFault] = []
    for data in evidence.tables.values():
        for column in data.schema.columns:
            if column.references is None or column.type is ColumnType.SET:
                continue
            target = evidence.tables.get(column.references[0])
            if target is not None and (data.bulk or target.bulk) and column.references[0] in whole:
                found += session.dangling(data, column)
    return found


def _counted(source: Source, data: TableData, total: int) -> Source:
    """A bulk source once its rows are counted."""
    rows = {file.path: file.rows for file in data.bulk}
    files = tuple(replace(file, rows=rows[file.path]) for file in source.files)
    return replace(source, rows=total, files=files)
