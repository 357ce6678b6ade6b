"""The trace as one HTML page: the policy document beside its clauses, controls and verdicts.

Goes in: a `Trace`. Comes out: UTF-8 HTML5 with its style inside, no script, nothing loaded from outside. The
document's text passes the same door as all other text. The page is read back before it is handed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from policycheck.coverage import Trace, UnitState
from policycheck.reporters.html import page_style, page_template, refuse_page
from policycheck.reporters.trace_document import trace_document
from policycheck.reporters.trace_text import clauses_words, sentences_words, unit_name
from policycheck.showing import visible

_TEMPLATE = "trace.html.j2"
# Only the template can write these attributes: a document never holds a bare `<` here.
_UNIT = re.compile(r'<section class="unit(?: heading)?" id="([^"]*)" data-state="([a-z]+)"')
_CHECK = re.compile(r'<li class="check" data-check="([^"]*)" data-status="([a-z]*)"')


def render(trace: Trace) -> bytes:
    """The HTML form. Raises EngineError (PC901) when the page does not say what the trace says."""
    data = trace_document(trace)
    clauses = {clause["id"]: clause for clause in data["clauses"]}
    units = [_shown(unit, clauses) for unit in data["units"]]
    style, style_hash = page_style("report.css", "trace.css")
    page = page_template(_TEMPLATE).render(
        trace=data,
        units=units,
        unsettled=[unit for unit in units if unit["unsettled"]],
        clauses=clauses,
        controls={control["id"]: control for control in data["controls"]},
        anchors={unit["unit"]: unit["anchor"] for unit in units if unit["unit"]},
        sentences_of={control["id"]: _sentences(control, clauses) for control in data["controls"]},
        sentences=sentences_words(data["summary"]),
        clauses_checked=clauses_words(data["summary"]),
        style=style,
        style_hash=style_hash,
    )
    _verify_page(page, units, data)
    return page.encode("utf-8")


def _shown(unit: Mapping[str, Any], clauses: Mapping[str, Any]) -> dict[str, Any]:
    """A unit with its anchor, its name, and the controls of all its clauses."""
    at = unit["stands_at"]
    return {
        **unit,
        "name": unit_name(unit),
        "anchor": f"at-{at}" if at else f"register-{unit['unit']}",
        "unsettled": not UnitState(unit["state"]).settled,
        "controls": list(dict.fromkeys(c for name in unit["clauses"] for c in clauses[name]["controls"])),
    }


def _sentences(control: Mapping[str, Any], clauses: Mapping[str, Any]) -> list[str]:
    """The units a control was written from, in the order of its clauses."""
    named = [clauses[name] for name in control["clauses"] if name in clauses]
    return list(dict.fromkeys(unit for clause in named for unit in clause["units"]))


def _verify_page(page: str, units: list[dict[str, Any]], data: Mapping[str, Any]) -> None:
    """INVARIANT: the page shows every unit once with its state, and each check with its verdict."""
    controls = {control["id"]: control for control in data["controls"]}
    clauses = {clause["id"]: clause for clause in data["clauses"]}
    meant = [(unit["anchor"], unit["state"]) for unit in units]
    checks = [
        (visible(control), controls[control]["status"] or "")
        for unit in units
        for name in unit["clauses"]
        for control in clauses[name]["controls"]
    ]
    written = [(unescape(name), status) for name, status in _CHECK.findall(page)]
    if _UNIT.findall(page) != meant or written != checks:
        raise refuse_page("the HTML trace does not show the units and verdicts of the trace", _TEMPLATE)
