"""Reads one control file: its checks, its exceptions, its examples.

Goes in: the fields of a control document. Comes out: a `Control` as written, and faults about what it
lacks or contradicts. Whether its columns and types exist is for the compiler.
"""

from __future__ import annotations

import re
from typing import Any

from policycheck.documents import Fields
from policycheck.errors import FaultList, nearest
from policycheck.model import (
    Advice,
    Control,
    Equivalent,
    Example,
    ExceptionPath,
    ExpressionText,
    Population,
    Reference,
    Severity,
    Status,
)

CONTROL_ID = re.compile(r"[A-Z]{2,5}(-[0-9]+(\.[0-9]+)*[a-z]?(-G)?)?")
CLAUSE_ID = re.compile(r"[A-Z]{2,5}-[0-9]+(\.[0-9]+)?[a-z]?(-[A-Z])?")


LONGEST_AGE_DAYS = 3660
# What YAML takes for the end of a line besides the line feed; such a file is read whole, and refused.
OTHER_LINE_ENDS = (b"\r", "\x85".encode(), "\u2028".encode(), "\u2029".encode())


def constant(value: Any) -> Any:
    """A value of a document as it stands in frozen data: lists as tuples."""
    return tuple(value) if isinstance(value, list) else value


def read_control(fields: Fields, faults: FaultList) -> Control:
    severity = fields.choice("severity", [s.value for s in Severity]) or Severity.HIGH.value
    expect = _expressions(fields, "expect")
    control = Control(
        id=fields.text("id"),
        title=fields.text("title"),
        clauses=fields.texts("clauses"),
        severity=Severity(severity),
        rationale=fields.text("rationale"),
        remediation=fields.text("remediation"),
        place=fields.place("id"),
        references=_references(fields),
        tags=fields.texts("tags", ()),
        clauses_place=fields.place("clauses"),
        subject=fields.text("subject", None) if fields.has("subject") else None,
        subject_place=fields.place("subject"),
        applies_when=_expression(fields, "applies_when"),
        expect=expect,
        otherwise=fields.text_entries("otherwise"),
        advise=_advice(fields),
        max_age_days=_ages(fields, faults),
        exceptions=_exception_path(fields),
        requires=fields.texts("requires", ()),
        all_of=fields.texts("all_of", ()),
        population=_population(fields),
        none_in_scope=Status(fields.choice("none_in_scope", ["na", "unknown"], "unknown") or "unknown"),
        na_when=_expression(fields, "na_when"),
        cannot=tuple(Status(s) for s in fields.texts("cannot", ()) if s in ("pass", "fail", "unknown")),
        equivalent=_equivalent(fields, faults),
    )
    because = fields.text("cannot_because", "")
    if control.cannot and not (because or "").strip():
        faults.add("PC308", "`cannot` gives no reason", fields.place("cannot"), "say why in `cannot_because`")
    _check_control(control, fields, faults)
    return control


def _check_control(control: Control, fields: Fields, faults: FaultList) -> None:
    if not CONTROL_ID.fullmatch(control.id):
        faults.add("PC304", f"`{control.id}` is not a control id", fields.place("id"), "ids look like DP-3.7")
    for clause in control.clauses:
        if not CLAUSE_ID.fullmatch(clause):
            faults.add(
                "PC304", f"`{clause}` is not a clause id", fields.place("clauses"), "ids look like DP-3.7"
            )
    if not control.clauses:
        faults.add("PC308", "a control checks at least one clause", fields.place("clauses"))
    if control.all_of and control.population is not None:
        faults.add(
            "PC308",
            "a roll-up has no `population`: its members have subjects, it has none",
            fields.place("population"),
            "state it in the member that it is about",
        )
    if control.all_of and (control.subject or control.expect):
        faults.add(
            "PC308",
            "a roll-up (`all_of`) has no `subject` and no `expect`",
            fields.place("all_of"),
            "keep one of the two forms",
        )
    elif not control.all_of and not (control.subject and control.expect):
        faults.add(
            "PC308",
            "a control has a `subject` and at least one `expect`, or `all_of`",
            control.place,
            "a control that expects nothing would pass by absence",
        )
    if control.all_of and control.equivalent:
        words = "a roll-up has no expressions, and so no mutants to mark"
        faults.add("PC308", words, fields.place("equivalent"), "mark them in its members")
    for name in control.expect:
        if name not in control.otherwise:
            faults.add(
                "PC308",
                f"expectation `{name}` has no message",
                fields.place("expect"),
                f"add `otherwise: {{{name}: ...}}`",
            )
    for name in control.otherwise:
        if name not in control.expect:
            faults.add(
                "PC308",
                f"`otherwise` names `{name}`, which is no expectation",
                fields.place("otherwise"),
                nearest(name, control.expect),
            )
    if control.exceptions.allowed and not (control.exceptions.rules and control.exceptions.covers):
        faults.add(
            "PC308",
            "an allowed exception needs `rules` and `covers`",
            fields.place("exceptions"),
            "an exception without rules could not be judged",
        )


