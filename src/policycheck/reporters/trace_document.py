"""The trace as plain data: what every format of it shows, built once.

Goes in: a `Trace`. Comes out: a dict that `trace.schema.json` describes, JSON-safe, in the order of the
document. The text of a sentence is in it only where a document was given. Never reads a clock or a file.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from policycheck.coverage import Match, Trace, UnitState
from policycheck.model import PRECEDENCE, Clause, ClauseClass, Control
from policycheck.reporters.document import TOOL_NAME, TOOL_VERSION, faults_document
from policycheck.showing import json_value

SCHEMA_VERSION = "1"


def trace_document(trace: Trace) -> dict[str, Any]:
    """Shape: as `trace.schema.json` says. `status` and `suspect` are null where nobody looked."""
    pack, register, suspicion = trace.pack, trace.register, trace.suspicion
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": TOOL_NAME, "version": TOOL_VERSION},
        "whole": trace.whole,
        "pack": {"name": pack.name, "version": pack.version, "title": pack.title, "digest": pack.digest},
        "document": {
            "title": register.title,
            "compared": suspicion is not None,
            "digest": suspicion.document_digest if suspicion else None,
            "ends_early": trace.ends_early,
        },
        "verdicts": _verdicts(trace),
        "summary": _summary(trace),
        "sections": dict(register.sections),
        "units": [_unit(match) for match in trace.matches],
        "clauses": [_clause(clause, trace) for clause in register.clauses.values()],
        "controls": [_control(control, trace) for control in pack.controls.values()],
        "gaps": faults_document(pack.gaps),
    }


def _verdicts(trace: Trace) -> dict[str, Any] | None:
    run = trace.assessment
    if run is None:
        return None
    return {
        "organisation": run.organisation,
        "profile": run.profile.name,
        "as_of": json_value(run.as_of),
        "manifest_digest": run.manifest_digest,
    }


def _summary(trace: Trace) -> dict[str, Any]:
    """Counts. A sentence is any unit but a heading, and in its place where the register says the same."""
    sentences = [match for match in trace.matches if not (match.unit and match.unit.heading)]
    clauses = trace.register.clauses.values()
    bound = [clause.id for clause in clauses if clause.kind.needs_control]
    run = trace.assessment
    statuses = Counter(result.status for result in run.controls) if run else None
    apart = trace.register.not_in_document
    return {
        "units": len(trace.matches),
        "headings": len(trace.matches) - len(sentences),
        "sentences": len(sentences),
        "placed": sum(match.state.settled for match in sentences),
        "states": {state.value: sum(m.state is state for m in trace.matches) for state in UnitState},
        "clauses": {kind.value: sum(clause.kind is kind for clause in clauses) for kind in ClauseClass},
        "clauses_total": len(trace.register.clauses),
        "bound_clauses": len(bound),
        "checked_clauses": sum(name in trace.covered for name in bound),
        "controls": len(trace.pack.controls),
        "apart": {
            section: sum(control.section == section for control in trace.pack.controls.values())
            for section in apart
        },
        "statuses": {s.value: statuses[s] for s in PRECEDENCE} if statuses is not None else None,
        "suspects": len(trace.suspicion.controls) if trace.suspicion else None,
    }


def _unit(match: Match) -> dict[str, Any]:
    unit, sentence = match.unit, match.sentence
    return {
        "unit": unit.id if unit else None,
        "stands_at": sentence.id if sentence else None,
        "state": match.state.value,
        "heading": bool(unit and unit.heading),
        "text": sentence.text if sentence else None,
        "fingerprint": sentence.fingerprint if sentence else None,
        "registered": unit.fingerprint if unit else None,
        "clauses": list(unit.clauses) if unit else [],
    }


def _clause(clause: Clause, trace: Trace) -> dict[str, Any]:
    return {
        "id": clause.id,
        "section": clause.section,
        "class": clause.kind.value,
        "title": clause.title,
        "applies": clause.applies,
        "units": list(clause.units),
        "controls": list(trace.covered.get(clause.id, ())),
        "without_control": clause.without_control,
    }


def _control(control: Control, trace: Trace) -> dict[str, Any]:
    results = trace.assessment.controls if trace.assessment else ()
    result = next((result for result in results if result.control.id == control.id), None)
    units = trace.suspicion.controls.get(control.id, ()) if trace.suspicion else None
    return {
        "id": control.id,
        "title": control.title,
        "severity": control.severity.value,
        "clauses": list(control.clauses),
        "all_of": list(control.all_of),
        "status": result.status.value if result else None,
        "reason": {"code": result.reason.code, "words": result.reason.words} if result else None,
        "suspect": None if units is None else bool(units),
        "changed_units": list(units or ()),
        "location": {"path": control.place.path, "line": control.place.line},
    }
