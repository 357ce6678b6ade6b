"""The rules of a column as SQL over its typed values.

Goes in: a column and the instant of the run. Comes out: tests that are TRUE where a rule is broken. They
are those of `cells` for values of the right type; what is no value of the type is found where it is read.
"""

from __future__ import annotations

from datetime import datetime

from policycheck.model import Column, ColumnType
from policycheck.scope import sql_literal

FIRST_DAY, LAST_DAY = "DATE '1900-01-01'", "DATE '2999-12-31'"


def cell_rules(column: Column, as_of: datetime, is_coded: bool = False) -> list[tuple[str, str, str, str]]:
    """(column, code, words, SQL that is TRUE where the rule is broken). What is coded is a member already."""
    name, found = f'"{column.name}"', []

    def rule(words: str, test: str, code: str = "wrong_type") -> None:
        found.append((column.name, code, f"`{column.name}` {words}", test))

    if not column.nullable:
        rule("has no value", f"{name} IS NULL")
    if column.enum and not is_coded:
        listed = ", ".join(map(sql_literal, column.enum))
        if column.type is ColumnType.SET:
            # Most sets have one member, and a list function costs ten times a comparison.
            one, many = f"{name}[1] NOT IN ({listed})", f"NOT list_has_all([{listed}], {name})"
            rule("has an unknown member", f"CASE WHEN len({name}) = 1 THEN {one} ELSE {many} END")
        else:
            rule("has an unknown value", f"{name} NOT IN ({listed})")
    if column.type is ColumnType.TEXT:
        if column.min_length:
            # Text that must not be empty is the rule of most keys, and counting characters costs more.
            short = f"length({name}) < {column.min_length}" if column.min_length > 1 else f"{name} = ''"
            rule("is too short", short)
        if column.pattern:
            rule(
                "has not its form",
                f"NOT regexp_full_match({name}, {sql_literal(column.pattern)})",
            )
        if not column.enum:
            rule("holds a NUL character", f"contains({name}, chr(0))")
    if column.type is ColumnType.SET:
        # Most sets have one member, and a look at it costs less than a function of lists. The list is sorted:
        # an empty member stands first. NULL is no member, and not counted as one.
        one = f"coalesce({name}[1], '') = ''"
        many = f"{name}[1] = '' OR len({name}) <> list_unique({name})"
        if not column.enum:
            one += f" OR contains({name}[1], chr(0))"
            many += f" OR contains(array_to_string({name}, ''), chr(0))"
        rule(
            "has a member twice, or one that is empty or holds a NUL character",
            f"CASE WHEN len({name}) = 1 THEN {one} WHEN len({name}) > 1 THEN {many} END",
        )
        # Few sets ask more of a member than that it is not empty: those pay for looking at each.
        tests = [f"length(x) < {column.min_length}"] if column.min_length > 1 else []
        if column.pattern:
            tests.append(f"NOT regexp_full_match(x, {sql_literal(column.pattern)})")
        if tests:
            odd = f"len(list_filter({name}, lambda x: {' OR '.join(tests)}))"
            rule("has a member that has not its form", f"{odd} > 0")
    if column.minimum is not None:
        rule(f"is below {column.minimum}", f"{name} < {column.minimum}")
    if column.maximum is not None:
        rule(f"is above {column.maximum}", f"{name} > {column.maximum}")
    if column.type in (ColumnType.DAY, ColumnType.DAYS, ColumnType.INSTANT):
        lo, hi = (name, name) if column.type is ColumnType.DAY else (f"{name}.lo", f"{name}.hi")
        rule("is out of range", f"CAST({lo} AS DATE) < {FIRST_DAY} OR CAST({hi} AS DATE) > {LAST_DAY}")
        if column.type is not ColumnType.DAY:
            # INVARIANT: what has no ends is no interval: it would be neither unknown nor ever out of range.
            rule("has no ends", f"{name} IS NOT NULL AND ({lo} IS NULL OR {hi} IS NULL)")
        if not column.may_be_future:
            naive = as_of.replace(tzinfo=None)
            end = (
                f"TIMESTAMP '{naive.isoformat(sep=' ')}'"
                if column.type is ColumnType.INSTANT
                else f"DATE '{naive.date()}'"
            )
            rule("lies after the instant of this run", f"{lo} > {end}", "future_date")
    return found