def _expression(fields: Fields, name: str) -> ExpressionText | None:
    if not fields.has(name):
        return None
    return ExpressionText(fields.text(name), fields.text_place(name))


def _expressions(fields: Fields, name: str) -> dict[str, ExpressionText]:
    inner = fields.fields(name, f"`{name}`", None)
    if inner is None:
        return {}
    found = {key: ExpressionText(inner.text(key), inner.text_place(key)) for key in inner.names}
    inner.close()
    return found


def _equivalent(fields: Fields, faults: FaultList) -> tuple[Equivalent, ...]:
    found: list[Equivalent] = []
    for entry in fields.each("equivalent", "an equivalent mutant"):
        mark = Equivalent(entry.text("mutant"), entry.text("why"), entry.place("mutant"))
        if mark.mutant in {other.mutant for other in found}:
            faults.add("PC308", f"`{mark.mutant}` is marked twice", mark.place)
        found.append(mark)
        entry.close()
    return tuple(found)


def _references(fields: Fields) -> tuple[Reference, ...]:
    found = []
    for entry in fields.each("references", "a reference"):
        found.append(Reference(entry.text("framework"), entry.text("id"), entry.boolean("verified", True)))
        entry.close()
    return tuple(found)


def _advice(fields: Fields) -> tuple[Advice, ...]:
    found = []
    for name, entry in fields.entries("advise", "an advice"):
        found.append(
            Advice(name, ExpressionText(entry.text("when"), entry.text_place("when")), entry.text("say"))
        )
        entry.close()
    return tuple(found)


def _ages(fields: Fields, faults: FaultList) -> dict[str, int]:
    inner = fields.fields("max_age_days", "`max_age_days`", None)
    if inner is None:
        return {}
    ages = {table: inner.integer(table, minimum=0, maximum=LONGEST_AGE_DAYS) for table in inner.names}
    inner.close()
    return ages


def _exception_path(fields: Fields) -> ExceptionPath:
    inner = fields.fields("exceptions", "`exceptions`", None)
    if inner is None:
        return ExceptionPath()
    path = ExceptionPath(inner.boolean("allowed"), inner.texts("rules", ()), inner.text("covers", ""))
    inner.close()
    return path


def _population(fields: Fields) -> Population | None:
    inner = fields.fields("population", "`population`", None)
    if inner is None:
        return None
    key = inner.text("key")
    found = Population(
        inventory=inner.text("inventory"),
        key=key,
        inventory_key=inner.text("inventory_key", key),
        where=_expression(inner, "where"),
        place=inner.place("inventory"),
    )
    inner.close()
    return found


def read_examples(fields: Fields, faults: FaultList) -> tuple[Example, ...]:
    found = []
    for entry in fields.each("examples", "an example"):
        given = entry.raw("given", {})
        if not isinstance(given, dict):
            faults.add("PC303", "`given` maps tables to rows", entry.place("given"))
            given = {}
        overrides = entry.raw("parameters", {})
        found.append(
            Example(
                name=entry.text("name"),
                given=given,
                expect=Status(entry.choice("expect", [s.value for s in Status]) or "unknown"),
                place=entry.place(),
                failed=entry.texts("failed") if entry.has("failed") else None,
                advisories=entry.texts("advisories") if entry.has("advisories") else None,
                profile=entry.text("profile", None) if entry.has("profile") else None,
                parameters={k: constant(v) for k, v in overrides.items()}
                if isinstance(overrides, dict)
                else {},
                as_of=entry.text("as_of", None) if entry.has("as_of") else None,
            )
        )
        entry.close()
    return tuple(found)


def without_examples(data: bytes) -> bytes:
    """The control without its trailing examples: they are half of a file and no verdict needs them.

    Only a top-level `examples:` key that is the last one of the file is cut; anything else is read.
    """
    start = data.find(b"\nexamples:")
    if start < 0 or any(mark in data for mark in OTHER_LINE_ENDS):
        return data
    rest = data[start + 1 :]
    last = not re.search(rb"\n[^ #\r\n-]", rest)
    return data[: start + 1] if last else data
