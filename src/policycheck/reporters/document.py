"""The report as plain data: what every format shows, built once.

Goes in: an `Assessment`. Comes out: a dict that `report.schema.json` describes, sorted, JSON-safe. The
formats render this and count nothing themselves, so they cannot disagree. Never reads a clock or a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from policycheck.errors import Fault
from policycheck.model import PRECEDENCE, Control, Interpretation, ParameterChoice, Reason, Severity, Status
from policycheck.outcomes import (
    Assessment,
    ControlResult,
    ExceptionResult,
    Finding,
    PopulationResult,
    SourceResult,
    Suspicion,
)
from policycheck.showing import counted, json_value
from policycheck.source import Place

SCHEMA_VERSION = "1"
TOOL_NAME = "policycheck"
TOOL_VERSION = "0.1.0"  # a test holds it equal to pyproject.toml; metadata would cost start-up time

# An exception in one of these states is somebody's to-do; `in_force` joins them when it carries a warning.
QUIET_EXCEPTION_STATES = frozenset({"in_force"})
_DIGITS = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sorts `DP-3.7` before `DP-3.10`."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in _DIGITS.split(name))


def report_document(assessment: Assessment) -> dict[str, Any]:
    """Shape: as `report.schema.json` says. Units: ages in days, sizes in bytes, instants UTC."""
    results = sorted(assessment.controls, key=lambda result: natural_key(result.control.id))
    pack = assessment.pack
    gate = assessment.gate
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": TOOL_NAME, "version": TOOL_VERSION},
        "pack": {"name": pack.name, "version": pack.version, "title": pack.title, "digest": pack.digest},
        "profile": assessment.profile.name,
        "organisation": assessment.organisation,
        "as_of": json_value(assessment.as_of),
        "manifest_digest": assessment.manifest_digest,
        "only": sorted(assessment.only, key=natural_key),
        "compared_profiles": sorted(assessment.compared_profiles),
        "gate": {
            "open": gate.open,
            "exit_code": gate.exit_code,
            "fail_on": str(gate.fail_on),
            "words": gate.words,
        },
        "summary": _summary(results),
        "controls": [
            _control(result, pack.root, assessment.finding_limit) | _suspicion(result, assessment.suspicion)
            for result in results
        ],
        "evidence": [_source(result) for result in sorted(assessment.sources, key=_source_key)],
        "exceptions": [
            _exception(result)
            for result in sorted(assessment.exceptions, key=lambda item: (item.id, item.place or Place("")))
        ],
        "interpretations": [
            _memo(memo) for memo in sorted(assessment.interpretations, key=lambda memo: natural_key(memo.id))
        ],
        "parameters": [
            _parameter(choice) for choice in sorted(assessment.parameters, key=lambda choice: choice.name)
        ],
        "faults": faults_document(assessment.faults),
        "document": _document(assessment.suspicion),
    }


def differing(count: int) -> str:
    """How many verdicts differ, for people."""
    return f"{counted(count, 'verdict')} {'differs' if count == 1 else 'differ'}"


def faults_document(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Faults sorted by place, code and words."""
    ordered = sorted(faults, key=lambda fault: (fault.place, fault.code, fault.message))
    return [
        {
            "code": fault.code,
            "message": fault.message,
            "location": {"path": fault.place.path, "line": fault.place.line, "column": fault.place.column},
            "help": fault.help,
        }
        for fault in ordered
    ]


def _summary(results: list[ControlResult]) -> dict[str, Any]:
    """Counts of controls and of subjects. A roll-up has no subjects of its own, so it adds none."""
    subjects = dict.fromkeys((str(status) for status in PRECEDENCE), 0)
    controls = dict(subjects)
    by_severity = {str(severity): dict(controls) for severity in Severity}
    for result in results:
        controls[str(result.status)] += 1
        by_severity[str(result.control.severity)][str(result.status)] += 1
        if not result.control.all_of:
            for status, count in result.counts.items():
                subjects[str(status)] += count
    return {"controls": controls, "subjects": subjects, "by_severity": by_severity}


def _control(result: ControlResult, root: str, finding_limit: int) -> dict[str, Any]:
    control = result.control
    return {
        "id": control.id,
        "title": control.title,
        "clauses": list(control.clauses),
        "severity": str(control.severity),
        "tags": list(control.tags),
        "status": str(result.status),
        "reason": _reason(result.reason),
        "counts": {str(status): result.counts.get(status, 0) for status in PRECEDENCE},
        "findings_total": result.findings_total,
        "findings_limit": finding_limit,
        "findings": [_finding(finding) for finding in sorted(result.findings, key=_finding_key)],
        "advisories": [
            {
                "name": advisory.name,
                "message": advisory.message,
                "count": advisory.count,
                "subjects": list(advisory.subjects),
            }
            for advisory in sorted(result.advisories, key=lambda item: (item.name, item.message))
        ],
        "gaps_in_evidence": [
            _reason(reason)
            for reason in sorted(set(result.gaps_in_evidence), key=lambda item: (item.code, item.words))
        ],
        "root_causes": sorted(result.root_causes, key=natural_key),
        "parameters": json_value(dict(result.parameters)),
        **_question(control),
        "query": result.query,
        "tables": sorted(result.tables),
        "population": _population(result.population),
        "other_profiles": {
            change.profile: {"status": str(change.status), "changed": change.changed}
            for change in sorted(result.other_profiles, key=lambda item: item.profile)
        },
        "rationale": control.rationale,
        "remediation": control.remediation,
        "references": [
            {"framework": reference.framework, "id": reference.id, "verified": reference.verified}
            for reference in control.references
        ],
        # INVARIANT: a report does not depend on where the pack stands.
        "location": {"path": control.place.path.removeprefix(f"{root}/"), "line": control.place.line},
    }


