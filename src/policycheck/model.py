"""The nouns: frozen data without I/O.

Goes in: what the loaders read. Comes out: the values every later stage passes on. A control that has
not been compiled cannot reach an engine, because the engines take `CompiledControl` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from policycheck.errors import Fault
from policycheck.source import Place

# --- verdicts -------------------------------------------------------------------------------------


class Status(StrEnum):
    """The five statuses of a subject and of a control."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    EXCEPTED = "excepted"
    NA = "na"

    def __bool__(self) -> bool:
        # INVARIANT: a status is compared, never tested for truth, so that no typo turns into a pass.
        raise TypeError("compare a status with `is`, do not test its truth")


# INVARIANT: the worst status wins; a fail is never hidden by an unknown, nor an unknown by a pass.
PRECEDENCE = (Status.FAIL, Status.UNKNOWN, Status.EXCEPTED, Status.PASS, Status.NA)


def worst(statuses: list[Status]) -> Status:
    """The status that wins over the others; raises ValueError for none, since nothing is not a pass."""
    if not statuses:
        raise ValueError("no statuses: an empty set has no verdict")
    return min(statuses, key=PRECEDENCE.index)


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return list(Severity).index(self)


class Reason(Struct, frozen=True):
    """Why a status is what it is: a stable code and words."""

    code: str
    words: str


# --- tables ---------------------------------------------------------------------------------------


class ColumnType(StrEnum):
    """What a cell holds. DAY is one calendar day; DAYS an interval of days (a partial date);
    INSTANT an interval on the UTC time line (a plain date covers its whole day)."""

    TEXT = "text"
    INT = "int"
    BOOL = "bool"
    DAY = "day"
    DAYS = "days"
    INSTANT = "instant"
    SET = "set"


class Column(Struct, frozen=True):
    name: str
    type: ColumnType
    nullable: bool
    description: str = ""
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    references: tuple[str, str] | None = None
    unit: str = ""
    example: Any = None
    may_be_future: bool = False
    min_length: int = 0  # of a text, or of each member of a set
    pattern: str = ""  # a regular expression for the whole text


class RowRule(Struct, frozen=True):
    """A fact every row must not contradict, for instance that nothing is disposed of before it exists."""

    name: str
    expression: str
    place: Place


class TableSchema(Struct, frozen=True):
    """One evidence table. `key` names the columns that identify a row. `parent` is the table whose
    list column this one was made from (its rows carry the parent's key)."""

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    max_age_days: int
    rules: tuple[RowRule, ...] = ()
    parent: str | None = None
    parent_column: str = ""
    children: tuple[TableSchema, ...] = ()
    place: Place = Place("")

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


class View(Struct, frozen=True):
    """A prepared shape over tables. `base` is set when the view may be a control's subject: it then
    keeps exactly the rows of that table, which the engine verifies."""

    name: str
    sql: str
    base: str | None
    not_null: tuple[str, ...]
    place: Place


# --- the pack -------------------------------------------------------------------------------------


class ExpressionText(Struct, frozen=True):
    """An expression as written, and where its first character stands."""

    text: str
    place: Place


class Bound(Struct, frozen=True):
    """How far a parameter may go before it is looser than its clause."""

    at_least: int | None = None
    at_most: int | None = None
    one_of: tuple[Any, ...] | None = None
    subset_of: tuple[str, ...] | None = None

    def admits(self, value: Any) -> bool:
        if self.at_least is not None and not value >= self.at_least:
            return False
        if self.at_most is not None and not value <= self.at_most:
            return False
        if self.one_of is not None and not any(value == v and type(value) is type(v) for v in self.one_of):
            return False
        return self.subset_of is None or set(value) <= set(self.subset_of)

    def __str__(self) -> str:
        parts = []
        if self.at_least is not None:
            parts.append(f"at least {self.at_least}")
        if self.at_most is not None:
            parts.append(f"at most {self.at_most}")
        if self.one_of is not None:
            parts.append("one of " + ", ".join(_written(value) for value in self.one_of))
        if self.subset_of is not None:
            parts.append("a subset of " + ", ".join(self.subset_of))
        return " and ".join(parts) or "none"


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Parameter(Struct, frozen=True):
    """A named value that expressions reach as `$name`. `memo` justifies a default outside `bound`."""

    name: str
    value: Any
    type: ColumnType
    bound: Bound
    place: Place
    unit: str = ""
    description: str = ""
    clauses: tuple[str, ...] = ()
    memo: str | None = None
    owner: str | None = None  # the control that declares it; None for the pack's shared parameters
    values: tuple[Any, ...] | None = None  # all values that exist, where that is a closed list


