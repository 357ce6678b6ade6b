"""`policycheck explain`: how the verdict of a control, or of one of its subjects, came about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from policycheck.cli.answering import judged
from policycheck.cli.options import input_options
from policycheck.cli.run import Inputs, Run, read
from policycheck.cli.screen import print_lines
from policycheck.showing import counted, json_value, location_text, one_line, value_text

if TYPE_CHECKING:
    from policycheck.explanation import (
        ControlExplanation,
        ExpressionAnswer,
        ParameterUse,
        SubjectExplanation,
    )
    from policycheck.model import ClauseRegister
    from policycheck.outcomes import SourceResult
    from policycheck.source import Place

FINDINGS = 10
ANSWERS = {True: "true", False: "false", None: "unknown"}
WIDTH = 100


@click.command()
@click.argument("control")
@click.argument("subject", required=False)
@input_options
def explain(*, control: str, subject: str | None, inputs: Inputs) -> None:
    """Show how the verdict of CONTROL came about, or that of one SUBJECT.

    From the clause over parameters and evidence (path, line, digest) to what was compared, and the query
    that answers the same question by hand. SUBJECT is the key as reports show it, parts joined by `/`;
    a subject that passes can be explained too.

    \b
    policycheck explain DP-3.7
    policycheck explain DP-3.7 prot-usb-01
    policycheck explain RT-1.2 rec-001 --as-of manifest

    The exit code is 0 where there is an explanation, whatever the verdict, and 2 where there is none.
    """
    from policycheck.explanation import explain_control, explain_subject

    def work(run: Run) -> list[str]:
        explained = explain_control(run.compiled, run.evidence, run.session, control)
        if subject is None:
            middle = _control(explained)
        else:
            found = explain_subject(run.compiled, run.evidence, run.session, explained, subject)
            middle = _subject(found, explained)
        return [*_head(explained), *middle, *_query(explained)]

    print_lines(judged(read(inputs), work))


def _head(explained: ControlExplanation) -> Iterator[str]:
    control, result = explained.control, explained.result
    yield from _wrap(f"{control.id}  {one_line(control.title)}", "")
    yield from _wrap(f"clauses   {_clauses(control.clauses, explained.assessment.pack.register)}", "  ")
    tags = f"; tags {', '.join(control.tags)}" if control.tags else ""
    yield f"  severity  {control.severity.value}{tags}"
    yield from _wrap(f"status    {result.status.value}: {result.reason.words} [{result.reason.code}]", "  ")
    yield from _wrap(f"why       {one_line(control.rationale)}", "  ")
    if result.root_causes:
        yield f"  fix first {', '.join(result.root_causes)}"
    if explained.parameters:
        yield from _heading("Parameters")
    for use in explained.parameters:
        yield from _parameter(use)
    if explained.sources:
        yield from _heading("Evidence")
    for source in explained.sources:
        yield from _source(source)
    for reason in explained.result.gaps_in_evidence:
        yield from _wrap(f"not to be relied on: {reason.words} [{reason.code}]", "  ")


def _clauses(names: tuple[str, ...], register: ClauseRegister | None) -> str:
    """The clauses, each with the sentences of the policy document that state it."""
    known = register.clauses if register is not None else {}
    return ", ".join(f"{name} ({', '.join(known[name].units)})" if name in known else name for name in names)


def _parameter(use: ParameterUse) -> Iterator[str]:
    parameter = use.parameter
    unit = f" {parameter.unit}" if parameter.unit else ""
    yield from _wrap(f"{parameter.name} = {_value(use.value)}{unit}", "  ")
    bound = f"bound: {parameter.bound}; default {_value(parameter.value)}"
    yield from _wrap(bound + ("" if use.within_bound else "; OUTSIDE its bound"), "      ")
    if use.memo:
        yield f"      rests on memo {use.memo}"


def _source(result: SourceResult) -> Iterator[str]:
    source = result.source
    yield from _wrap(f"{source.table}: {source.path}", "  ")
    age = "age unknown" if result.age_days is None else counted(result.age_days, "day") + " old"
    limit = "" if result.max_age_days is None else f", {result.max_age_days} allowed"
    facts = [source.evidence_id, source.evidence_kind.value, counted(source.rows, "row"), f"{age}{limit}"]
    yield from _wrap("; ".join(facts), "      ")
    yield f"      sha256 {source.digest or '(not read)'}"
    if result.state != "ok":
        yield from _wrap(f"{result.state}: {source.reason}".rstrip(": "), "      ")


def _control(explained: ControlExplanation) -> Iterator[str]:
    """What is asked of every subject, how many answers there are, and the first gaps."""
    control, result = explained.control, explained.result
    if explained.members:
        yield from _heading("Made of")
        for member in explained.members:
            yield from _wrap(f"{member.control.id}  {member.status.value}: {member.reason.words}", "  ")
        return
    yield from _heading(f"Asked of every row of `{control.subject}`")
    if control.applies_when is not None:
        yield from _expression("applies_when", control.applies_when.text)
    for name, text in control.expect.items():
        yield from _expression(name, text.text)
    counts = ", ".join(f"{count} {status.value}" for status, count in result.counts.items())
    yield f"  subjects: {counts}"
    if control.exceptions.allowed:
        rules = ", ".join(control.exceptions.rules)
        yield f"  exceptions: allowed by `{control.exceptions.covers}`, judged by {rules}"
    else:
        yield "  exceptions: none allowed"
    if result.findings_total:
        shown = result.findings[:FINDINGS]
        yield from _heading(f"Gaps ({len(shown)} of {result.findings_total})")
        for finding in shown:
            yield from _wrap(f"{finding.status.value}: {finding.subject}: {finding.message}", "  - ", "    ")
            yield from _wrap(f"at {_place(finding.place)}", "    ")
        example = f"policycheck explain {control.id} '{result.findings[0].subject}'"
        yield from _wrap(f"one of them: {example}", "  ")
    for advisory in result.advisories:
        yield from _wrap(f"advisory {advisory.name}: {advisory.message} ({advisory.count})", "  ")
    yield from _wrap(f"remediation: {one_line(control.remediation)}", "  ")


def _subject(subject: SubjectExplanation, explained: ControlExplanation) -> Iterator[str]:
    yield from _heading(f"Subject {subject.subject}")
    yield from _wrap(f"stands at {_place(subject.place)}", "  ")
    if subject.source is not None:
        collected = subject.source.collected_at
        moment = f", collected at {json_value(collected)}" if collected else ""
        yield f"  sha256 {subject.file_digest}"
        yield from _wrap(f"source {subject.source.evidence_id}{moment}", "  ")
    if subject.scope is not None:
        yield from _answer("applies_when", subject.scope)
    for answer in subject.expectations:
        yield from _answer(answer.expression.name, answer)
    yield ""
    verdict = subject.verdict
    yield from _wrap(f"verdict: {subject.status.value}: {verdict.reason.words} [{verdict.reason.code}]", "")
    if subject.exception:
        yield f"  a fail that exception {subject.exception} covers"
    for name in verdict.advised:
        yield f"  with the advisory {name}"
    if explained.result.reason.code == "guard":
        result = explained.result
        yield from _wrap(f"but the control is {result.status.value}: {result.reason.words}", "  ")


def _answer(name: str, answer: ExpressionAnswer) -> Iterator[str]:
    yield from _expression(name, answer.text)
    if answer.expression.sql.split() != answer.text.split():
        yield from _expression("with parameters", answer.expression.sql, "      ")
    for column, value in answer.observed.items():
        yield from _wrap(f"{column} = {'(nothing)' if value is None else _value(value)}", "      ")
    yield f"      answer: {ANSWERS[answer.answer]}"
    if answer.empty:
        yield from _wrap(f"left open by: {', '.join(answer.empty)}", "      ")
    if answer.doubt:
        yield from _wrap(f"not to be relied on: {answer.doubt}", "      ")
    if answer.message:
        yield from _wrap(answer.message, "      ")


def _query(explained: ControlExplanation) -> Iterator[str]:
    if explained.result.query:
        yield from _heading("Query")
        yield from explained.result.query.splitlines()


# --- layout ---


def _heading(words: str) -> Iterator[str]:
    yield from ("", words, "-" * len(words))


def _expression(name: str, text: str, indent: str = "  ") -> Iterator[str]:
    lines = textwrap.dedent(text).strip().splitlines()
    yield f"{indent}{name}: {lines[0]}"
    yield from (f"{indent}    {line}" for line in lines[1:])


def _wrap(text: str, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=first + "  " if rest is None else rest,
        break_long_words=False, break_on_hyphens=False,
    ) or [first]  # fmt: skip


def _value(value: Any) -> str:
    return value_text(json_value(value))


def _place(place: Place | None) -> str:
    return location_text({"path": place.path, "line": place.line}) if place is not None else "no single row"
