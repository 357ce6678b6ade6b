"""How the questions over one large relation are asked: of every row, or once for each combination of values.

Goes in: expressions, and how many combinations of columns a sample holds. Comes out: which expressions are
asked of combinations, and of which columns. Many controls look at a few columns of few values: a thousand
combinations then stand for ten million rows. No plan changes an answer: what is grouped by are all columns
that the expression could mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from policycheck.showing import counted
from policycheck.sqltext import words_in

SAMPLE = 20_000
"""Rows of which the combinations are counted."""

GROUPING = 2.0
"""To group by a column costs about as much as to look at it so many times."""

MOST = 0.25
"""With more combinations than this share of the sample, each would stand for hardly more than itself."""


class Plan(Struct, frozen=True):
    """`grouped` are the numbers of the expressions that are asked of the combinations of `columns`; the
    others are asked of every row. `combinations` is how many the sample held."""

    relation: str
    asked: int
    columns: tuple[str, ...] = ()
    grouped: tuple[int, ...] = ()
    combinations: int = 0

    def __str__(self) -> str:
        """One line for a person."""
        plain = self.asked - len(self.grouped)
        parts = []
        if self.grouped:
            parts.append(
                f"{len(self.grouped)} once for each combination of {counted(len(self.columns), 'column')} "
                f"({self.combinations} in a sample)"
            )
        if plain:
            parts.append(f"{plain} of every row in one pass")
        return f"{self.relation}: {counted(self.asked, 'question')}, {' and '.join(parts)}"


def choose(
    relation: str,
    columns: Sequence[str],
    expressions: Sequence[str],
    sampled: int,
    combinations: Callable[[Sequence[str]], int],
) -> Plan:
    """The plan that should cost least. `combinations` counts those of some columns among `sampled` rows.

    The columns of most values are left out one by one until asking the combinations costs less than asking
    the rows. What looks at a column that was left out is asked of every row.
    """
    known = set(columns)
    mentioned = [[word for word in words_in(text) if word in known] for text in expressions]
    left_out: set[str] = set()
    values: dict[str, int] = {}
    while True:
        grouped = [i for i, words in enumerate(mentioned) if words and left_out.isdisjoint(words)]
        used = sorted({word for i in grouped for word in mentioned[i]})
        mentions = sum(len(mentioned[i]) for i in grouped)
        if mentions <= GROUPING * len(used):
            return Plan(relation, len(expressions))
        found = combinations(used)
        share = found / sampled
        if share <= MOST and GROUPING * len(used) + share * mentions < mentions:
            return Plan(relation, len(expressions), tuple(used), tuple(grouped), found)
        values |= {name: combinations([name]) for name in used if name not in values}
        left_out.add(max(used, key=lambda name: (values[name], name)))
