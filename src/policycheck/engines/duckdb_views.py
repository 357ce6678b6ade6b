"""The views of one embedded session: which are written down, with which columns, and which failed.

Goes in: queries that have passed the gate, and the columns that a run wants of each. Comes out: a table for
each view, or, over large tables, only a definition where a view is read in one place: the engine then
computes it there, without what that place does not look at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from policycheck.engines import ALL_COLUMNS, ASKED, failed
from policycheck.engines.duckdb_errors import OUT_OF_MEMORY
from policycheck.engines.duckdb_types import COLUMN_TYPES
from policycheck.errors import EngineError
from policycheck.model import ColumnType
from policycheck.sqltext import without_comments, words_in

_ENUM = re.compile(r"^ENUM\(.*\)")  # text that is held as numbers
_UNREAD = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|--[^\n]*""")  # texts, quoted names, comments
_MAY_FAIL = re.compile(r"[-+/%]|(?<![.(])(?<!select )\*|\b(?:sum|cast|over)\b|::")
_SUBQUERY = re.compile(r"\(\s*select\b")
_NO_VALUE = {"exists", "in", "from", "join", "as"}  # before a subquery that may have any number of rows

TABLE, VIEW = "TABLE", "VIEW"


class Views:
    """The views over one connection. `execute` runs a statement and raises EngineError. `ranges` gives
    tests on one of some columns: each row passes one of them, and not too many pass the same. There may be
    none."""

    def __init__(
        self, execute: Callable[[str], Any], ranges: Callable[[Sequence[str]], Sequence[str]]
    ) -> None:
        self._execute = execute
        self._ranges = ranges
        self._views: dict[str, str] = {}
        self._kinds: dict[str, str] = {}  # whether a name is that of a TABLE or of a VIEW of the engine
        self._columns: dict[str, list[str]] = {}
        self._held: dict[str, set[str]] = {}  # large views, and which of their columns are computed
        self._waiting: dict[str, str] = {}  # views over large tables that nothing has wanted yet
        self.broken: dict[str, str] = {}  # views that failed on these rows, with the engine's words

    def define(self, name: str, sql: str, *, large: bool) -> list[tuple[str, ColumnType]]:
        """Binds a view, and computes it unless it is `large`. Raises EngineError with the engine's words.

        A view is computed once, into a table: views upon views would otherwise be bound again for
        every use, which costs more than all other work of a small run. Over large tables that table has
        no rows yet: `compute` fills those that are wanted.
        """
        self._views[name] = sql.strip().rstrip(";")
        self._drop(name)
        self._held.pop(name, None)
        if large:
            self._shape(name)
            self._held[name] = set()
        else:
            self._fill(name)
        columns = []
        described = self._execute(f'DESCRIBE "{name}"').fetchall()
        self._columns[name] = [row[0] for row in described]
        for column, described_kind, *_ in described:
            if not column.startswith("_"):
                kind = _ENUM.sub("VARCHAR", described_kind)
                if kind not in COLUMN_TYPES:
                    message = f"column `{column}` has the type {kind}"
                    raise failed(message, "use text, integers, booleans, days, instants and sets")
                columns.append((column, COLUMN_TYPES[kind]))
        return columns

    def refresh(self, views: Mapping[str, str], *, large: bool) -> None:
        """Computes these views (name to query), in this order, from the rows that are there now.

        Over large tables it takes note of them only: `compute` binds those that are wanted.
        """
        self.broken.clear()
        for name, sql in views.items():
            if large:
                self._drop(name)
                self._held.pop(name, None)
                self._waiting[name] = sql
            else:
                self.define(name, sql, large=False)

    def compute(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Computes large views once, in this order, each with those of its columns that are wanted.

        ALL_COLUMNS wants all; ASKED says that a control asks the view. Small views are computed already.
        A view that fails is noted as broken.
        """
        # INVARIANT: the shape of a view is not taken for a view without rows: what is not computed goes.
        for name in [n for n, held in self._held.items() if not held and n not in wanted]:
            self._drop(name)
        reads = Counter(word for name in wanted for word in _words(self._text(name)))
        for name, columns in wanted.items():
            if name in self._waiting:
                self.define(name, self._waiting.pop(name), large=True)
            if name not in self._held:
                continue
            known, held = self._columns[name], self._held[name]
            names = {*columns, "_row", "_source"}
            kept = {c for c in known if c in names or ALL_COLUMNS in names} or held or {known[0]}
            inlined = self.is_inlined(name)
            once = ASKED not in columns and reads[name] == 1 and not _must_be_whole(self._views[name])
            inline = once and (inlined or not held)
            if kept <= held and inline == inlined:
                continue
            held |= kept
            if inline:
                self._drop(name)
                self._create(VIEW, name, name)
            else:
                self._store(name)

    def _text(self, name: str) -> str:
        return self._waiting.get(name) or self._views[name]

    def _store(self, name: str) -> None:
        """Writes a large view down. Where that fails, what it reads is written down first: then it is known
        which one failed, and each query does less. What does not fit into memory even so is computed in
        pieces."""
        try:
            self._create(TABLE, f"new {name}", name)
        except EngineError as error:
            words = set(_words(self._views[name]))
            inlined = [read for read in self._views if read in words and self.is_inlined(read)]
            for read in inlined:
                self._store(read)
            if inlined:
                self._store(name)
                return
            if not (error.faults[0].message == OUT_OF_MEMORY and self._store_pieces(name)):
                self.broken[name] = error.faults[0].message
                self._drop(name)
                self._shape(name)
                return
        self._drop(name)
        self._execute(f'ALTER TABLE "new {name}" RENAME TO "{name}"')
        self._kinds[name] = TABLE

    def _store_pieces(self, name: str) -> bool:
        """The same for rows with some keys at a time; False where that fails."""
        # INVARIANT: the tests are on a column of the result, so that the pieces are those of any query.
        query = self._query(name)
        try:
            tests = self._ranges(self._columns[name])
            for test in tests:
                if test is tests[0]:
                    self._execute(f'CREATE TABLE "new {name}" AS {query} WHERE {test}')
                else:
                    self._execute(f'INSERT INTO "new {name}" {query} WHERE {test}')
        except EngineError:
            self._execute(f'DROP TABLE IF EXISTS "new {name}"')
            return False
        return bool(tests)

    def _create(self, kind: str, created: str, name: str) -> None:
        self._execute(f'CREATE {kind} "{created}" AS {self._query(name)}')
        self._kinds[created] = kind

    def _query(self, name: str) -> str:
        listed = ", ".join(f'"{c}"' for c in self._columns[name] if c in self._held[name])
        return f"SELECT {listed} FROM ({self._views[name]}\n)"

    def _fill(self, name: str) -> None:
        """Fills the table of a view. What binds but fails on these rows is empty, and noted as broken."""
        try:
            self._execute(f'CREATE TABLE "{name}" AS {self._views[name]}')
            self._kinds[name] = TABLE
        except EngineError as error:
            self._shape(name)
            self.broken[name] = error.faults[0].message

    def _shape(self, name: str) -> None:
        """A table with the columns of a view and no rows."""
        self._execute(f'CREATE TABLE "{name}" AS {self._views[name]} WITH NO DATA')
        self._kinds[name] = TABLE

    def _drop(self, name: str) -> None:
        kind = self._kinds.pop(name, None)
        if kind is not None:
            self._execute(f'DROP {kind} "{name}"')

    def is_inlined(self, name: str) -> bool:
        """Whether a view is computed where it is read."""
        return self._kinds.get(name) == VIEW


def _must_be_whole(sql: str) -> bool:
    """Whether a view may fail on some rows, or numbers them.

    INVARIANT: computed where it is read, it would not be computed for rows and columns that nobody looks at
    there, and whether it fails would depend on who looks. Fail can arithmetic, sums and casts (beyond 64
    bits), and a subquery as a value (of more than one row).
    """
    text = _UNREAD.sub(" '' ", sql).lower()
    if _MAY_FAIL.search(text):
        return True
    before = (text[: found.start()].split() for found in _SUBQUERY.finditer(text))
    return any(not words or words[-1] not in _NO_VALUE for words in before)


def _words(sql: str) -> list[str]:
    return words_in(without_comments(sql))