def parameter_type(value: Any) -> ColumnType | None:
    """The column type of a parameter's value, or None where it has no type."""
    if isinstance(value, bool):
        return ColumnType.BOOL
    if isinstance(value, int):
        return ColumnType.INT
    if isinstance(value, str):
        return ColumnType.TEXT
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return ColumnType.SET
    return None


class Choice(Struct, frozen=True):
    """A profile's value for a parameter and the memo it rests on."""

    value: Any
    memo: str | None
    place: Place


class ParameterChoice(Struct, frozen=True):
    """A parameter as this run used it."""

    name: str
    value: Any
    default: Any
    unit: str
    bound: str
    within_bound: bool
    memo: str | None


class Profile(Struct, frozen=True):
    name: str
    title: str
    choices: Mapping[str, Choice]
    place: Place


class Interpretation(Struct, frozen=True):
    """An interpretation memo: what the text leaves open and how it is read here."""

    id: str
    title: str
    clauses: tuple[str, ...]
    question: str
    reading: str
    approved: bool
    approved_by: str
    approved_at: date | None
    place: Place


class AmbiguityKind(StrEnum):
    """AMBIGUITY: the words allow several readings. CONFLICT: clauses that cannot all hold as they stand.
    OUTDATED: right when it was written, overtaken since."""

    AMBIGUITY = "ambiguity"
    CONFLICT = "conflict"
    OUTDATED = "outdated"


class Ambiguity(Struct, frozen=True):
    """Something the document leaves open. `settled_by` names the memos that choose a reading of it."""

    id: str
    kind: AmbiguityKind
    clauses: tuple[str, ...]
    title: str
    words_say: str
    problem: str
    settled_by: tuple[str, ...]
    parameters: tuple[str, ...]
    place: Place


class Reference(Struct, frozen=True):
    framework: str
    id: str
    verified: bool = True


class ExceptionPath(Struct, frozen=True):
    """Whether a control's clause allows exceptions, and how one is judged. `rules` are the controls
    over the exceptions register whose verdicts make an exception valid; `covers` is the subject
    column whose value the exception must name."""

    allowed: bool = False
    rules: tuple[str, ...] = ()
    covers: str = ""


class Advice(Struct, frozen=True):
    """A remark that stands beside a pass and that nobody can silence."""

    name: str
    when: ExpressionText
    say: str


class Population(Struct, frozen=True):
    """An inventory, kept apart from the control's evidence, of what the control should be asked of: the rows
    of `inventory` for which `where` holds. `key` of a subject and `inventory_key` name the same thing."""

    inventory: str
    key: str
    inventory_key: str
    where: ExpressionText | None
    place: Place


class Example(Struct, frozen=True):
    name: str
    given: Mapping[str, Any]
    expect: Status
    place: Place
    failed: tuple[str, ...] | None = None
    advisories: tuple[str, ...] | None = None
    profile: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    as_of: str | None = None


class Equivalent(Struct, frozen=True):
    """A mutant of a control that no evidence can tell from the control, and why."""

    mutant: str
    why: str
    place: Place


class Control(Struct, frozen=True):
    """The check of one or more clauses: a subject table and expectations, or a roll-up of controls."""

    id: str
    title: str
    clauses: tuple[str, ...]
    severity: Severity
    rationale: str
    remediation: str
    place: Place
    references: tuple[Reference, ...] = ()
    tags: tuple[str, ...] = ()
    clauses_place: Place = Place("")
    subject: str | None = None
    subject_place: Place = Place("")
    applies_when: ExpressionText | None = None
    expect: Mapping[str, ExpressionText] = field(default_factory=dict)
    otherwise: Mapping[str, str] = field(default_factory=dict)
    advise: tuple[Advice, ...] = ()
    max_age_days: Mapping[str, int] = field(default_factory=dict)
    exceptions: ExceptionPath = ExceptionPath()
    requires: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_in_scope: Status = Status.UNKNOWN  # UNKNOWN or NA, when every subject is out of scope
    na_when: ExpressionText | None = None  # over the one-row table `organisation`
    population: Population | None = None
    cannot: tuple[Status, ...] = ()  # statuses that no evidence can produce, so no example shows them
    examples: tuple[Example, ...] = ()
    equivalent: tuple[Equivalent, ...] = ()

    @property
    def section(self) -> str:
        return self.id.split("-")[0]


