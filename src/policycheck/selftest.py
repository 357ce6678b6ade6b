"""A pack's examples, run through the real thing, and the proof that they would notice a missing line.

Goes in: a pack with its examples. Comes out: what each example expected and got, what the examples of a
control fail to prove, and for `run_mutants` each line of a control that could be deleted unnoticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from policycheck.assessment import assess
from policycheck.builtin_tables import BUILTIN_TABLES, table_data
from policycheck.cells import CellError, parse_utc
from policycheck.compiled import CompiledPack
from policycheck.compiler import compile_pack
from policycheck.errors import Fault, FaultList, InputError, nearest
from policycheck.evidence import rows_as_evidence
from policycheck.graph import closure
from policycheck.loading import check_rows, fill
from policycheck.model import Control, ControlResult, Evidence, Example, Pack, Reason, Status, TableData
from policycheck.parameters import find_profile, resolve_parameters
from policycheck.rows import compile_row_reader, default_row
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.engines.duckdb import DuckDBSession

AS_OF = "2026-03-02T12:00:00Z"
"""The instant of an example that names none."""

PROVED = (Status.PASS, Status.FAIL, Status.UNKNOWN)
Progress = Callable[[int, int], None]  # (how many are done, how many there are)
_Setting = tuple[str | None, str, str | None]  # profile, parameters, as_of: what is compiled once
_Rows = tuple[list[tuple[int, str, int]], dict[str, list[Any]]]  # origins and columns of a table


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What an example expected and what came out; `status` is None where it could not run."""

    control: str
    example: Example
    status: Status | None
    reason: Reason
    failed: tuple[str, ...] = ()
    advisories: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def agrees(self) -> bool:
        wanted = self.example
        return (
            not self.faults
            and self.status is wanted.expect
            and (wanted.failed is None or set(wanted.failed) == set(self.failed))
            and (wanted.advisories is None or set(wanted.advisories) == set(self.advisories))
        )


@dataclass(frozen=True, slots=True)
class Mutant:
    """A control with one line deleted. `control` is None where the pack's loader refuses what is left."""

    original: Control
    line: str
    place: Place
    control: Control | None


@dataclass(frozen=True, slots=True)
class MutantResult:
    """`noticed_by` names the example that disagrees with the mutant; empty where none does."""

    mutant: Mutant
    noticed_by: str

    @property
    def noticed(self) -> bool:
        return bool(self.noticed_by)


def choose(pack: Pack, asked: Sequence[str]) -> list[str]:
    """The controls that ids, sections and tags name, or all of them. Raises InputError (PC601)."""
    faults = FaultList()
    tags = {tag for control in pack.controls.values() for tag in control.tags}
    sections = {control.section for control in pack.controls.values()}
    for name in asked:
        if name not in pack.controls and name not in sections and name not in tags:
            hint = nearest(name, {*pack.controls, *sections, *tags})
            faults.add("PC601", f"`{name}` is no control, section or tag", Place(pack.root), hint)
    faults.raise_if_any()
    wanted = set(asked)
    return [c.id for c in pack.controls.values() if not wanted or wanted & {c.id, c.section, *c.tags}]


# --- what the examples have to show ---------------------------------------------------------------


def example_faults(pack: Pack, only: Collection[str] | None = None) -> tuple[Fault, ...]:
    """Where the examples of a control do not prove enough (PC312). Nothing is run."""
    faults = FaultList()
    for control in pack.controls.values():
        if only is None or control.id in only:
            _check_statuses(control, faults)
            _check_names(control, faults)
            if Status.FAIL not in control.cannot:
                _check_expectations(control, faults)
    return faults.faults


def _check_statuses(control: Control, faults: FaultList) -> None:
    shown = {example.expect for example in control.examples}
    for status in PROVED:
        if status in control.cannot and status in shown:
            words = f"control `{control.id}` says it cannot be {status.value}, and an example expects it"
            faults.add("PC312", words, control.place, f"drop `{status.value}` from `cannot`")
        elif status not in control.cannot and status not in shown:
            words = f"no example of control `{control.id}` expects {status.value}"
            hint = "add one, or say `cannot` and `cannot_because` where no evidence can lead there"
            faults.add("PC312", words, control.place, hint)


def _check_names(control: Control, faults: FaultList) -> None:
    seen: set[str] = set()
    for example in control.examples:
        if example.name in seen:
            words = f"two examples of control `{control.id}` have the name `{example.name}`"
            faults.add("PC312", words, example.place, "give each a name of its own")
        seen.add(example.name)
        for name in example.failed or ():
            if name not in control.expect:
                words = f"`failed` names `{name}`, which is no expectation of `{control.id}`"
                faults.add("PC312", words, example.place, nearest(name, control.expect))


