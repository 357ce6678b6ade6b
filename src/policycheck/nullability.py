"""When an expression can be NULL, and what follows from a column being NULL.

The algebra below the expression gate's one rule: what is not known never turns into a pass. It knows
types and columns by name only; it reads no syntax tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

from msgspec import Struct

from policycheck.model import ColumnType

ColumnName = tuple[str, str]  # (alias, column); the subject's alias is `subject`
_NO_COLUMNS: frozenset[ColumnName] = frozenset()


class Cause(Struct, frozen=True):
    """One reason for NULL: a nullable column, or (with no column) something that no guard removes."""

    column: ColumnName | None
    words: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What is known about an expression.

    `kind` is None for a bare NULL. `nulls` says why it can be NULL. `strict` are the columns whose NULL
    makes it NULL; `rejects` those whose NULL keeps it from being TRUE; `nonnull_if_false` those that
    are known when it is FALSE. `literal` holds a constant's value. `parameters` tells whether one is
    read; a constant reads neither columns nor parameters.
    """

    kind: ColumnType | None
    nulls: frozenset[Cause] = frozenset()
    strict: frozenset[ColumnName] = _NO_COLUMNS
    rejects: frozenset[ColumnName] = _NO_COLUMNS
    nonnull_if_false: frozenset[ColumnName] = _NO_COLUMNS
    columns: frozenset[ColumnName] = _NO_COLUMNS
    evidence: bool = False  # reads a column or the rows of a table
    parameters: bool = False
    literal: object = field(default=None, compare=False)
    column: ColumnName | None = None

    @property
    def constant(self) -> bool:
        return not self.evidence and not self.parameters


def union(sets: Iterable[frozenset[ColumnName]]) -> frozenset[ColumnName]:
    return frozenset().union(*sets)


def meet(sets: Iterable[frozenset[ColumnName]]) -> frozenset[ColumnName]:
    found = list(sets)
    return reduce(lambda a, b: a & b, found) if found else _NO_COLUMNS


def combine(
    kind: ColumnType | None,
    parts: Iterable[Typed],
    *,
    strict: frozenset[ColumnName] | None = None,
    rejects: frozenset[ColumnName] | None = None,
    nulls: frozenset[Cause] | None = None,
    nonnull_if_false: frozenset[ColumnName] = _NO_COLUMNS,
) -> Typed:
    """An expression made of parts. By default it is NULL exactly where a part is (comparisons,
    arithmetic, functions)."""
    found = list(parts)
    own = union(part.strict for part in found) if strict is None else strict
    return Typed(
        kind,
        frozenset().union(*(part.nulls for part in found)) if nulls is None else nulls,
        own,
        own if rejects is None else rejects,
        nonnull_if_false,
        union(part.columns for part in found),
        any(part.evidence for part in found),
        any(part.parameters for part in found),
    )


def negation(part: Typed) -> Typed:
    """NOT x is TRUE only where x is FALSE, which a column that makes x NULL prevents."""
    return combine(
        ColumnType.BOOL,
        [part],
        strict=part.strict,
        rejects=part.strict | part.nonnull_if_false,
        nonnull_if_false=part.rejects,
    )


def conjunction(parts: list[Typed]) -> Typed:
    return combine(
        ColumnType.BOOL,
        parts,
        strict=meet(part.strict for part in parts),
        rejects=union(part.rejects for part in parts),
        nonnull_if_false=meet(part.nonnull_if_false | part.strict for part in parts),
    )


def disjunction(parts: list[Typed]) -> Typed:
    return combine(
        ColumnType.BOOL,
        parts,
        strict=meet(part.strict for part in parts),
        rejects=meet(part.rejects for part in parts),
        nonnull_if_false=union(part.nonnull_if_false | part.strict for part in parts),
    )


def between(value: Typed, low: Typed, high: Typed) -> Typed:
    """`value >= low AND value <= high`: FALSE may come from one side alone."""
    either = low.strict & high.strict
    return combine(
        ColumnType.BOOL,
        [value, low, high],
        strict=value.strict | either,
        rejects=value.strict | low.strict | high.strict,
    )


def is_null(part: Typed, negated: bool) -> Typed:
    """Two-valued. `x IS NOT NULL` guards x; so does the FALSE of `x IS NULL`."""
    guarded = frozenset({part.column}) if part.column is not None else _NO_COLUMNS
    return combine(
        ColumnType.BOOL,
        [part],
        strict=_NO_COLUMNS,
        rejects=guarded if negated else _NO_COLUMNS,
        nulls=frozenset(),
        nonnull_if_false=_NO_COLUMNS if negated else guarded,
    )


def row_condition_problem(where: Typed, inner: str) -> str | None:
    """Why a WHERE may not choose the rows of `any_true` or `all_true`, or None where it may.

    INVARIANT: a row is never dropped because something about it is unknown. A condition that is NULL
    for every row alike (a key of the subject that is not known) leaves no row, and so no answer.
    """
    for cause in sorted(where.nulls, key=lambda each: (each.column or ("", ""), each.words)):
        if cause.column is None:
            return f"the WHERE can be NULL: {cause.words}"
        if cause.column[0] == inner:
            return f"the WHERE can be NULL: {cause.words}"
        if cause.column not in where.rejects:
            return f"the WHERE keeps some rows where it can be NULL: {cause.words}"
    return None


def existence_problem(where: Typed) -> str | None:
    """Why a WHERE may not stand in EXISTS or count(*), which turn NULL into FALSE and 0, or None."""
    for cause in sorted(where.nulls, key=lambda each: (each.column or ("", ""), each.words)):
        return f"the WHERE can be NULL: {cause.words}"
    return None