class ClauseClass(StrEnum):
    """What a clause is. NORMATIVE obliges; GUARDED allows something on conditions; PERMISSION allows it
    outright; DEFINITION fixes a fact or a word; INFORMATIONAL says nothing that can be observed."""

    NORMATIVE = "normative"
    GUARDED = "guarded"
    PERMISSION = "permission"
    DEFINITION = "definition"
    INFORMATIONAL = "informational"

    @property
    def needs_control(self) -> bool:
        return self in (ClauseClass.NORMATIVE, ClauseClass.GUARDED)


class Clause(Struct, frozen=True):
    """One entry of the clause register. `units` are the sentences that state it; `without_control` is why
    no control checks it. Which controls do is said by the controls."""

    id: str
    title: str
    kind: ClauseClass
    units: tuple[str, ...]
    place: Place
    applies: str = ""
    without_control: str = ""

    @property
    def section(self) -> str:
        return self.id.split("-")[0]


class Unit(Struct, frozen=True):
    """A heading, sentence or table row of the policy document, by fingerprint: `L34.3` is the third
    sentence of its line 34."""

    id: str
    fingerprint: str
    heading: bool
    clauses: tuple[str, ...]


class ClauseRegister(Struct, frozen=True):
    """What the policy document consists of. Units stand in the order of the document; `characters` is the
    length of all their texts; sections are those of clause ids, with a title each."""

    title: str
    characters: int
    abbreviations: tuple[str, ...]
    sections: Mapping[str, str]
    not_in_document: Mapping[str, str]
    units: tuple[Unit, ...]
    clauses: Mapping[str, Clause]
    path: str


class Pack(Struct, frozen=True):
    name: str
    version: str
    title: str
    digest: str
    root: str
    default_profile: str
    guards: tuple[str, ...]
    tables: Mapping[str, TableSchema]
    views: Mapping[str, View]
    controls: Mapping[str, Control]
    parameters: Mapping[str, Parameter]
    profiles: Mapping[str, Profile]
    interpretations: Mapping[str, Interpretation]
    ambiguities: Mapping[str, Ambiguity] = field(default_factory=dict)
    register: ClauseRegister | None = None
    gaps: tuple[Fault, ...] = ()  # clauses of the register that nothing accounts for


# --- compiled controls ----------------------------------------------------------------------------


class Reads(Struct, frozen=True):
    """What an expression depends on: tables and (table, column) pairs, views already resolved."""

    tables: frozenset[str] = frozenset()
    columns: frozenset[tuple[str, str]] = frozenset()
    parameters: frozenset[str] = frozenset()

    def __or__(self, other: Reads) -> Reads:
        return Reads(
            self.tables | other.tables,
            self.columns | other.columns,
            self.parameters | other.parameters,
        )


class CompiledExpression(Struct, frozen=True):
    """A checked expression with its parameters written in as literals. `observes` are the columns
    of the subject row it looks at."""

    name: str
    sql: str
    reads: Reads
    observes: tuple[str, ...]
    place: Place


class CompiledPopulation(Struct, frozen=True):
    """An inventory that has passed the gate. `questions` are asked of its rows: whether a row is asked for
    (where that is a question), and whether the subjects know it. `listed` is asked of a subject.

    `checked` are columns of the subjects that were looked up in their base table: they must be the same."""

    relation: str
    base: str
    key: tuple[str, ...]
    questions: tuple[CompiledExpression, ...]
    listed: CompiledExpression
    checked: tuple[str, ...] = ()


class CompiledControl(Struct, frozen=True):
    """A control that has passed the gate. `base` is the table whose rows are the subjects, `relation`
    the table or view that is queried; `query` answers one row a subject."""

    control: Control
    relation: str
    base: str
    key: tuple[str, ...]
    applies: CompiledExpression | None
    expectations: tuple[CompiledExpression, ...]
    advice: tuple[CompiledExpression, ...]
    na_when: CompiledExpression | None
    parameters: Mapping[str, Any]
    observed: tuple[str, ...]
    subject_reads: Reads
    query: str
    views: tuple[str, ...] = ()  # every view a verdict goes through
    rereads_base: bool = False  # a verdict depends on other rows of `base` than the subject's own
    population: CompiledPopulation | None = None

    @property
    def asked(self) -> tuple[CompiledExpression, ...]:
        """What is asked of every subject: whether the clause applies, the expectations, whether the inventory
        names it, the advice."""
        listed = self.population.listed if self.population is not None else None
        parts = (self.applies, *self.expectations, listed, *self.advice)
        return tuple(part for part in parts if part is not None)


