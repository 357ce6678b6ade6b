"""Two lists of the same things: what a control is asked of, held against an independent inventory.

Goes in: a control that names an inventory, and the judgement of the inventory's rows. Comes out: the
questions that reconcile the two, and what stands in the inventory and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from policycheck.model import CompiledPopulation, Control, ExpressionText, Pack, Population, Reason

if TYPE_CHECKING:
    from policycheck.engines import Judgement, Row


NOT_SEEN = "not_in_evidence"
"""The reason code of what only an inventory names."""


class Reconciled(Struct, frozen=True):
    """How many rows of the inventory are asked for, how many of them the evidence knows, and the others,
    up to a limit."""

    expected: int
    found: int
    absent: tuple[Row, ...]


def listing(control: Control, pack: Pack) -> str:
    """The table or view in which the subjects are looked up: the base of a subject view where it has the
    key, since reading a view costs more. Whoever judges checks that the view's key is the base's."""
    subject, named = control.subject or "", control.population
    view = pack.views.get(subject)
    base = pack.tables.get(view.base or "") if view is not None else None
    has_key = base is not None and named is not None and base.column(named.key) is not None
    return base.name if base is not None and has_key else subject


def question_texts(subject: str, population: Population) -> tuple[ExpressionText, ExpressionText]:
    """(of an inventory row: do the subjects know it; of a subject: does the inventory know it).

    What has no key stands in no list, so both are decided for every row.
    """

    def stands(table: str, theirs: str, ours: str) -> ExpressionText:
        # What is asked of the subject alone stands outside: inside, an engine joins three times as long.
        found = f"other.{theirs} IS NOT NULL AND other.{theirs} = subject.{ours}"
        text = f"subject.{ours} IS NOT NULL AND EXISTS (SELECT 1 FROM {table} other WHERE {found})"
        return ExpressionText(text, population.place)

    return (
        stands(subject, population.key, population.inventory_key),
        stands(population.inventory, population.inventory_key, population.key),
    )


def population_texts(control: Control, pack: Pack) -> list[ExpressionText]:
    """Every expression behind a control's population: of its inventory, and last the one of a subject."""
    named = control.population
    if named is None:
        return []
    return [*([named.where] if named.where else []), *question_texts(listing(control, pack), named)]


def reconcile(judgement: Judgement, columns: Sequence[int], limit: int) -> Reconciled:
    """`judgement` answers in these columns, over the rows of the inventory: whether it is asked for (where
    that is a question at all), and whether the evidence knows it. INVARIANT: a row that may be asked for
    is."""
    asked = {
        (answers, source): count
        for answers, source, count in judgement.patterns(columns)
        if len(columns) == 1 or answers[0] is not False
    }
    missing = {key: count for key, count in asked.items() if key[0][-1] is not True}
    expected = sum(asked.values())
    return Reconciled(
        expected=expected,
        found=expected - sum(missing.values()),
        absent=tuple(judgement.rows(columns, missing, limit)) if missing else (),
    )


def not_seen(population: CompiledPopulation, subject: str) -> Reason:
    """Why a row of the inventory leaves the control open."""
    words = f"it stands in `{population.relation}`, and no row of `{subject}` is about it"
    return Reason(NOT_SEEN, words)


def not_listed(population: CompiledPopulation) -> Reason:
    """Why a subject that would pass is open."""
    return Reason("not_in_inventory", f"it does not stand in `{population.relation}`")
