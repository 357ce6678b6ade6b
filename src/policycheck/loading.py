"""Puts verified evidence into an engine and finds what only an engine can: bulk rows and row rules.

Goes in: a compiled pack, evidence, an empty session. Comes out: the evidence with every fault known,
and a sealed session that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from policycheck.builtin_tables import BUILTIN_TABLES, builtin_rows
from policycheck.compiler import CompiledPack
from policycheck.engines import Session
from policycheck.errors import Fault
from policycheck.model import Evidence, RowFault, Source, SourceState, TableData


def load(
    compiled: CompiledPack, evidence: Evidence, session: Session, given: Mapping[str, TableData] | None = None
) -> Evidence:
    """Fills and seals the session. `given` replaces rows of built-in tables, for examples."""
    faults: list[RowFault] = []
    sources = list(evidence.sources)
    for data in evidence.tables.values():
        session.insert(data)
        if data.bulk:
            found, rows, broken = session.load_bulk(data, evidence.as_of)
            faults += found
            for index, total in rows.items():
                sources[index] = _counted(sources[index], total, broken.get(index))
    found_rows = replace(evidence, sources=tuple(sources))
    built_in = {
        **builtin_rows(found_rows, compiled.resolved.choices, compiled.resolved.memos),
        **(given or {}),
    }
    for name in BUILTIN_TABLES:
        session.insert(built_in[name])
    session.seal()
    faults += _broken_rules(compiled, evidence, session)
    return replace(
        found_rows,
        row_faults=sorted([*evidence.row_faults, *faults], key=lambda f: (f.table, f.row, f.column, f.code)),
        faults=(*evidence.faults, *(as_fault(fault) for fault in faults)),
    )


def as_fault(fault: RowFault) -> Fault:
    """A faulty row as a fault for people."""
    column = "" if fault.column == "*" else f" column `{fault.column}`:"
    return Fault("PC420", f"table `{fault.table}`:{column} {fault.words}", fault.place,
                 "verdicts that depend on it are unknown until the source is mended")  # fmt: skip


def _counted(source: Source, total: int, broken: str | None) -> Source:
    """A bulk source once its rows are counted; INVARIANT: the count is of rows read, never of a footer."""
    rows = source.rows + total
    if broken:
        return replace(source, rows=rows, state=SourceState.INVALID, reason=broken)
    if source.row_count is not None and source.row_count != rows and source.state is SourceState.OK:
        reason = f"the manifest says {source.row_count} rows, there are {rows}"
        return replace(source, rows=rows, state=SourceState.COUNT_MISMATCH, reason=reason)
    return replace(source, rows=rows)


def _broken_rules(compiled: CompiledPack, evidence: Evidence, session: Session) -> list[RowFault]:
    faults = []
    for table, rules in compiled.row_rules.items():
        data = evidence.tables.get(table)
        if data is None or not data.row_total or not rules:
            continue
        for row, index in session.false_rows(table, [rule.sql for rule in rules]):
            words = f"the row contradicts itself: `{rules[index].name}`"
            faults.append(RowFault(table, row, "*", "data_quality", words, data.place(row)))
    return faults
