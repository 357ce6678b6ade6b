"""What the verdicts of subjects add up to: statuses of controls, roll-ups, guards, and the gate.

Goes in: counts of verdicts and results of controls. Comes out: statuses with their reasons, and one
decision. Pure functions; nothing here asks an engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from policycheck.builtin_tables import BUILTIN_TABLES
from policycheck.compiled import CompiledPack
from policycheck.graph import first_causes
from policycheck.model import Control, Evidence, Reason, Severity, Source, Status, worst
from policycheck.outcomes import ControlResult, Gate, SourceResult, Suspicion
from policycheck.trust import is_stale


def decide_gate(results: Sequence[ControlResult], fail_on: Severity, unchecked: int = 0) -> Gate:
    """Exit code 1 for a fail at or above `fail_on`, else 3 for an unknown, else 0.

    `unchecked` clauses have no control: nobody asked, so nobody knows, and no threshold excuses that.
    """
    if not results:
        return Gate(False, 2, fail_on, "closed: no control was checked")
    counted = [r for r in results if r.control.severity.rank <= fail_on.rank]
    failing = sum(r.status is Status.FAIL for r in counted)
    unknown = sum(r.status is Status.UNKNOWN for r in counted)
    below = sum(r.status in (Status.FAIL, Status.UNKNOWN) for r in results) - failing - unknown
    rest = f"; {_count(unchecked, 'clause')} without a control" if unchecked else ""
    rest += f"; {_count(below, 'gap')} of lower severity" if below else ""
    if failing:
        also = f" and {unknown} unknown" if unknown else ""
        return Gate(False, 1, fail_on, f"closed: {_count(failing, 'control')} failing{also}{rest}")
    if unknown or unchecked:
        return Gate(False, 3, fail_on, f"closed: {_count(unknown, 'control')} unknown, none failing{rest}")
    return Gate(True, 0, fail_on, f"open: no gap of severity {fail_on.value} or higher{rest}")


def control_status(
    control: Control, counts: Mapping[Status, int], doubts: tuple[Reason, ...], inapplicable: bool | None
) -> tuple[Status, Reason]:
    """The status of a control from those of its subjects. INVARIANT: nothing seen is not a pass."""
    in_scope = sum(count for status, count in counts.items() if status is not Status.NA)
    found = [status for status, count in counts.items() if count and status is not Status.NA]
    if not in_scope:
        return _empty_status(control, sum(counts.values()), doubts, inapplicable)
    status = worst([*found, *([Status.UNKNOWN] if doubts else [])])
    if status is Status.UNKNOWN and doubts and Status.UNKNOWN not in found:
        return status, doubts[0]
    number = counts.get(status, 0)
    words = {
        Status.FAIL: f"{number} of {in_scope} fail",
        Status.UNKNOWN: f"{number} of {in_scope} cannot be decided",
        Status.EXCEPTED: f"{number} of {in_scope} fail and are covered by an exception",
        Status.PASS: f"all {in_scope} as expected",
    }
    return status, Reason(f"subjects_{status.value}", words[status])


def _empty_status(
    control: Control, out_of_scope: int, doubts: tuple[Reason, ...], inapplicable: bool | None
) -> tuple[Status, Reason]:
    if doubts:
        return Status.UNKNOWN, doubts[0]
    seen = f"all {out_of_scope} subjects are out of scope" if out_of_scope else "there are no subjects"
    if control.na_when is not None:
        if inapplicable is True:
            return Status.NA, Reason(
                "inapplicable", f"{seen}, and an attested fact says the clause does not apply"
            )
        return Status.UNKNOWN, Reason(
            "no_subjects", f"{seen}, and no attested fact says the clause does not apply"
        )
    if control.none_in_scope is Status.NA:
        return Status.NA, Reason("no_subjects", f"{seen}, and the evidence attests that it is complete")
    return Status.UNKNOWN, Reason("no_subjects", f"{seen}: nothing shows that the clause is met")


def roll_up(control: Control, results: Mapping[str, ControlResult]) -> ControlResult:
    members = [results[member] for member in control.all_of]
    counts = Counter(member.status for member in members)
    status = worst([member.status for member in members])
    those = [m.control.id for m in members if m.status is status]
    named = ", ".join(those[:8]) + (" ..." if len(those) > 8 else "")
    reason = Reason(
        f"members_{status.value}", f"{len(those)} of {len(members)} controls {status.value}: {named}"
    )
    return ControlResult(
        control=control, status=status, reason=reason, counts={s: counts.get(s, 0) for s in Status},
        advisories=(), parameters={}, query="", findings=(), findings_total=0,
    )  # fmt: skip


def apply_guards(compiled: CompiledPack, results: dict[str, ControlResult]) -> dict[str, ControlResult]:
    """While a guard is not a pass, no other control is: it would answer for another text."""
    open_guards = [g for g in compiled.pack.guards if g in results and results[g].status is not Status.PASS]
    if not open_guards:
        return results
    guard = results[open_guards[0]]
    reason = Reason("guard", f"{guard.control.id} is {guard.status.value}: {guard.reason.words}")
    held = {i for i, r in results.items() if i not in compiled.pack.guards and not r.control.all_of}
    return _withhold(compiled, results, dict.fromkeys(held, reason))


def apply_suspicion(
    compiled: CompiledPack, results: dict[str, ControlResult], suspicion: Suspicion | None
) -> dict[str, ControlResult]:
    """No control is a pass while the sentence it was written from is not the one in the document."""
    if suspicion is None or not suspicion.controls:
        return results
    reasons = {
        control: Reason("suspect", f"{', '.join(units)} of the policy document is not as registered")
        for control, units in suspicion.controls.items()
    }
    return _withhold(compiled, results, reasons)


def _withhold(
    compiled: CompiledPack, results: Mapping[str, ControlResult], reasons: Mapping[str, Reason]
) -> dict[str, ControlResult]:
    """Pass, excepted and na of these controls become unknown; a fail stays. Roll-ups follow their members."""
    held = dict(results)
    for control_id in compiled.order:
        result = results.get(control_id)
        if result is None or control_id in compiled.pack.guards:
            continue
        if result.control.all_of:
            held[control_id] = roll_up(result.control, held)
        if control_id in reasons and held[control_id].status in (Status.PASS, Status.EXCEPTED, Status.NA):
            held[control_id] = replace(held[control_id], status=Status.UNKNOWN, reason=reasons[control_id])
    return held


def with_causes(
    compiled: CompiledPack, results: Mapping[str, ControlResult], shown: Mapping[str, ControlResult]
) -> tuple[ControlResult, ...]:
    bad = {i for i, r in results.items() if r.status in (Status.FAIL, Status.UNKNOWN)}
    return tuple(
        replace(r, root_causes=first_causes(compiled.pack, i, bad)) if i in bad else r
        for i, r in shown.items()
    )


def source_results(
    compiled: CompiledPack, evidence: Evidence, results: Mapping[str, ControlResult]
) -> tuple[SourceResult, ...]:
    """Each source with its age, held against the strictest limit of the controls that read it."""
    limits: dict[str, int] = {}
    for result in results.values():
        for table in result.tables:
            if table not in BUILTIN_TABLES:
                schema = compiled.pack.tables[table]
                owner = schema.parent or table
                limit = compiled.max_age_days(result.control, table)
                limits[owner] = min(limit, limits.get(owner, limit))
    found = []
    for source in evidence.sources:
        schema_limit = (
            compiled.pack.tables[source.table].max_age_days if source.table in compiled.pack.tables else None
        )
        limit_days = limits.get(source.table, schema_limit)
        found.append(
            SourceResult(
                source, _age_days(source, evidence), _state(source, evidence, limit_days), limit_days
            )
        )
    return tuple(found)


def _age_days(source: Source, evidence: Evidence) -> int | None:
    if source.collected_at is None:
        return None
    return (evidence.as_of - source.collected_at) // timedelta(days=1)


def _state(source: Source, evidence: Evidence, limit: int | None) -> str:
    if source.usable and limit is not None and is_stale(source, evidence.as_of, limit):
        return "stale"
    return source.state.value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
