"""A pack that has passed the gate: what an engine needs to judge, and a report to show how.

Frozen data without I/O. `compiler` makes it; `precompiled` keeps it between runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.model import CompiledControl, CompiledExpression, Control, Pack, Reads, View
from policycheck.parameters import Resolved
from policycheck.scope import sql_literal

# What stands in the queries of a template for the two parameters that differ from run to run. NUL is no
# character of the language, so nothing an author writes can look like a mark.
AS_OF_MARKS = {"as_of": "\0as_of\0", "as_of_day": "\0as_of_day\0"}


def as_of_values(as_of: datetime) -> dict[str, datetime | date]:
    """The values of `$as_of` and `$as_of_day` for an instant (UTC): naive UTC, and its day."""
    naive = as_of.replace(tzinfo=None)
    return {"as_of": naive, "as_of_day": naive.date()}


def as_of_literals(as_of: datetime) -> dict[str, str]:
    """The same as SQL literals."""
    return {name: sql_literal(value) for name, value in as_of_values(as_of).items()}


@dataclass(frozen=True, slots=True)
class CompiledView:
    """A view that has passed the gate; `sql` has its parameters written in."""

    view: View
    sql: str
    reads: Reads
    uses: tuple[str, ...]  # other views it reads, in order of definition
    promised: tuple[str, ...]  # `not null` columns that no table schema vouches for already


@dataclass(frozen=True, slots=True)
class CompiledPack:
    """Everything an engine needs to judge, and everything a report needs to show how."""

    pack: Pack
    resolved: Resolved
    as_of: datetime
    order: tuple[str, ...]
    controls: Mapping[str, CompiledControl]  # roll-ups have no entry
    views: Mapping[str, CompiledView]
    row_rules: Mapping[str, tuple[CompiledExpression, ...]] = field(default_factory=dict)

    def max_age_days(self, control: Control, table: str) -> int:
        schema = self.pack.tables.get(table) or BUILTIN_TABLES[table]
        owner = schema.parent or table
        return control.max_age_days.get(table, control.max_age_days.get(owner, schema.max_age_days))
