"""The policy functions: their names, the types they take and give, and when they decide nothing.

The one catalogue that the type checker, the documentation and every engine's tests share. It holds no
implementation: each engine brings its own, and the tests hold them to the same meaning.
"""

from __future__ import annotations

from msgspec import Struct

from policycheck.model import ColumnType

BOOL, DAY, DAYS, INSTANT, INT, SET, TEXT = (
    ColumnType.BOOL,
    ColumnType.DAY,
    ColumnType.DAYS,
    ColumnType.INSTANT,
    ColumnType.INT,
    ColumnType.SET,
    ColumnType.TEXT,
)


class Signature(Struct, frozen=True):
    """One way to call a function. `decided` is False where the result can be NULL although no
    argument is, for instance when two intervals overlap."""

    arguments: tuple[ColumnType, ...]
    result: ColumnType
    decided: bool = True

    def __str__(self) -> str:
        return f"({', '.join(self.arguments)}) -> {self.result}"


class PolicyFunction(Struct, frozen=True):
    """A function an expression may call. NULL in any argument gives NULL, in every function."""

    name: str
    signatures: tuple[Signature, ...]
    doc: str
    edge: str = ""

    def resolve(self, arguments: tuple[ColumnType, ...]) -> Signature | None:
        """The signature for these argument types, or None."""
        return next((each for each in self.signatures if each.arguments == arguments), None)


def _order(name: str, doc: str) -> PolicyFunction:
    pairs = [(DAY, DAY), (DAY, DAYS), (DAYS, DAY), (DAYS, DAYS), (INSTANT, INSTANT)]
    signatures = tuple(Signature(pair, BOOL, decided=pair == (DAY, DAY)) for pair in pairs)
    return PolicyFunction(name, signatures, doc, "NULL where the intervals overlap and leave it open")


def _shift(name: str, doc: str, edge: str) -> PolicyFunction:
    signatures = (Signature((DAY, INT), DAY, False), Signature((DAYS, INT), DAYS, False))
    return PolicyFunction(name, signatures, doc, edge)


_FUNCTIONS = (
    _order("before", "a lies wholly before b"),
    _order("after", "a lies wholly after b"),
    _order("not_before", "a is the same as b or later: NOT before(a, b)"),
    _order("not_after", "a is the same as b or earlier: NOT after(a, b)"),
    _order("same_day", "both fall on one calendar day (UTC)"),
    PolicyFunction(
        "day_of",
        (Signature((INSTANT,), DAY, False),),
        "the calendar day (UTC) of an instant",
        "NULL for an interval that spans two days",
    ),
    PolicyFunction("first_day", (Signature((DAYS,), DAY),), "the first day a partial date can mean"),
    PolicyFunction("last_day", (Signature((DAYS,), DAY),), "the last day a partial date can mean"),
    _shift(
        "keep_until",
        "the day on which a minimum period of full years ends",
        "29 February goes to 1 March in a common year; NULL for years below 0 or past year 9999",
    ),
    _shift(
        "due_by",
        "the last good day of a maximum period of full years",
        "29 February goes to 28 February in a common year; NULL for years below 0 or past year 9999",
    ),
    _shift("plus_days", "n calendar days later, or earlier for n below 0", "NULL outside years 1 to 9999"),
    PolicyFunction(
        "plus_hours",
        (Signature((INSTANT, INT), INSTANT, False),),
        "n hours later, or earlier for n below 0",
        "NULL outside years 1 to 9999",
    ),
    PolicyFunction(
        "days_between",
        (Signature((DAY, DAY), INT),),
        "calendar days from the first to the second",
        "below 0 where the second is earlier",
    ),
    PolicyFunction(
        "age_on",
        (Signature((DAY, DAY), INT, False), Signature((DAYS, DAY), INT, False)),
        "full years of age on a day",
        "born on 29 February: a year older on 1 March; NULL before birth and where a partial birth date "
        "leaves it open",
    ),
    PolicyFunction(
        "age_at_least",
        (Signature((DAY, DAY, INT), BOOL, False), Signature((DAYS, DAY, INT), BOOL, False)),
        "whether the age on a day has reached a number of full years",
        "three-valued for a partial birth date; FALSE before birth; NULL for years below 0",
    ),
    PolicyFunction("latest", (Signature((DAY, DAY), DAY),), "the later of two days"),
    PolicyFunction("earliest", (Signature((DAY, DAY), DAY),), "the earlier of two days"),
    PolicyFunction("has", (Signature((SET, TEXT), BOOL),), "the set has this member"),
    PolicyFunction("has_any", (Signature((SET, SET), BOOL),), "the sets share a member"),
    PolicyFunction(
        "has_all",
        (Signature((SET, SET), BOOL),),
        "the first set has every member of the second",
        "TRUE for an empty second set",
    ),
    PolicyFunction(
        "subset_of",
        (Signature((SET, SET), BOOL),),
        "every member of the first set is in the second",
        "TRUE for an empty first set",
    ),
    PolicyFunction("is_empty", (Signature((SET,), BOOL),), "the set has no member"),
    PolicyFunction("size", (Signature((SET,), INT),), "number of members"),
    PolicyFunction(
        "filled",
        (Signature((TEXT,), BOOL),),
        "the text has a visible character",
        "FALSE for blanks, control and zero-width characters",
    ),
    PolicyFunction("lower", (Signature((TEXT,), TEXT),), "the text in lower case"),
    PolicyFunction(
        "full_match",
        (Signature((TEXT, TEXT), BOOL),),
        "the whole text matches a pattern, which is written as a literal",
        "groups, classes, `\\d \\w \\s`, counts up to 255; no look-around, no back reference",
    ),
)

FUNCTIONS: dict[str, PolicyFunction] = {function.name: function for function in _FUNCTIONS}

# Over the rows of a subquery (and, in a view, of a group). Never over the subject row itself.
QUANTIFIERS: dict[str, str] = {
    "any_true": "TRUE where x is TRUE in one row, FALSE where it is FALSE in every row, else NULL",
    "all_true": "FALSE where x is FALSE in one row, TRUE where it is TRUE in every row, else NULL",
}

# What a view may use beside the functions above. Each is named as the parser names it.
VIEW_AGGREGATES = frozenset({"min", "max", "count", "count_star", "sum", "bool_and", "bool_or"})
VIEW_WINDOWS = frozenset({"row_number"})

# Names that look at the clock or at chance, for a plainer message than `unknown function`.
CLOCKS = frozenset(
    [
        "current_date",
        "current_time",
        "current_timestamp",
        "current_localtime",
        "current_localtimestamp",
        "localtime",
        "localtimestamp",
        "now",
        "today",
        "transaction_timestamp",
        "statement_timestamp",
        "clock_timestamp",
        "get_current_time",
        "get_current_timestamp",
        "random",
        "uuid",
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
        "setseed",
        "txid_current",
        "age",
    ]
)


def function_table() -> str:
    """The Markdown table of every function, for `docs/expressions.md`.

    Shape: one row a function: call forms, meaning, edge cases.
    """
    rows = ["| function | takes and gives | meaning | edges |", "|---|---|---|---|"]
    for name, doc in sorted(QUANTIFIERS.items()):
        rows.append(f"| `{name}` | (bool of each row) -> bool | {doc} | NULL over no rows |")
    for function in sorted(_FUNCTIONS, key=lambda each: each.name):
        forms = "<br>".join(str(signature) for signature in function.signatures)
        rows.append(f"| `{function.name}` | {forms} | {function.doc} | {function.edge} |")
    return "\n".join(rows) + "\n"
