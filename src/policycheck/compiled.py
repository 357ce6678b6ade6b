"""A pack that has passed the gate: what an engine needs to judge, and a report to show how.

Frozen data without I/O. `compiler` makes it; `precompiled` keeps it between runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.model import CompiledControl, CompiledExpression, Control, Pack, Reads, View
from policycheck.parameters import Resolved
from policycheck.scope import Scope


def parameter_values(resolved: Resolved, as_of: datetime) -> dict[str, Any]:
    """The value of every `$name` of a run: the parameters, the instant as naive UTC, and its day."""
    naive = as_of.replace(tzinfo=None)
    return {**resolved.values, "as_of": naive, "as_of_day": naive.date()}


def mark(name: str) -> str:
    """What stands for `$name` in the queries of a template. NUL is no character of the language, so nothing
    an author writes can look like it."""
    return f"\0{name}\0"


def without_marks(text: str, literals: Mapping[str, str]) -> str:
    """The text with its literal for each mark. Raises KeyError for a mark without one."""
    return _MARK.sub(lambda found: literals[found.group(1)], text)


_MARK = re.compile("\0([A-Za-z_][A-Za-z0-9_]*)\0")


class CompiledView(Struct, frozen=True):
    """A view that has passed the gate; `sql` has its parameters written in."""

    view: View
    sql: str
    reads: Reads
    uses: tuple[str, ...]  # other views it reads, in order of definition
    promised: tuple[str, ...]  # `not null` columns that no table schema vouches for already


class CompiledPack(Struct, frozen=True):
    """Everything an engine needs to judge, and everything a report needs to show how."""

    pack: Pack
    resolved: Resolved
    as_of: datetime
    order: tuple[str, ...]
    controls: Mapping[str, CompiledControl]  # roll-ups have no entry
    views: Mapping[str, CompiledView]
    row_rules: Mapping[str, tuple[CompiledExpression, ...]] = field(default_factory=dict)
    # What an expression may name, for those who check further ones; a kept pack does not say.
    scope: Scope = Scope({}, {})

    def max_age_days(self, control: Control, table: str) -> int:
        schema = self.pack.tables.get(table) or BUILTIN_TABLES[table]
        owner = schema.parent or table
        return control.max_age_days.get(table, control.max_age_days.get(owner, schema.max_age_days))