def _population(found: PopulationResult | None) -> dict[str, Any] | None:
    """How much of an independent inventory the evidence knows, where the control names one."""
    if found is None:
        return None
    return {"inventory": found.inventory, "expected": found.expected, "found": found.found}


def _document(suspicion: Suspicion | None) -> dict[str, Any]:
    """The policy document that was laid beside the controls; without one nobody knows of a change."""
    return {
        "compared": suspicion is not None,
        "digest": suspicion.document_digest if suspicion else None,
        "suspects": sorted(suspicion.controls, key=natural_key) if suspicion else None,
    }


def _suspicion(result: ControlResult, suspicion: Suspicion | None) -> dict[str, Any]:
    units = suspicion.controls.get(result.control.id, ()) if suspicion else ()
    return {"suspect": bool(units) if suspicion else None, "changed_units": list(units)}


def _question(control: Control) -> dict[str, Any]:
    """What the control asks, as its author wrote it."""
    return {
        "subject": control.subject,
        "applies_when": control.applies_when.text if control.applies_when else None,
        "expectations": {name: control.expect[name].text for name in control.expect},
        "all_of": list(control.all_of),
        "requires": sorted(control.requires, key=natural_key),
    }


def _finding_key(finding: Finding) -> tuple[Any, ...]:
    place = finding.place or Place("")
    return (PRECEDENCE.index(finding.status), finding.subject, place, finding.reason.code, finding.message)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "subject": finding.subject,
        "status": str(finding.status),
        "reason": _reason(finding.reason),
        "failed": list(finding.failed),
        "undecided": list(finding.undecided),
        "message": finding.message,
        "observed": json_value(dict(finding.observed)),
        "location": _location(finding.place),
        "exception": finding.exception,
    }


def _reason(reason: Reason) -> dict[str, str]:
    return {"code": reason.code, "words": reason.words}


def _location(place: Place | None) -> dict[str, Any] | None:
    if place is None or not place.path:
        return None
    return {"path": place.path, "line": place.line}


def _source_key(result: SourceResult) -> tuple[str, str, str, Place]:
    source = result.source
    return (source.evidence_id, source.path, source.table, source.place)


def _source(result: SourceResult) -> dict[str, Any]:
    source = result.source
    return {
        "evidence_id": source.evidence_id,
        "table": source.table,
        "path": source.path,
        "state": result.state,
        "reason": source.reason,
        "digest": source.digest,
        "declared_digest": source.file_sha256,
        "rows": source.rows,
        "declared_rows": source.row_count,
        "collected_at": json_value(source.collected_at),
        "age_days": result.age_days,
        "max_age_days": result.max_age_days,
        "source_system": source.source_system,
        "collector": source.collector,
        "collector_version": source.collector_version,
        "evidence_kind": str(source.evidence_kind),
        "population_complete": source.population_complete,
        "files": [
            {
                "path": file.path,
                "digest": file.digest,
                "size_bytes": file.size_bytes,
                "rows": max(file.rows, 0),
            }
            for file in sorted(source.files, key=lambda item: item.path)
        ],
        "location": _location(source.place),
    }


def _exception(result: ExceptionResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "state": result.state,
        "reason": _reason(result.reason),
        "needs_attention": result.state not in QUIET_EXCEPTION_STATES or bool(result.warnings),
        "clauses": list(result.clauses),
        "subjects": list(result.subjects),
        "valid_from": json_value(result.valid_from),
        "valid_to": json_value(result.valid_to),
        "days_left": result.days_left,
        "review_due": json_value(result.review_due),
        "used_for": [
            {"control": control, "subject": subject}
            for control, subject in sorted(
                set(result.used_for), key=lambda use: (natural_key(use[0]), use[1])
            )
        ],
        "warnings": list(result.warnings),
        "checks": _checks(result.checks),
        "location": _location(result.place),
    }


def _checks(checks: Mapping[str, Status]) -> dict[str, str]:
    return {control: str(checks[control]) for control in sorted(checks, key=natural_key)}


def _memo(memo: Interpretation) -> dict[str, Any]:
    return {
        "id": memo.id,
        "title": memo.title,
        "clauses": list(memo.clauses),
        "question": memo.question,
        "reading": memo.reading,
        "approved": memo.approved,
        "approved_by": memo.approved_by,
        "approved_at": json_value(memo.approved_at),
    }


def _parameter(choice: ParameterChoice) -> dict[str, Any]:
    value, default = json_value(choice.value), json_value(choice.default)
    return {
        "name": choice.name,
        "value": value,
        "default": default,
        "is_default": value == default and type(value) is type(default),
        "unit": choice.unit,
        "bound": choice.bound,
        "within_bound": choice.within_bound,
        "memo": choice.memo,
    }
