"""Which columns of each view a run needs: a large view is computed with these and no others.

Goes in: a compiled pack and the controls that will be asked. Comes out: a set of names for each view,
which may hold too many names but never too few. A name is taken for a column wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from policycheck.compiled import CompiledPack
from policycheck.engines import ALL_COLUMNS, ASKED
from policycheck.model import CompiledControl, CompiledExpression
from policycheck.sqltext import words_in

WHOLE_ROWS = {"distinct", "union"}
"""Beside one of these `*` is more than its columns: which rows there are depends on all of them."""


def wanted_columns(compiled: CompiledPack, controls: Sequence[CompiledControl]) -> dict[str, set[str]]:
    """The views of these controls in their order of definition, each with every name wanted of it, and with
    ASKED where a control asks it itself."""
    asked = {view for control in controls for view in control.views}
    wanted = {name: set(compiled.views[name].promised) for name in compiled.views if name in asked}
    for control in controls:
        words = _words_of(control)
        for name in wanted:
            if name == control.relation or name in words:
                wanted[name] |= words | {ASKED}
    # From the last view to the first: what is wanted of a view is known before that of those it reads.
    for name in reversed(wanted):
        sql = compiled.views[name].sql
        words = set(_words(sql))
        reads = [read for read in wanted if read in words and read != name]
        if "*" in sql:
            words |= {ALL_COLUMNS} if words & WHOLE_ROWS else wanted[name] - {ASKED}
        for read in reads:
            wanted[read] |= words
    return wanted


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(words_in(text))


def _words_of(control: CompiledControl) -> set[str]:
    expressions: tuple[CompiledExpression | None, ...] = (control.na_when, *control.asked)
    words = {*control.key, *control.observed}
    population = control.population
    if population is not None:
        expressions += population.questions
        words |= {population.relation, *population.key}
    for expression in expressions:
        if expression is not None:
            words |= _words(expression.sql)
    return words
