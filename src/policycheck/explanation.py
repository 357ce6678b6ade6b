"""How one verdict came about: from the clause over parameters and evidence to the answer of each expression.

Goes in: a compiled pack, evidence, a loaded session, the name of a control and of a subject. Comes out:
data for a reader who wants to check the verdict by hand. Uses the same pieces as the assessment, so that
the two cannot differ; a subject that passes can be explained too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from policycheck.assessment import assess, show
from policycheck.compiled import CompiledPack
from policycheck.engines import Answer, Judgement, Row, Session
from policycheck.errors import Fault, InputError, nearest
from policycheck.graph import closure
from policycheck.model import (
    CompiledControl,
    CompiledExpression,
    Control,
    Evidence,
    Parameter,
    Source,
    Status,
)
from policycheck.outcomes import Assessment, ControlResult, SourceResult
from policycheck.populations import NOT_SEEN
from policycheck.showing import filled_message
from policycheck.source import Place
from policycheck.trust import Doubt, Trust
from policycheck.verdicts import Decider, Verdict, columns_of

MAX_CANDIDATES = 10_000


class ParameterUse(Struct, frozen=True):
    """A parameter as the control uses it, with its declaration and the memo this run rests on."""

    parameter: Parameter
    value: Any
    within_bound: bool
    memo: str | None


class ControlExplanation(Struct, frozen=True):
    """A control, what it rests on, and its result. `compiled` is None for a roll-up."""

    control: Control
    compiled: CompiledControl | None
    result: ControlResult
    parameters: tuple[ParameterUse, ...]
    sources: tuple[SourceResult, ...]
    members: tuple[ControlResult, ...]
    assessment: Assessment


class ExpressionAnswer(Struct, frozen=True):
    """One expression over one subject. `answer` is the engine's; `doubt` is why it does not count.

    `observed` are the columns of the subject that the expression looks at, `empty` those that hold nothing.
    """

    expression: CompiledExpression
    text: str
    answer: Answer
    doubt: str
    observed: Mapping[str, Any]
    empty: tuple[str, ...]
    message: str = ""


class SubjectExplanation(Struct, frozen=True):
    """One subject of one control, with the answer to each expression."""

    subject: str
    place: Place | None
    source: Source | None
    file_digest: str
    scope: ExpressionAnswer | None
    expectations: tuple[ExpressionAnswer, ...]
    verdict: Verdict
    status: Status
    exception: str | None


def explain_control(
    compiled: CompiledPack, evidence: Evidence, session: Session, control_id: str
) -> ControlExplanation:
    """Judges one control and gathers what its result rests on. Raises InputError PC602 for an unknown id."""
    pack = compiled.pack
    control = pack.controls.get(control_id)
    if control is None:
        raise _unknown(f"the pack has no control `{control_id}`", nearest(control_id, pack.controls))
    assessment = assess(compiled, evidence, session, only=closure(pack, [control_id]), asked=[control_id])
    results = {result.control.id: result for result in assessment.controls}
    result = results[control_id]
    choices = {choice.name: choice for choice in compiled.resolved.choices}
    parameters = tuple(
        ParameterUse(pack.parameters[name], value, choices[name].within_bound, choices[name].memo)
        for name, value in sorted(result.parameters.items())
    )
    owners = {schema.parent or name for name, schema in pack.tables.items() if name in result.tables}
    return ControlExplanation(
        control=control,
        compiled=compiled.controls.get(control_id),
        result=result,
        parameters=parameters,
        sources=tuple(s for s in assessment.sources if s.source.table in owners),
        members=tuple(results[member] for member in control.all_of),
        assessment=assessment,
    )


def explain_subject(
    compiled: CompiledPack, evidence: Evidence, session: Session, explained: ControlExplanation, subject: str
) -> SubjectExplanation:
    """The answers for one subject, named by its key as reports show it. One that only the inventory of the
    control names has no answers.

    Raises InputError PC602 where the control has no such subject.
    """
    control = explained.compiled
    if control is None:
        raise _unknown(
            f"`{explained.control.id}` is made of other controls and has no subjects of its own",
            "explain one of " + ", ".join(explained.control.all_of),
        )
    asked = control.asked
    kept = control.population.checked if control.population is not None else ()
    judgement = session.judge(
        control.relation, control.base, control.key, [e.sql for e in asked], control.observed, kept
    )
    row, near = _find(judgement, len(asked), subject)
    if row is None:
        return _absent(explained.result, evidence, subject, near)
    doubt = Trust(compiled, evidence).doubt(control)
    start = 0 if control.applies is None else 1
    end = start + len(control.expectations)
    decider = Decider(control, columns_of(control, asked.index), doubt)
    verdict = decider.decide(row.answers, row.source, row.row)
    observed = dict(zip(control.observed, row.observed, strict=True))
    answers = [_answer(control, e, a, doubt, observed) for e, a in zip(asked, row.answers, strict=True)]
    source = evidence.sources[row.source] if 0 <= row.source < len(evidence.sources) else None
    data = evidence.tables.get(control.base)
    place = data.place(row.row) if data is not None else None
    exception = _exception(explained, subject)
    status = Status.EXCEPTED if exception and verdict.status is Status.FAIL else verdict.status
    return SubjectExplanation(
        subject=subject,
        place=place,
        source=source,
        file_digest=_file_digest(source, place),
        scope=answers[0] if start else None,
        expectations=tuple(_with_message(control, a, subject, observed) for a in answers[start:end]),
        verdict=verdict,
        status=status,
        exception=exception,
    )  # fmt: skip


def _find(judgement: Judgement, asked: int, subject: str) -> tuple[Row | None, list[str]]:
    """The subject of this name, and names that there are where it is none. Every row is looked at, so that a
    passing one is found too."""
    columns = tuple(range(asked))
    wanted = [(answers, source) for answers, source, _ in judgement.patterns(columns)]
    seen: list[str] = []
    for row in judgement.stream(columns, wanted):
        name = "/".join(show(value) for value in row.key)
        if name == subject:
            return row, []
        if len(seen) < MAX_CANDIDATES:
            seen.append(name)
    return None, seen


def _absent(
    result: ControlResult, evidence: Evidence, subject: str, near: Sequence[str]
) -> SubjectExplanation:
    """A subject that stands in the inventory alone. Raises InputError PC602 where it stands nowhere."""
    absent = {finding.subject: finding for finding in result.findings if finding.reason.code == NOT_SEEN}
    if subject not in absent:
        words = f"`{result.control.id}` has no subject `{subject}`"
        raise _unknown(words, nearest(subject, [*near, *absent]))
    finding = absent[subject]
    path = finding.place.path if finding.place is not None else None
    source = next((s for s in evidence.sources if path in [file.path for file in s.files]), None)
    return SubjectExplanation(
        subject=subject,
        place=finding.place,
        source=source,
        file_digest=_file_digest(source, finding.place),
        scope=None,
        expectations=(),
        verdict=Verdict(finding.status, finding.reason),
        status=finding.status,
        exception=None,
    )


def _answer(
    control: CompiledControl, expression: CompiledExpression, answer: Answer, doubt: Doubt,
    observed: Mapping[str, Any],
) -> ExpressionAnswer:  # fmt: skip
    reason = doubt.expressions.get(expression.name)
    words = reason.words if reason is not None else ""
    if not words and expression.name in doubt.planned:
        words = "the evidence is partly a plan, which can show a gap but not that a thing is so"
    written = control.control.expect.get(expression.name)
    if expression is control.applies:
        written = control.control.applies_when
    looked_at = {name: observed[name] for name in expression.observes if name in observed}
    return ExpressionAnswer(
        expression=expression,
        text=written.text if written is not None else expression.sql,
        answer=answer,
        doubt=words,
        observed=looked_at,
        empty=tuple(name for name, value in looked_at.items() if value is None) if answer is None else (),
    )


def _with_message(
    control: CompiledControl, answer: ExpressionAnswer, subject: str, observed: Mapping[str, Any]
) -> ExpressionAnswer:
    if answer.answer is not False:
        return answer
    values = {**control.parameters, **observed, "subject": subject}
    shown = {name: show(value) for name, value in values.items()}
    message = filled_message(control.control.otherwise[answer.expression.name], shown)
    return ExpressionAnswer(
        answer.expression, answer.text, answer.answer, answer.doubt, answer.observed, answer.empty, message
    )


def _file_digest(source: Source | None, place: Place | None) -> str:
    """The digest of the very file the row stands in; a source of several files has one for each."""
    if source is None or place is None:
        return ""
    return next((file.digest for file in source.files if file.path == place.path), source.digest)


def _exception(explained: ControlExplanation, subject: str) -> str | None:
    uses = explained.assessment.exceptions
    return next((e.id for e in uses if (explained.control.id, subject) in e.used_for), None)


def _unknown(message: str, help: str) -> InputError:
    return InputError([Fault("PC602", message, Place("explain"), help)])