def _check_expectations(control: Control, faults: FaultList) -> None:
    alone = {example.failed for example in control.examples if example.expect is Status.FAIL}
    for name, text in control.expect.items():
        if (name,) not in alone:
            words = f"no example of control `{control.id}` fails `{name}` and nothing else"
            hint = f"add one with `expect: fail` and `failed: [{name}]`; else the line could go unnoticed"
            faults.add("PC312", words, text.place, hint)


# --- running --------------------------------------------------------------------------------------


def open_session() -> DuckDBSession:
    """A session of the embedded engine, whose library is loaded only now."""
    from policycheck.engines.duckdb import DuckDBSession

    return DuckDBSession()


def run_examples(
    pack: Pack,
    only: Collection[str] | None = None,
    *,
    session: DuckDBSession | None = None,
    progress: Progress | None = None,
) -> list[ExampleResult]:
    """The result of every example of the pack, or of the controls of `only`, in the pack's order.

    Raises: InputError when the pack itself does not compile under its default profile.
    """
    controls = [c for c in pack.controls.values() if only is None or c.id in only]
    cases = [(control, example) for control in controls for example in control.examples]
    bench = _Bench(pack, session or open_session())
    bench.compiled(_setting(None), [c.id for c in controls])
    # One setting after the other, since to compile costs more than to judge.
    groups: dict[_Setting, list[int]] = {}
    for i, (_, example) in enumerate(cases):
        groups.setdefault(_setting(example), []).append(i)
    results: dict[int, ExampleResult] = {}
    for indexes in groups.values():
        named = list(dict.fromkeys(cases[i][0].id for i in indexes))
        for i in indexes:
            control, example = cases[i]
            results[i] = bench.run(control, example, named)
            if progress is not None:
                progress(len(results), len(cases))
    return [results[i] for i in range(len(cases))]


def _setting(example: Example | None) -> _Setting:
    if example is None:
        return None, "", None
    parameters = repr(sorted(example.parameters.items())) if example.parameters else ""
    return example.profile, parameters, example.as_of


class _Bench:
    """One session and the pack compiled for one setting at a time."""

    def __init__(self, pack: Pack, session: DuckDBSession) -> None:
        self.pack = pack
        self.session = session
        self._at: _Setting | None = None
        self._for: frozenset[str] = frozenset()
        self._compiled: CompiledPack | None = None
        self._rows: dict[str, dict[str, _Rows]] = {}  # of each view, the rows it was computed from

    def compiled(
        self, setting: _Setting, named: Collection[str], example: Example | None = None
    ) -> CompiledPack:
        """The pack under the setting of an example. Raises InputError, also for a bad setting."""
        if self._compiled is None or setting != self._at or not self._for.issuperset(named):
            faults = FaultList()
            profile = find_profile(self.pack, example.profile if example else None)
            overrides = example.parameters if example else None
            resolved = resolve_parameters(self.pack, profile, faults, overrides)
            as_of = parse_utc((example.as_of if example else None) or AS_OF)
            faults.raise_if_any()
            self.session.clear()
            compiled = compile_pack(self.pack, resolved, as_of, self.session, faults, only=named)
            faults.raise_if_any()
            self._at, self._for, self._compiled = setting, frozenset(named), compiled
            self._rows = {name: {} for name in compiled.views}
        return self._compiled

    def run(self, control: Control, example: Example, named: Collection[str]) -> ExampleResult:
        """One example; what is wrong with it is in the result, and never raised."""
        try:
            compiled = self.compiled(_setting(example), named, example)
            return _result(control, example, self._judge(compiled, control, example))
        except CellError as error:
            fault = Fault("PC414", f"`as_of`: {error}", example.place, "write 2026-03-02T12:00:00Z")
            return _broken(control, example, [fault])
        except InputError as error:
            return _broken(control, example, error.faults)

    def _judge(self, compiled: CompiledPack, control: Control, example: Example) -> ControlResult:
        small = _narrow(compiled, control.id)
        given = {name: rows for name, rows in example.given.items() if name not in BUILTIN_TABLES}
        self.session.clear()
        evidence = rows_as_evidence(given, self.pack.tables, compiled.as_of)
        built_in = _builtin(example, compiled)
        evidence = fill(self.pack, compiled.resolved, evidence, self.session, built_in)
        self._refresh_views(small, evidence)
        evidence = check_rows(small, evidence, self.session)
        assessed = assess(small, evidence, self.session, only={control.id})
        return next(result for result in assessed.controls if result.control.id == control.id)

    def _refresh_views(self, compiled: CompiledPack, evidence: Evidence) -> None:
        """Computes the views whose tables are not those of the last time: most of the time goes here."""
        broken = self.session.broken_views()
        changed = {}
        for name, view in compiled.views.items():
            tables = {t: evidence.tables[t] for t in view.reads.tables if t in evidence.tables}
            rows = {t: (data.origins, data.columns) for t, data in tables.items() if data.origins}
            if rows != self._rows[name] or name in broken or view.reads.tables & BUILTIN_TABLES.keys():
                changed[name] = view.sql
                self._rows[name] = rows
        self.session.refresh_views(changed)


