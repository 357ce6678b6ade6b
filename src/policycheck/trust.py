"""What cannot be relied on, and which expressions that makes unknown.

Goes in: verified evidence and compiled controls. Comes out, for each control, which expressions are
undecided whatever the engine answers, which rows and sources are, and why. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.compiled import CompiledPack
from policycheck.model import (
    CompiledControl,
    CompiledExpression,
    Evidence,
    EvidenceKind,
    Reason,
    RowFault,
    Source,
    SourceState,
)


class Doubt(Struct, frozen=True):
    """Why one control cannot take the engine's answers as they are.

    `expressions` maps an expression to the reason it is NULL; `planned` are those that may fail but
    not pass; `sources` and `rows` do the same for subjects by source and row number; `population`
    holds what is wrong with the subjects as a whole: the control is then at least unknown.
    """

    expressions: Mapping[str, Reason] = field(default_factory=dict)
    planned: frozenset[str] = frozenset()
    sources: Mapping[int, Reason] = field(default_factory=dict)
    planned_sources: frozenset[int] = frozenset()
    rows: Mapping[int, Reason] = field(default_factory=dict)
    population: tuple[Reason, ...] = ()


STATE_WORDS = {
    SourceState.MISSING: "the file of source `{id}` is missing",
    SourceState.TAMPERED: "the file of source `{id}` is not the one the manifest describes",
    SourceState.UNREADABLE: "the file of source `{id}` cannot be read",
    SourceState.REFUSED: "the path of source `{id}` is refused",
    SourceState.COUNT_MISMATCH: "source `{id}` does not hold as many rows as the manifest says",
    SourceState.FUTURE: "source `{id}` was collected later than the instant of this run",
    SourceState.INVALID: "source `{id}` is not usable",
}


class Trust:
    """The evidence of one run, seen as tables that can or cannot be relied on."""

    def __init__(self, compiled: CompiledPack, evidence: Evidence) -> None:
        self._compiled = compiled
        self._as_of = evidence.as_of
        self._sources: dict[str, list[tuple[int, Source]]] = {}
        for index, source in enumerate(evidence.sources):
            self._sources.setdefault(source.table, []).append((index, source))
        self._faults: dict[str, list[RowFault]] = {}
        for fault in evidence.row_faults:
            self._faults.setdefault(fault.table, []).append(fault)
        self._known: dict[tuple[str, int], Reason | None] = {}

    def doubt(self, control: CompiledControl) -> Doubt:
        """Everything that stands between the engine's answers for `control` and its verdicts."""
        expressions: dict[str, Reason] = {}
        planned: set[str] = set()
        for expression in control.asked:
            reason = self._expression_reason(control, expression)
            if reason is not None:
                expressions[expression.name] = reason
            if any(self._is_planned(t) for t in self._joined(control, expression)):
                planned.add(expression.name)
        sources, planned_sources = self._subject_sources(control)
        rows = self._subject_rows(control)
        return Doubt(
            expressions, frozenset(planned), sources, planned_sources, rows, self._population(control)
        )

    def table_reason(self, table: str, max_age_days: int) -> Reason | None:
        """Why a table as a whole cannot be relied on, or None. Built-in tables always can."""
        asked = (table, max_age_days)
        if asked not in self._known:
            self._known[asked] = self._table_reason(table, max_age_days)
        return self._known[asked]

    def _table_reason(self, table: str, max_age_days: int) -> Reason | None:
        if table in BUILTIN_TABLES:
            return None
        sources = self._sources.get(self._owner(table), [])
        if not sources:
            return Reason("evidence_missing", f"no source of the manifest holds `{table}`")
        for _, source in sources:
            reason = source_reason(source, self._as_of, max_age_days)
            if reason is not None:
                return reason
        for _, source in sources:
            if not source.population_complete:
                words = f"source `{source.evidence_id}` does not attest that `{table}` is complete"
                return Reason("evidence_incomplete", words)
        return None

    def doubts_fact(self, control: CompiledControl) -> bool:
        """Whether `na_when` rests on evidence that cannot be relied on."""
        fact = control.na_when
        if fact is None:
            return True
        for table in fact.reads.tables:
            if self.table_reason(table, self._compiled.max_age_days(control.control, table)) is not None:
                return True
            if self._is_planned(table):
                return True
            for fault in self._faults.get(table, []):
                if fault.column == "*" or (table, fault.column) in fact.reads.columns:
                    return True
        return False

    # --- the parts ---

    def _owner(self, table: str) -> str:
        schema = self._compiled.pack.tables.get(table)
        return schema.parent if schema is not None and schema.parent else table

    def _joined(self, control: CompiledControl, expression: CompiledExpression) -> list[str]:
        """The tables behind an expression, but for the subject's own row."""
        return sorted(t for t in expression.reads.tables if t != control.base or control.rereads_base)

    def _expression_reason(self, control: CompiledControl, expression: CompiledExpression) -> Reason | None:
        return self._tables_reason(control, self._joined(control, expression), expression)

    def _tables_reason(
        self, control: CompiledControl, tables: Sequence[str], expression: CompiledExpression
    ) -> Reason | None:
        """What an expression reads in these tables: why one of them, or a row, cannot be relied on."""
        for table in tables:
            reason = self.table_reason(table, self._compiled.max_age_days(control.control, table))
            if reason is not None:
                return reason
        for table in tables:
            for fault in self._faults.get(table, []):
                if fault.column == "*" or (table, fault.column) in expression.reads.columns:
                    return Reason(fault.code, f"{fault.place}: {fault.words}")
        return None

    def _is_planned(self, table: str) -> bool:
        sources = self._sources.get(self._owner(table), [])
        return any(source.evidence_kind is EvidenceKind.PLANNED for _, source in sources)

    def _plan_reason(self, table: str) -> Reason | None:
        words = f"a source of `{table}` is a plan, not an observation"
        return Reason("evidence_planned", words) if self._is_planned(table) else None

    def _subject_sources(self, control: CompiledControl) -> tuple[dict[int, Reason], frozenset[int]]:
        reasons: dict[int, Reason] = {}
        planned: set[int] = set()
        limit = self._compiled.max_age_days(control.control, control.base)
        for index, source in self._sources.get(self._owner(control.base), []):
            reason = source_reason(source, self._as_of, limit)
            if reason is not None:
                reasons[index] = reason
            if source.evidence_kind is EvidenceKind.PLANNED:
                planned.add(index)
        return reasons, frozenset(planned)

    def _subject_rows(self, control: CompiledControl) -> dict[int, Reason]:
        faults = self._faults.get(control.base, [])
        if not faults:
            return {}
        read: set[tuple[str, str]] = set()
        for expression in (control.applies, *control.expectations, *control.advice):
            if expression is not None:
                read |= expression.reads.columns
        read |= {(control.base, name) for name in control.key}
        rows: dict[int, Reason] = {}
        for fault in faults:
            if fault.column == "*" or (fault.table, fault.column) in read:
                rows.setdefault(fault.row, Reason(fault.code, fault.words))
        return rows

    def _population(self, control: CompiledControl) -> tuple[Reason, ...]:
        table = control.base
        reason = self.table_reason(table, self._compiled.max_age_days(control.control, table))
        reason = reason or self._plan_reason(table)
        inventory = self._inventory_reason(control)
        return tuple(each for each in (reason, inventory) if each is not None)

    def _inventory_reason(self, control: CompiledControl) -> Reason | None:
        """Why the inventory that a control names cannot be relied on, or None.

        INVARIANT: no row that is doubtful, and no plan, takes a thing out of what is asked for.
        """
        questions = control.population.questions if control.population else ()
        for question in questions:
            # The last one looks for a subject. What is wrong with its row is said of the subject itself.
            own = {control.base} if question is questions[-1] else set()
            tables = sorted(question.reads.tables - own)
            reason = self._tables_reason(control, tables, question)
            if reason is not None:
                return reason
            reason = next(filter(None, map(self._plan_reason, tables)), None)
            if reason is not None:
                return reason
        return None


def source_reason(source: Source, as_of: datetime, max_age_days: int) -> Reason | None:
    """Why a source cannot be relied on at `as_of`, or None."""
    if source.state is not SourceState.OK:
        words = STATE_WORDS[source.state].format(id=source.evidence_id)
        return Reason(
            f"evidence_{source.state.value}", f"{words}: {source.reason}" if source.reason else words
        )
    if is_stale(source, as_of, max_age_days):
        day = source.collected_at.date().isoformat() if source.collected_at else "an unknown day"
        words = f"source `{source.evidence_id}` was collected on {day}; the limit is {max_age_days} days"
        return Reason("evidence_stale", words)
    return None


def is_stale(source: Source, as_of: datetime, max_age_days: int) -> bool:
    """Whether a source is older than its limit; one whose age is not known is."""
    return source.collected_at is None or as_of - source.collected_at > timedelta(days=max_age_days)