# --- evidence -------------------------------------------------------------------------------------


class EvidenceKind(StrEnum):
    OBSERVED = "observed"
    VENDOR_DOCUMENTED = "vendor_documented"
    ATTESTED = "attested"
    PLANNED = "planned"


class SourceState(StrEnum):
    """Whether a source can be relied on. Staleness is decided per control, since its limit is."""

    OK = "ok"
    MISSING = "missing"
    TAMPERED = "tampered"
    UNREADABLE = "unreadable"
    REFUSED = "refused"  # path outside the folder, symlink, not a regular file
    COUNT_MISMATCH = "count_mismatch"
    FUTURE = "future"
    INVALID = "invalid"  # the manifest entry itself cannot be used


class EvidenceFile(Struct, frozen=True):
    """One file of a source: its path inside the evidence folder, digest, size in bytes and rows read."""

    path: str
    digest: str
    size_bytes: int
    rows: int


class Source(Struct, frozen=True):
    """One manifest entry and what reading it found. `digest` is of the bytes that were read."""

    evidence_id: str
    table: str
    path: str
    state: SourceState
    reason: str
    place: Place
    source_system: str = ""
    collector: str = ""
    collector_version: str = ""
    collected_at: datetime | None = None
    evidence_kind: EvidenceKind = EvidenceKind.OBSERVED
    population_complete: bool = False
    row_count: int | None = None
    file_sha256: str = ""
    digest: str = ""
    rows: int = 0
    files: tuple[EvidenceFile, ...] = ()

    @property
    def usable(self) -> bool:
        return self.state is SourceState.OK


class RowFault(Struct, frozen=True):
    """A row that cannot be relied on: in `column`, or as a whole where column is `*`.
    Codes: wrong_type, duplicate_key, evidence_conflict, dangling_ref, data_quality, future_date."""

    table: str
    row: int
    column: str
    code: str
    words: str
    place: Place


class TableData(Struct):
    """The rows of one table, column by column, as typed Python values.

    Values: TEXT str, INT int, BOOL bool, DAY `date`, DAYS `(date, date)`, INSTANT
    `(datetime, datetime)` naive UTC, SET sorted list of str; None is null.
    `origins[i]` is (index into Evidence.sources, file path, line) of row i.
    `bulk` lists large files that an engine reads itself.
    """

    schema: TableSchema
    columns: dict[str, list[Any]]
    origins: list[tuple[int, str, int]]
    bulk: list[BulkFile] = field(default_factory=list)

    @property
    def row_total(self) -> int:
        return len(self.origins) + sum(max(file.rows, 0) for file in self.bulk)

    def place(self, row: int) -> Place:
        """Where row number `row` stands; the lines of bulk files are numbered after the other rows."""
        if row < len(self.origins):
            _, path, line = self.origins[row]
            return Place(path, line)
        row -= len(self.origins)
        for file in self.bulk:
            if row < file.lines:
                return Place(file.path, row + 1)
            row -= max(file.lines, 0)
        return Place(self.schema.name)


class BulkFile(Struct):
    """A file held open: `fd` and `fd_path` read the very bytes that were hashed.

    Once an engine has read it there are its `rows`, and its `lines`: so many row numbers stand for it, a
    row's being that of the line it begins on. A Parquet file has a line for each row. `fault` is what makes
    a text unreadable as a whole, `expected` how many rows the manifest gives the whole source. `copy` keeps
    what the descriptor reads.
    """

    source: int
    path: str
    fd: int
    fd_path: str
    rows: int
    lines: int = -1
    fault: Fault | None = None
    expected: int | None = None
    copy: Any = None


class Evidence(Struct):
    """A verified evidence folder. Sources that cannot be used have a state and no rows."""

    root: str
    organisation: str
    manifest_as_of: datetime | None
    manifest_digest: str
    as_of: datetime
    sources: tuple[Source, ...]
    tables: dict[str, TableData]
    row_faults: list[RowFault]
    faults: tuple[Fault, ...]
