"""A pack's examples set up for judging, compiled once a setting.

Goes in: a pack and (control, example) pairs. Comes out: a `Case` for each, which can be judged under its
own control or under a changed one; what is wrong with an example is in its case, and never raised. The
embedded engine has the rows of many examples side by side, the direct engine those of one at a time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from policycheck.assessment import assess
from policycheck.builtin_tables import BUILTIN_TABLES, table_data
from policycheck.cells import CellError, parse_utc
from policycheck.compiled import CompiledPack
from policycheck.compiler import compile_pack
from policycheck.engines import Session
from policycheck.engines.direct import DirectSession
from policycheck.errors import EngineError, Fault, FaultList, InputError, nearest
from policycheck.evidence import rows_as_evidence
from policycheck.graph import closure
from policycheck.loading import check_rows, fill
from policycheck.model import Control, Evidence, Example, Pack, TableData
from policycheck.outcomes import ControlResult
from policycheck.parameters import find_profile, resolve_parameters
from policycheck.rows import compile_row_reader, default_row

if TYPE_CHECKING:
    from policycheck.engines.stacked import Stack

AS_OF = "2026-03-02T12:00:00Z"
"""The instant of an example that names none."""

Setting = tuple[str | None, str, str | None]  # profile, parameters, as_of: what is compiled once


class Case(Struct):
    """One example with its rows in a session. `compiled` holds what its control needs; None with `faults`.

    Where the direct engine had no answer `unanswered` says so, and what it answered beside that is nothing
    to rely on.
    """

    control: Control
    example: Example
    compiled: CompiledPack | None = None
    evidence: Evidence | None = None
    session: Session | None = None
    faults: tuple[Fault, ...] = ()
    unanswered: list[str] = field(default_factory=list)

    def judge(self, compiled: CompiledPack | None = None) -> ControlResult:
        """The result of the case's control, or of what stands in its place in `compiled`."""
        compiled = compiled or self.compiled
        if compiled is None or self.evidence is None or self.session is None:
            raise ValueError("a case with faults cannot be judged")
        assessed = assess(compiled, self.evidence, self.session, only={self.control.id})
        return next(result for result in assessed.controls if result.control.id == self.control.id)


def setting_of(example: Example | None) -> Setting:
    if example is None:
        return None, "", None
    parameters = repr(sorted(example.parameters.items())) if example.parameters else ""
    return example.profile, parameters, example.as_of


def open_stack() -> Stack:
    """A stack over the embedded engine, whose library is loaded only now."""
    from policycheck.engines.duckdb import DuckDBSession
    from policycheck.engines.stacked import Stack

    return Stack(DuckDBSession())


class Bench(Struct):
    """One stack and the pack compiled for one setting at a time."""

    pack: Pack
    stack: Stack = field(default_factory=open_stack)
    _at: Setting | None = None
    _for: frozenset[str] = frozenset()
    _compiled: CompiledPack | None = None

    def compiled(self, named: Collection[str], example: Example | None = None) -> CompiledPack:
        """The pack under the setting of an example. Raises InputError, also for a bad setting."""
        setting = setting_of(example)
        if self._compiled is None or setting != self._at or not self._for.issuperset(named):
            faults = FaultList()
            profile = find_profile(self.pack, example.profile if example else None)
            overrides = example.parameters if example else None
            resolved = resolve_parameters(self.pack, profile, faults, overrides)
            as_of = parse_utc((example.as_of if example else None) or AS_OF)
            faults.raise_if_any()
            compiled = compile_pack(self.pack, resolved, as_of, self.stack, faults, only=named)
            faults.raise_if_any()
            self._at, self._for, self._compiled = setting, frozenset(named), compiled
        return self._compiled

    def cases(self, wanted: Sequence[tuple[Control, Example]]) -> Iterator[list[Case]]:
        """The cases of one setting after the other; a list of cases holds until the next is asked for.

        To compile costs more than to judge, so no setting comes twice. `wanted` holds the examples of a
        control next to each other.
        """
        for group in _by_setting(wanted):
            self.stack.clear()
            cases = self._cases_of(group)
            for case in cases:
                if case.compiled is not None:
                    self._fill(case, case.compiled, self.stack.slot(case.control.id))
            if self._compiled is not None:
                self.stack.compute(self._compiled.views)
            for case in cases:
                if case.compiled is not None and case.evidence is not None and case.session is not None:
                    case.evidence = check_rows(case.compiled, case.evidence, case.session)
            yield cases

    def single_cases(self, wanted: Sequence[tuple[Control, Example]]) -> Iterator[Case]:
        """The same cases, answered by the direct engine; each holds until the next is asked for."""
        for group in _by_setting(wanted):
            session = DirectSession(lambda select: json.loads(self.stack.parse(select)))
            for case in self._cases_of(group):
                session.clear()
                session.unanswered.clear()
                case.unanswered = session.unanswered
                with suppress(EngineError):  # its words are in `unanswered`
                    self._fill_alone(case, session)
                yield case

    def _fill_alone(self, case: Case, session: DirectSession) -> None:
        if case.compiled is not None:
            self._fill(case, case.compiled, session)
        if case.compiled is not None and case.evidence is not None:
            session.refresh_views({name: view.sql for name, view in case.compiled.views.items()})
            case.evidence = check_rows(case.compiled, case.evidence, session)

    def _cases_of(self, group: Sequence[tuple[Control, Example]]) -> list[Case]:
        """The cases of one setting, without rows yet."""
        cases = [Case(control, example) for control, example in group]
        try:
            compiled = self.compiled({control.id for control, _ in group}, group[0][1])
        except (CellError, InputError) as error:
            for case in cases:
                case.faults = _placed(case.example, error)
            return cases
        narrow: dict[str, CompiledPack] = {}
        for case in cases:
            if case.control.id not in narrow:
                narrow[case.control.id] = narrowed(compiled, case.control.id)
            case.compiled = narrow[case.control.id]
        return cases

    def _fill(self, case: Case, compiled: CompiledPack, session: Session) -> None:
        given = {name: rows for name, rows in case.example.given.items() if name not in BUILTIN_TABLES}
        try:
            evidence = rows_as_evidence(given, self.pack.tables, compiled.as_of)
            built_in = _builtin(case.example, compiled)
            case.evidence = fill(self.pack, compiled.resolved, evidence, session, built_in)
            case.session = session
        except InputError as error:
            case.faults, case.compiled = _placed(case.example, error), None


