"""Random texts of the language, typed, and random rows for them to read.

Writes expressions of any type over rows in reach, and whole queries: joins, groups, subqueries, windows.
What it writes binds on DuckDB nearly always; whether it can fail on some rows is left to chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from policycheck.model import Column, ColumnType, TableData, TableSchema

T = ColumnType
TYPES = (T.TEXT, T.INT, T.BOOL, T.DAY, T.DAYS, T.INSTANT, T.SET)
_ONE_DAY = timedelta(days=1) - timedelta(microseconds=1)

TEXTS = ["a", "b", "ab", "Ab", "", " ", "\t", "é", "ÉA", "ΣΑΣ", "a-1", "it's", "😀", "\u200b", "1", "a1b"]
NUMBERS = [0, 1, 2, 3, -1, 5, 12, 50]
EDGES = [2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63), 9999]
DAYS = [
    date(2024, 2, 29),
    date(2024, 2, 28),
    date(2024, 3, 1),
    date(2025, 1, 1),
    date(2000, 2, 29),
    date(2026, 3, 2),
    date(1, 1, 1),
    date(9999, 12, 31),
]
AS_OF = datetime(2026, 3, 2, 12)
PARAMETERS: dict[str, Any] = {
    "as_of": AS_OF,
    "as_of_day": AS_OF.date(),
    "least": 1,
    "debt": -5,
    "large": 3_000_000_000,
    "way": "a",
    "quoted": "it's",
    "flag": True,
    "off": False,
    "some": ("a", "b"),
    "none": (),
    "birthday": date(2000, 2, 29),
}
_PARAMETERS_OF = {
    T.TEXT: ["way", "quoted"],
    T.INT: ["least", "debt", "large"],
    T.BOOL: ["flag", "off"],
    T.DAY: ["as_of_day", "birthday"],
    T.INSTANT: ["as_of"],
    T.SET: ["some", "none"],
}
_NAMES = {
    T.TEXT: ("name", "kind"),
    T.INT: ("total", "share"),
    T.BOOL: ("locked", "sealed"),
    T.DAY: ("made_on", "due_on"),
    T.DAYS: ("born", "died"),
    T.INSTANT: ("seen_at", "left_at"),
    T.SET: ("tags", "marks"),
}
PATTERNS = [
    "a.*",
    "[a-z]+",
    "(a|b)?1?",
    r"\w+",
    r"\s*",
    r"[^a]{1,3}",
    "a-1|b",
    r"[\d-]+",
    ".",
    "^a|b$",
    "(ab?)*",
]


def schema(name: str) -> TableSchema:
    """A table with a key, a link to another row, and two nullable columns of each type."""
    columns = [
        Column(f"{name}_id", T.TEXT, False),
        Column("link", T.TEXT, True),
        Column("rank", T.INT, False),
    ]
    columns += [Column(each, kind, True) for kind in TYPES for each in _NAMES[kind]]
    return TableSchema(name, name, name, tuple(columns), (f"{name}_id",), 30)


THINGS, PARTS = schema("things"), schema("parts")
SCHEMAS = (THINGS, PARTS)


def table(schema_: TableSchema, rows: int, random_: random.Random) -> TableData:
    """Random rows; keys overlap between tables, so that joins find something."""

    def cell(column: Column, row: int) -> Any:
        if column.name.endswith("_id") and not column.nullable:
            return f"k{row}"
        if column.name == "link":
            return random_.choice([None, *(f"k{i}" for i in range(rows + 1))])
        if column.nullable and random_.random() < 0.2:
            return None
        return value(column.type, random_)

    columns = {c.name: [cell(c, row) for row in range(rows)] for c in schema_.columns}
    return TableData(schema_, columns, [(row % 2, "here", row + 1) for row in range(rows)])


def value(kind: ColumnType, random_: random.Random) -> Any:
    if kind is T.TEXT:
        return random_.choice(TEXTS)
    if kind is T.INT:
        return random_.choice(NUMBERS if random_.random() < 0.9 else EDGES)
    if kind is T.BOOL:
        return random_.random() < 0.5
    if kind is T.DAY:
        return random_.choice(DAYS)
    if kind is T.DAYS:
        first, second = sorted(random_.choices(DAYS, k=2))
        return random_.choice([(first, second), (first, first)])
    if kind is T.INSTANT:
        day = random_.choice(DAYS)
        start = datetime(day.year, day.month, day.day)
        noon = start + timedelta(hours=12)
        return random_.choice([(start, start + _ONE_DAY), (noon, noon), (start, noon)])
    return sorted(set(random_.choices(["a", "b", "é", "ab", ""], k=random_.randint(0, 3))))


class Reach:
    """A row that can be named: its alias, and the columns of each type."""

    def __init__(self, alias: str, columns: Sequence[tuple[str, ColumnType]]) -> None:
        self.alias = alias
        self.columns = columns

    def names(self, kind: ColumnType) -> list[str]:
        return [f"{self.alias}.{name}" for name, found in self.columns if found is kind]


def reach(schema_: TableSchema, alias: str) -> Reach:
    return Reach(alias, [(column.name, column.type) for column in schema_.columns])


class Writer:
    """Writes one text after the other from a seed. `rows` are the rows in reach, the nearest last."""

    def __init__(self, seed: int, *, parameters: bool = True, subqueries: bool = True) -> None:
        self.random = random.Random(seed)
        self.rows: list[Reach] = []
        self.parameters = parameters
        self.subqueries = subqueries
        self._aliases = 0
        self.left = 0
        self.named: dict[str, list[tuple[str, ColumnType]]] = {}

    def text(self, kind: ColumnType, size: int = 30) -> str:
        """An expression of about `size` parts."""
        self.left = size
        return self.expression(kind, 4)

    def select(self, size: int = 60) -> str:
        """A query of about `size` parts; at times over named queries, which it may use twice."""
        self.left = size
        self.named = {}
        steps = []
        for name in ("first_step", "second_step")[: self.pick([0, 0, 0, 1, 2])]:
            kinds = self.random.choices(TYPES, k=3)
            steps.append(f"{name} AS ({self.query(1, kinds)})")
            self.named[name] = [(f"c{i}", kind) for i, kind in enumerate(kinds)]
        return (f"WITH {', '.join(steps)} " if steps else "") + self.query(2)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, items: Sequence[Any]) -> Any:
        return self.random.choice(items)

    def alias(self) -> str:
        self._aliases += 1
        return f"r{self._aliases}"

    # --- expressions ---

    def expression(self, kind: ColumnType, depth: int) -> str:
        self.left -= 1
        if depth <= 0 or self.left <= 0 or self.chance(0.15):
            return self.leaf(kind)
        forms = [*getattr(self, f"_{kind.value}_forms")(), self._case, self._coalesce]
        if self.subqueries:
            forms.append(self._scalar)
        form: Callable[[ColumnType, int], str] = self.pick(forms)
        return form(kind, depth - 1)

    def leaf(self, kind: ColumnType) -> str:
        names = [name for row in self.rows for name in row.names(kind)]
        near = self.rows[-1].names(kind) if self.rows else []
        if names and self.chance(0.75):
            return self.pick(near if near and self.chance(0.6) else names)
        if self.parameters and kind in _PARAMETERS_OF and self.chance(0.4):
            return "$" + self.pick(_PARAMETERS_OF[kind])
        return self.literal(kind) or (self.pick(names) if names else "NULL")

    def literal(self, kind: ColumnType) -> str:
        if kind is T.TEXT:
            return _quoted(self.pick([text for text in TEXTS if text.isprintable()]))
        if kind is T.INT:
            return str(
                self.pick([*NUMBERS[:4], 5, 2147483647, 3000000000] if self.chance(0.2) else [0, 1, 2, 18])
            )
        if kind is T.BOOL:
            return self.pick(["true", "false"])
        if kind is T.DAY:
            return f"DATE '{self.pick(DAYS).isoformat()}'"
        if kind is T.INSTANT:
            return "$as_of"
        if kind is T.SET:
            return self.pick(["['a']", "['a', 'b']", "['é', 'a']"])
        return ""

    def _of(self, form: str, *kinds: ColumnType) -> Callable[[ColumnType, int], str]:
        # DuckDB writes out a function with its arguments as often as it names them, so that functions of days
        # inside functions of days soon need all its memory.
        def written(_: ColumnType, depth: int) -> str:
            days = any(each in (T.DAY, T.DAYS) for each in kinds)
            within = [0 if days and self.chance(0.8) else min(depth, 1) if days else depth for _ in kinds]
            return form.format(*(self.expression(each, d) for each, d in zip(kinds, within, strict=True)))

        return written

    def _text_forms(self) -> list[Any]:
        return [self._of("lower({})", T.TEXT)]

    def _int_forms(self) -> list[Any]:
        return [
            self._of("size({})", T.SET),
            self._of("days_between({}, {})", T.DAY, T.DAY),
            self._of("age_on({}, {})", T.DAY, T.DAY),
            self._of("age_on({}, {})", T.DAYS, T.DAY),
            self._of("({} + {})", T.INT, T.INT),
            self._of("({} - {})", T.INT, T.INT),
            self._of("({} * {})", T.INT, T.INT),
            self._of("(- {})", T.INT),
        ]

    def _day_forms(self) -> list[Any]:
        return [
            self._of("day_of({})", T.INSTANT),
            self._of("first_day({})", T.DAYS),
            self._of("last_day({})", T.DAYS),
            self._of("keep_until({}, {})", T.DAY, T.INT),
            self._of("due_by({}, {})", T.DAY, T.INT),
            self._of("plus_days({}, {})", T.DAY, T.INT),
            self._of("latest({}, {})", T.DAY, T.DAY),
            self._of("earliest({}, {})", T.DAY, T.DAY),
        ]

    def _days_forms(self) -> list[Any]:
        return [
            self._of(f"{name}({{}}, {{}})", T.DAYS, T.INT) for name in ("keep_until", "due_by", "plus_days")
        ]

    def _instant_forms(self) -> list[Any]:
        return []

    def _set_forms(self) -> list[Any]:
        return []

    def _bool_forms(self) -> list[Any]:
        order = self.pick(["before", "after", "not_before", "not_after", "same_day"])
        kinds = self.pick(
            [(T.DAY, T.DAY), (T.DAY, T.DAYS), (T.DAYS, T.DAY), (T.DAYS, T.DAYS), (T.INSTANT,) * 2]
        )
        sets = self.pick(["has_any", "has_all", "subset_of"])
        simple = [
            self._of(f"{order}({{}}, {{}})", *kinds),
            self._of("age_at_least({}, {}, {})", self.pick([T.DAY, T.DAYS]), T.DAY, T.INT),
            self._of(f"{sets}({{}}, {{}})", T.SET, T.SET),
            self._of("has({}, {})", T.SET, T.TEXT),
            self._of("is_empty({})", T.SET),
            self._of("filled({})", T.TEXT),
            self._of(
                "full_match({}, " + _quoted(self.pick(PATTERNS)).replace("{", "{{").replace("}", "}}") + ")",
                T.TEXT,
            ),
            self._comparison,
            self._comparison,
            self._membership,
            self._between,
            self._null_test,
        ]
        joined = [self._of("({} AND {})", T.BOOL, T.BOOL), self._of("({} OR {})", T.BOOL, T.BOOL)]
        joined += [self._of("({} AND {} AND {})", *[T.BOOL] * 3), self._of("(NOT {})", T.BOOL)]
        return (
            simple
            + joined * 2
            + ([self._exists, self._quantified, self._quantified] if self.subqueries else [])
        )

    def _comparison(self, _: ColumnType, depth: int) -> str:
        kind = self.pick([T.TEXT, T.INT, T.DAY, T.INT, T.DAY, T.BOOL, T.DAYS, T.INSTANT, T.SET])
        sign = self.pick(["=", "=", "<>", "<", "<=", ">", ">="])
        return f"({self.expression(kind, depth)} {sign} {self.expression(kind, depth)})"

    def _membership(self, _: ColumnType, depth: int) -> str:
        kind = self.pick([T.TEXT, T.INT, T.DAY])
        listed = [
            self.leaf(kind) if self.chance(0.3) else self.literal(kind)
            for _ in range(self.random.randint(1, 3))
        ]
        listed += ["NULL"] if self.chance(0.1) else []
        return f"({self.expression(kind, depth)} {self.pick(['IN', 'IN', 'NOT IN'])} ({', '.join(listed)}))"

    def _between(self, _: ColumnType, depth: int) -> str:
        kind = self.pick([T.INT, T.DAY])
        value_, low, high = (self.expression(kind, depth) for _ in range(3))
        return f"({value_} {self.pick(['BETWEEN', 'NOT BETWEEN'])} {low} AND {high})"

    def _null_test(self, _: ColumnType, depth: int) -> str:
        inner = self.expression(self.pick(TYPES), depth)
        return f"({inner} {self.pick(['IS NULL', 'IS NOT NULL'])})"

    def _case(self, kind: ColumnType, depth: int) -> str:
        if self.chance(0.2):
            by = self.pick([T.TEXT, T.INT])
            whens = " ".join(
                f"WHEN {self.literal(by)} THEN {self.expression(kind, depth)}"
                for _ in range(self.random.randint(1, 2))
            )
            return f"(CASE {self.expression(by, depth)} {whens} ELSE {self.expression(kind, depth)} END)"
        whens = " ".join(
            f"WHEN {self.expression(T.BOOL, depth)} THEN {self.expression(kind, depth)}"
            for _ in range(self.random.randint(1, 2))
        )
        return f"(CASE {whens} {self.pick(['', 'ELSE NULL', f'ELSE {self.expression(kind, depth)}'])} END)"

    def _coalesce(self, kind: ColumnType, depth: int) -> str:
        return f"coalesce({self.expression(kind, depth)}, {self.expression(kind, depth)})"

    # --- subqueries ---

    def _where(self, inner: Reach, depth: int) -> str:
        """Often an equality with a row further out, which engines answer by lookup."""
        parts = []
        if len(self.rows) > 1 and self.chance(0.7):
            kind = self.pick([T.TEXT, T.TEXT, T.INT, T.BOOL, T.SET])
            first, second = inner.names(kind), self.rows[-2].names(kind)
            if first and second:
                sides = [self.pick(first), self.pick(second)]
                self.random.shuffle(sides)
                parts.append(" = ".join(sides))
        if self.chance(0.5) or not parts:
            parts.append(self.expression(T.BOOL, min(depth, 1)))
        return " WHERE " + " AND ".join(parts) if self.chance(0.9) else ""

    def _from(self) -> tuple[str, Reach]:
        alias = self.alias()
        chosen = self.pick(SCHEMAS)
        return f"{chosen.name} {alias}", reach(chosen, alias)

    def _inside(self, make: Callable[[Reach], str]) -> str:
        text, inner = self._from()
        self.rows.append(inner)
        try:
            return make(inner).replace("FROM here", f"FROM {text}")
        finally:
            self.rows.pop()

    def _scalar(self, kind: ColumnType, depth: int) -> str:
        if kind is T.BOOL:
            return self._quantified(kind, depth)
        if kind is T.INT and self.chance(0.5):
            item = self.pick(["count(*)", "count({})", "CAST(sum({}) AS BIGINT)", "count(DISTINCT {})"])
            return self._inside(
                lambda row: (
                    f"(SELECT {item.format(self.pick(row.names(T.INT)))} FROM here{self._where(row, depth)})"
                )
            )
        if self.chance(0.15):
            name = f"{kind.value}"
            return self._inside(
                lambda row: f"(SELECT {self.pick(row.names(T(name)))} FROM here{self._where(row, depth)})"
            )
        item = self.pick(["min", "max"])
        return self._inside(
            lambda row: f"(SELECT {item}({self._inner(row, kind, depth)}) FROM here{self._where(row, depth)})"
        )

    def _inner(self, row: Reach, kind: ColumnType, depth: int) -> str:
        """An expression that reads the inner row: an aggregate of others is that of a query further out."""
        for _ in range(3):
            text = self.expression(kind, min(depth, 2))
            if f"{row.alias}." in text:
                return text
        return str(self.pick(row.names(kind)))

    def _quantified(self, _: ColumnType, depth: int) -> str:
        name = self.pick(["any_true", "all_true", "any_true", "all_true", "bool_or", "bool_and"])
        return self._inside(
            lambda row: (
                f"(SELECT {name}({self._inner(row, T.BOOL, depth)}) FROM here{self._where(row, depth)})"
            )
        )

    def _exists(self, _: ColumnType, depth: int) -> str:
        return self._inside(
            lambda row: f"{self.pick(['', 'NOT '])}EXISTS (SELECT 1 FROM here{self._where(row, depth)})"
        )

    # --- whole queries ---

    def query(self, depth: int = 2, columns: Sequence[ColumnType] | None = None) -> str:
        """A SELECT with the columns c0, c1, ... of these types."""
        kinds = list(columns or self.random.choices(TYPES, k=self.random.randint(1, 4)))
        if depth > 0 and self.left > 0 and self.chance(0.12):
            return f"{self.query(depth - 1, kinds)} UNION ALL {self.query(depth - 1, kinds)}"
        source, rows = self._sources(depth)
        outer, self.rows = self.rows, [*self.rows, *rows]
        try:
            where = f" WHERE {self.expression(T.BOOL, depth)}" if self.chance(0.5) else ""
            if self.chance(0.4):
                return self._grouped(kinds, source, where, depth)
            items = [f"{self.expression(kind, depth)} AS c{i}" for i, kind in enumerate(kinds)]
            distinct = "DISTINCT " if self.chance(0.2) else ""
            qualify = "" if distinct or not self.chance(0.15) else self._qualify(rows)
            return f"SELECT {distinct}{', '.join(items)} FROM {source}{where}{qualify}"
        finally:
            self.rows = outer

    def _qualify(self, rows: list[Reach]) -> str:
        ordered = [f"{row.alias}._row" for row in rows if ("_row", T.INT) in row.columns]
        if len(ordered) < len(rows):
            return ""
        way = self.pick(["", "ASC", "DESC", "DESC NULLS FIRST", "NULLS FIRST"])
        first = f"{self.leaf(self.pick([T.TEXT, T.INT, T.DAY]))} {way}"
        over = (
            f"PARTITION BY {self.leaf(self.pick([T.TEXT, T.BOOL]))} ORDER BY {', '.join([first, *ordered])}"
        )
        return f" QUALIFY row_number() OVER ({over}) {self.pick(['= 1', '<= 2', '> 1'])}"

    def _grouped(self, kinds: Sequence[ColumnType], source: str, where: str, depth: int) -> str:
        near = self.rows[-1]
        keys: list[tuple[str, ColumnType]] = []
        for _ in range(self.random.randint(0, 2)):
            kind = self.pick([T.TEXT, T.INT, T.BOOL, T.DAY, T.SET, T.DAYS])
            if near.names(kind):
                keys.append((self.pick(near.names(kind)), kind))
        if keys and self.chance(0.3):
            keys[0] = (f"({keys[0][0]} IS NULL)", T.BOOL)
        items = []
        for i, kind in enumerate(kinds):
            fitting = [text for text, found in keys if found is kind]
            key = fitting and self.chance(0.5)
            items.append(f"{self.pick(fitting) if key else self._aggregate(kind, depth)} AS c{i}")
        names = [text for text, _ in keys]
        placed = [i for i, item in enumerate(items, start=1) if names and item.startswith(f"{names[0]} AS ")]
        if placed and self.chance(0.5):
            names[0] = str(placed[0])
        group = f" GROUP BY {', '.join(names)}" if keys else ""
        having = f" HAVING {self._aggregate(T.BOOL, depth)}" if self.chance(0.25) else ""
        return f"SELECT {', '.join(items)} FROM {source}{where}{group}{having}"

    def _aggregate(self, kind: ColumnType, depth: int) -> str:
        near = self.rows[-1]
        chosen = f" FILTER (WHERE {self.expression(T.BOOL, 1)})" if self.chance(0.15) else ""
        if kind is T.BOOL:
            if self.chance(0.3) or not near.names(kind):
                return f"(count(*) {self.pick(['>', '=', '<='])} {self.pick([0, 1, 2])})"
            name = self.pick(["any_true", "all_true", "bool_or", "bool_and"])
            return f"{name}({self._inner(near, kind, depth)}){chosen if name.startswith('bool') else ''}"
        if kind is T.INT and self.chance(0.6):
            distinct = self.pick(["", "", "DISTINCT "])
            name = self.pick(
                [f"count({distinct}{{}})", f"CAST(sum({distinct}{{}}){chosen} AS BIGINT)", "sum({})"]
            )
            return name.format(self.pick(near.names(T.INT) or ["1"]))
        if not near.names(kind):
            return "CASE WHEN count(*) < 0 THEN " + (self.literal(kind) or "NULL") + " END"
        return f"{self.pick(['min', 'max'])}({self._inner(near, kind, depth)}){chosen}"

    def _sources(self, depth: int) -> tuple[str, list[Reach]]:
        text, rows = self._source(depth)
        found = [rows]
        for _ in range(self.pick([0, 0, 1, 1, 2])):
            other, right = self._source(depth)
            kind = self.pick(
                [
                    "JOIN",
                    "LEFT JOIN",
                    "LEFT JOIN",
                    "RIGHT JOIN",
                    "FULL JOIN",
                    "CROSS JOIN",
                    "SEMI JOIN",
                    "ANTI JOIN",
                ]
            )
            shared = all(("link", T.TEXT) in row.columns for row in (*found, right)) and len(found) == 1
            if kind == "CROSS JOIN":
                text = f"{text}{self.pick([' CROSS JOIN ', ', '])}{other}"
            elif shared and self.chance(0.15):
                text = f"{text} {kind} {other} USING (link)"
            elif self.chance(0.1):
                third, last = self._source(depth)
                inner = f"{other} {self.pick(['JOIN', 'LEFT JOIN'])} {third} ON {self._on([right], last)}"
                text = f"{text} {kind} ({inner}) ON {self._on(found, right)}"
                if kind not in ("SEMI JOIN", "ANTI JOIN"):
                    found.append(last)
            else:
                text = f"{text} {kind} {other} ON {self._on(found, right)}"
            if kind not in ("SEMI JOIN", "ANTI JOIN"):
                found.append(right)
        return text, found

    def _on(self, left: list[Reach], right: Reach) -> str:
        parts = []
        for _ in range(self.pick([1, 1, 1, 2, 0])):
            kind = self.pick([T.TEXT, T.TEXT, T.INT, T.BOOL, T.DAY, T.SET, T.DAYS])
            first, second = [n for row in left for n in row.names(kind)], right.names(kind)
            if first and second:
                wrap = self.pick(["{}", "{}", "lower({})"]) if kind is T.TEXT else "{}"
                parts.append(f"{wrap.format(self.pick(first))} = {wrap.format(self.pick(second))}")
        if self.chance(0.3) or not parts:
            outer, self.rows = self.rows, [*left, right]
            kept, self.subqueries = self.subqueries, False
            parts.append(self.expression(T.BOOL, 1))
            self.rows, self.subqueries = outer, kept
        return " AND ".join(parts)

    def _source(self, depth: int) -> tuple[str, Reach]:
        alias = self.alias()
        if depth > 0 and self.left > 0 and self.chance(0.2):
            kinds = self.random.choices(TYPES, k=3)
            outer, self.rows = self.rows, []
            inner = self.query(depth - 1, kinds)
            self.rows = outer
            return f"({inner}) AS {alias}", Reach(alias, [(f"c{i}", kind) for i, kind in enumerate(kinds)])
        if self.named and self.chance(0.4):
            name = self.pick(list(self.named))
            return f"{name} {alias}", Reach(alias, self.named[name])
        chosen = self.pick(SCHEMAS)
        columns = [(column.name, column.type) for column in chosen.columns]
        return f"{chosen.name} {alias}", Reach(alias, [("_row", T.INT), *columns])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