def _narrow(compiled: CompiledPack, control_id: str) -> CompiledPack:
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


def _result(control: Control, example: Example, result: ControlResult) -> ExampleResult:
    failing = (Status.FAIL, Status.EXCEPTED)
    failed = {name for finding in result.findings if finding.status in failing for name in finding.failed}
    words = result.reason.words
    details = [f.message for f in result.findings if f.status is result.status]
    return ExampleResult(
        control=control.id,
        example=example,
        status=result.status,
        reason=Reason(result.reason.code, f"{words}: {details[0]}" if details else words),
        failed=tuple(name for name in control.expect if name in failed),
        advisories=tuple(sorted(advisory.name for advisory in result.advisories)),
    )


def _broken(control: Control, example: Example, faults: Sequence[Fault]) -> ExampleResult:
    # A fault of an example's rows is found where rows are read, which does not know the file.
    placed = tuple(
        fault if fault.place.line and "/" in fault.place.path and not fault.place.path.startswith("example/")
        else Fault(fault.code, f"example `{example.name}`: {fault.message}", example.place, fault.help)
        for fault in faults
    )  # fmt: skip
    return ExampleResult(
        control.id, example, None, Reason("not_run", "the example could not run"), faults=placed
    )


# --- mutants --------------------------------------------------------------------------------------


def mutants(pack: Pack, only: Collection[str] | None = None) -> Iterator[Mutant]:
    """Every control with one of its expectations, remarks or scope conditions deleted."""
    for control in pack.controls.values():
        if only is not None and control.id not in only:
            continue
        for name, text in control.expect.items():
            # What expects nothing would pass by absence, so the loader refuses it (PC308).
            left = replace(
                control, expect=_without(control.expect, name), otherwise=_without(control.otherwise, name)
            )
            yield Mutant(control, f"expect.{name}", text.place, left if left.expect else None)
        if control.applies_when is not None:
            changed = replace(control, applies_when=None)
            yield Mutant(control, "applies_when", control.applies_when.place, changed)
        if control.na_when is not None:
            yield Mutant(control, "na_when", control.na_when.place, replace(control, na_when=None))
        for advice in control.advise:
            kept = tuple(other for other in control.advise if other is not advice)
            yield Mutant(control, f"advise.{advice.name}", advice.when.place, replace(control, advise=kept))


def _without(entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key != name}


def run_mutants(
    pack: Pack,
    chosen: Sequence[Mutant] | None = None,
    *,
    session: DuckDBSession | None = None,
    progress: Progress | None = None,
) -> list[MutantResult]:
    """Whether some example disagrees with each mutant. The examples of the pack itself must agree first."""
    found = list(mutants(pack)) if chosen is None else list(chosen)
    session = session or open_session()
    results = []
    for mutant in found:
        results.append(MutantResult(mutant, _noticed_by(pack, mutant, session)))
        if progress is not None:
            progress(len(results), len(found))
    return results


def _noticed_by(pack: Pack, mutant: Mutant, session: DuckDBSession) -> str:
    control = mutant.control
    if control is None:
        return "the loader (PC308)"
    bench = _Bench(replace(pack, controls={**pack.controls, control.id: control}), session)
    settings = Counter(_setting(example) for example in control.examples)
    likely = _likely(mutant)
    # The likeliest first, then by setting: most mutants are noticed by the first example that is run.
    ordered = sorted(
        control.examples, key=lambda e: (not likely(e), -settings[_setting(e)], str(_setting(e)))
    )
    for example in ordered:
        result = bench.run(control, example, [control.id])
        if result.faults:
            # A profile or message may name what is gone; that is noticed as well, but not by an example.
            return f"the compiler ({result.faults[0].code})"
        if not result.agrees:
            return example.name
    return ""


def _likely(mutant: Mutant) -> Callable[[Example], bool]:
    kind, _, name = mutant.line.partition(".")
    if kind == "expect":
        return lambda example: example.failed == (name,)
    if kind == "advise":
        return lambda example: name in (example.advisories or ())
    return lambda example: example.expect is Status.NA