def _by_setting(wanted: Sequence[tuple[Control, Example]]) -> Iterable[list[tuple[Control, Example]]]:
    groups: dict[Setting, list[tuple[Control, Example]]] = {}
    for control, example in wanted:
        groups.setdefault(setting_of(example), []).append((control, example))
    return groups.values()


def narrowed(compiled: CompiledPack, control_id: str) -> CompiledPack:
    """The compiled pack with what one control needs; guards stay only where the control rests on them."""
    needed = closure(compiled.pack, {control_id})
    controls = {i: c for i, c in compiled.controls.items() if i in needed}
    views = {name for control in controls.values() for name in control.views}
    return replace(
        compiled,
        order=tuple(i for i in compiled.order if i in needed),
        controls=controls,
        views={name: view for name, view in compiled.views.items() if name in views},
    )


def _builtin(example: Example, compiled: CompiledPack) -> dict[str, TableData]:
    """The rows an example gives to tables the tool makes itself. Raises InputError (PC414)."""
    faults = FaultList()
    found = {}
    for name, schema in BUILTIN_TABLES.items():
        rows = example.given.get(name)
        if rows is None:
            continue
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            words = f"`{name}` is a table of the tool itself; give it a list of rows"
            faults.add("PC414", words, example.place)
            continue
        reader = compile_row_reader(schema, compiled.as_of.replace(tzinfo=None))
        typed: list[tuple[Any, ...]] = []
        for ordinal, raw in enumerate(rows, start=1):
            for column in reader.unknown(raw):
                hint = nearest(column, reader.names)
                faults.add("PC409", f"`{column}` is not a column of `{name}`", example.place, hint)
            row = reader.read(default_row(schema, raw, ordinal))
            for cell in row.faults:
                faults.add("PC414", f"`{name}` column `{cell.column}`: {cell.words}", example.place)
            typed.append(tuple(row.values))
        found[name] = table_data(schema, typed)
    faults.raise_if_any()
    return found


def _placed(example: Example, error: CellError | InputError) -> tuple[Fault, ...]:
    """What is wrong with an example, at its place: where rows are read nobody knows the file."""
    if isinstance(error, CellError):
        return (Fault("PC414", f"`as_of`: {error}", example.place, "write 2026-03-02T12:00:00Z"),)
    return tuple(
        fault if fault.place.line and "/" in fault.place.path and not fault.place.path.startswith("example/")
        else Fault(fault.code, f"example `{example.name}`: {fault.message}", example.place, fault.help)
        for fault in error.faults
    )  # fmt: skip


def variant(compiled: CompiledPack, control_id: str, **changes: Any) -> CompiledPack:
    """The compiled pack with fields of one compiled control replaced."""
    changed: Mapping[str, Any] = {
        **compiled.controls,
        control_id: replace(compiled.controls[control_id], **changes),
    }
    return replace(compiled, controls=changed)
