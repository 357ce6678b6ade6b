"""From three-valued answers to verdicts: the one place where TRUE, FALSE and NULL become statuses.

Goes in: the answers for a subject, what cannot be relied on, and the exceptions that cover it. Comes
out: a status with its reason. A pure function of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from policycheck.model import CompiledControl, CompiledExpression, Reason, Status
from policycheck.populations import not_listed
from policycheck.trust import Doubt

Answer = bool | None
POPULATION = "population"
PLANNED = Reason("evidence_planned", "the evidence is a plan, not an observation")


class Columns(Struct, frozen=True):
    """Which answers of a judgement belong to one control."""

    applies: int | None
    expectations: tuple[int, ...]
    advice: tuple[int, ...]
    listed: int | None = None

    @property
    def all(self) -> tuple[int, ...]:
        """All of them, in the order of `CompiledControl.asked`."""
        first = () if self.applies is None else (self.applies,)
        listed = () if self.listed is None else (self.listed,)
        return first + self.expectations + listed + self.advice


def columns_of(control: CompiledControl, place: Callable[[CompiledExpression], int]) -> Columns:
    """Where the answers of a control stand. `place` tells it of each expression of `control.asked`."""
    return Columns(
        place(control.applies) if control.applies else None,
        tuple(map(place, control.expectations)),
        tuple(map(place, control.advice)),
        place(control.population.listed) if control.population else None,
    )


class Verdict(Struct, frozen=True):
    """The status of one subject, or of all subjects with the same answers."""

    status: Status
    reason: Reason
    failed: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    advised: tuple[str, ...] = ()


class Decider(Struct, frozen=True):
    """Decides subjects of one control. `answers` come in the order of `Columns.all`."""

    control: CompiledControl
    columns: Columns
    doubt: Doubt = field(default_factory=Doubt)

    def decide(self, answers: tuple[Answer, ...], source: int, row: int | None = None) -> Verdict:
        """The verdict of a subject; `row` only for those whose row has a fault of its own."""
        doubtful = self.doubt.rows.get(row) if row is not None else None
        doubtful = doubtful or self.doubt.sources.get(source)
        if doubtful is not None:
            return Verdict(
                Status.UNKNOWN, doubtful, undecided=tuple(e.name for e in self.control.expectations)
            )
        planned = source in self.doubt.planned_sources
        start = 0 if self.columns.applies is None else 1
        if start:
            verdict = self._scope(answers[0], planned)
            if verdict is not None:
                return verdict
        failed, undecided, reason = [], [], None
        for expression, answer in zip(self.control.expectations, answers[start:], strict=False):
            cause = self.doubt.expressions.get(expression.name)
            if cause is not None:
                answer = None
            elif answer is True and (planned or expression.name in self.doubt.planned):
                # INVARIANT: a plan can show a gap; it cannot show that a thing is so.
                cause = PLANNED
                answer = None
            if answer is False:
                failed.append(expression.name)
            elif answer is None:
                undecided.append(expression.name)
                reason = reason or cause
        population = self.control.population
        if population is not None:
            # INVARIANT: what an independent inventory does not know is not shown to be what it seems.
            cause = self.doubt.expressions.get(POPULATION)
            if cause is None and POPULATION in self.doubt.planned:
                cause = PLANNED
            if cause is None and answers[start + len(self.control.expectations)] is not True:
                cause = not_listed(population)
            if cause is not None:
                undecided.append(POPULATION)
                reason = reason or cause
        if failed:
            words = "not as expected: " + ", ".join(failed)
            return Verdict(Status.FAIL, Reason("expectation_failed", words), tuple(failed), tuple(undecided))
        if undecided:
            reason = reason or Reason("undecided", "not decided by the evidence: " + ", ".join(undecided))
            return Verdict(Status.UNKNOWN, reason, (), tuple(undecided))
        return Verdict(Status.PASS, Reason("pass", "as expected"), advised=self._advised(answers))

    def _scope(self, applies: Answer, planned: bool) -> Verdict | None:
        expression = self.control.applies
        cause = self.doubt.expressions.get(expression.name) if expression is not None else None
        if cause is not None:
            return Verdict(Status.UNKNOWN, cause, undecided=("applies_when",))
        if applies is None:
            words = "whether the clause applies is not decided by the evidence"
            return Verdict(Status.UNKNOWN, Reason("scope_undecided", words), undecided=("applies_when",))
        if applies is False and (planned or "applies_when" in self.doubt.planned):
            return Verdict(Status.UNKNOWN, PLANNED, undecided=("applies_when",))
        if applies is False:
            return Verdict(Status.NA, Reason("out_of_scope", "the clause does not concern this subject"))
        return None

    def _advised(self, answers: tuple[Answer, ...]) -> tuple[str, ...]:
        start = len(answers) - len(self.columns.advice)
        return tuple(
            advice.name
            for advice, answer in zip(self.control.advice, answers[start:], strict=True)
            if answer is True
        )


def except_verdict(verdict: Verdict, exception_id: str) -> Verdict:
    """A fail that an exception covers. INVARIANT: only a fail is excepted, and it stays visible."""
    if verdict.status is not Status.FAIL:
        return verdict
    if verdict.undecided:
        # What is not known is not excepted with what is: the subject stays open.
        words = (
            f"exception {exception_id} covers what fails, but not decided is: {', '.join(verdict.undecided)}"
        )
        return Verdict(Status.UNKNOWN, Reason("undecided", words), verdict.failed, verdict.undecided)
    words = f"{verdict.reason.words}; covered by exception {exception_id}"
    return Verdict(Status.EXCEPTED, Reason("excepted", words), verdict.failed, verdict.undecided)


def undecided_words(control: CompiledControl, verdict: Verdict, observed: Mapping[str, Any]) -> str:
    """Names the columns that hold nothing, where that is why a verdict is open."""
    if verdict.reason.code not in ("undecided", "scope_undecided"):
        return verdict.reason.words
    names: list[str] = []
    for expression in (control.applies, *control.expectations):
        if expression is not None and expression.name in verdict.undecided:
            names += [n for n in expression.observes if observed.get(n) is None and n not in names]
    if not names:
        return verdict.reason.words
    return f"{verdict.reason.words} (nothing is known of {', '.join(names)})"
