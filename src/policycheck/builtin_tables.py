"""Tables the tool makes itself: about the organisation, the evidence and the parameters of this run.

Controls about the checking itself read them like evidence. Their rows come from the manifest and the
profile, so they are always present and complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policycheck.model import (
    Column,
    ColumnType,
    Evidence,
    Interpretation,
    ParameterChoice,
    TableData,
    TableSchema,
)

TEXT, INT, BOOL, INSTANT = ColumnType.TEXT, ColumnType.INT, ColumnType.BOOL, ColumnType.INSTANT


def _schema(name: str, title: str, key: str, *columns: tuple[str, ColumnType, bool]) -> TableSchema:
    shapes = tuple(Column(column, kind, nullable) for column, kind, nullable in columns)
    return TableSchema(name, title, title, shapes, (key,), max_age_days=36500)


ORGANISATION = _schema(
    "organisation", "The organisation of the manifest", "organisation", ("organisation", TEXT, False)
)
EVIDENCE_MANIFEST = _schema(
    "evidence_manifest", "One row for each source of the manifest", "evidence_id",
    ("evidence_id", TEXT, False), ("table_name", TEXT, False), ("path", TEXT, False),
    ("source_system", TEXT, False), ("collector", TEXT, False), ("collector_version", TEXT, False),
    ("collected_at", INSTANT, True), ("population_complete", BOOL, False), ("row_count", INT, True),
    ("rows_read", INT, False), ("file_sha256", TEXT, False), ("digest_read", TEXT, False),
    ("digest_matches", BOOL, False), ("row_count_matches", BOOL, True), ("evidence_kind", TEXT, False),
    ("state", TEXT, False),
)  # fmt: skip
PARAMETER_CHOICES = _schema(
    "parameter_choices", "One row for each parameter of this run", "name",
    ("name", TEXT, False), ("value", TEXT, False), ("default_value", TEXT, False),
    ("is_default", BOOL, False), ("within_bound", BOOL, False), ("memo", TEXT, True),
    ("memo_approved", BOOL, True),
)  # fmt: skip
BUILTIN_TABLES = {table.name: table for table in (ORGANISATION, EVIDENCE_MANIFEST, PARAMETER_CHOICES)}


def builtin_rows(
    evidence: Evidence, choices: Sequence[ParameterChoice], memos: Sequence[Interpretation]
) -> dict[str, TableData]:
    """The rows of all built-in tables for one run."""
    approved = {memo.id: memo.approved for memo in memos}
    return {
        "organisation": table_data(ORGANISATION, [(evidence.organisation,)]),
        "evidence_manifest": table_data(EVIDENCE_MANIFEST, _manifest_rows(evidence)),
        "parameter_choices": table_data(
            PARAMETER_CHOICES,
            [
                (
                    c.name,
                    _text(c.value),
                    _text(c.default),
                    c.value == c.default,
                    c.within_bound,
                    c.memo,
                    approved.get(c.memo) if c.memo else None,
                )
                for c in choices
            ],
        ),
    }


def table_data(schema: TableSchema, rows: list[tuple[Any, ...]]) -> TableData:
    """Rows of typed values as columns, with no origin in any file."""
    columns = {column.name: [row[i] for row in rows] for i, column in enumerate(schema.columns)}
    return TableData(schema, columns, [(-1, "", 0)] * len(rows))


def _manifest_rows(evidence: Evidence) -> list[tuple[Any, ...]]:
    rows = []
    for source in evidence.sources:
        collected = source.collected_at.replace(tzinfo=None) if source.collected_at else None
        rows.append(
            (source.evidence_id, source.table, source.path, source.source_system, source.collector,
             source.collector_version, (collected, collected) if collected else None,
             source.population_complete, source.row_count, source.rows, source.file_sha256, source.digest,
             bool(source.digest) and source.digest == source.file_sha256,
             None if source.row_count is None else source.row_count == source.rows,
             source.evidence_kind.value, source.state.value)
        )  # fmt: skip
    return sorted(rows, key=lambda row: row[0])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ";".join(value)
    return str(value)
