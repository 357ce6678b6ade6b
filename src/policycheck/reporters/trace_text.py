"""The trace as plain text, for a terminal and a CI log.

Goes in: a `Trace`. Comes out: UTF-8 in 80 columns, without colour: the counts, what is to be reviewed, then
the document sentence by sentence with clauses, controls and verdicts, and one closing line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from policycheck.coverage import Trace
from policycheck.reporters.lines import heading, short_digest, wrapped
from policycheck.reporters.trace_document import trace_document
from policycheck.showing import counted, location_text, one_line

_COLUMNS = 80
_LABEL = 11
_STATES = {
    "changed": "is not the registered sentence",
    "moved": "stands in another place",
    "new": "is not in the register",
    "vanished": "is in the register and not in the document",
}
_lines = partial(wrapped, columns=_COLUMNS, limit=4000)


def render(trace: Trace) -> bytes:
    """The text form, ending with one line feed."""
    data = trace_document(trace)
    controls = {control["id"]: control for control in data["controls"]}
    clauses = {clause["id"]: clause for clause in data["clauses"]}
    lines = [*_headline(data), *_review(data, clauses)]
    lines += heading("Sentence by sentence")
    for unit in data["units"]:
        lines += _unit(unit, clauses, controls)
    lines += ["", _closing(data)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _headline(data: Mapping[str, Any]) -> Iterator[str]:
    tool, pack, document, summary = data["tool"], data["pack"], data["document"], data["summary"]
    yield f"{tool['name']} {tool['version']}: trace {'whole' if data['whole'] else 'NOT WHOLE'}"
    yield ""
    yield from _fact("document", document["title"])
    if document["compared"]:
        yield from _fact("", f"compared, sha256 {short_digest(document['digest'])}")
    else:
        yield from _fact("", "not compared: name a copy with --document")
    yield from _fact("pack", f"{pack['name']} {pack['version']}, digest {short_digest(pack['digest'])}")
    yield from _fact("sentences", f"{sentences_words(summary)}, {counted(summary['headings'], 'heading')}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary["clauses"].items() if count)
    yield from _fact("clauses", f"{summary['clauses_total']}: {kinds}")
    yield from _fact("checked", clauses_words(summary))
    apart = "".join(f", {count} of them {section}" for section, count in summary["apart"].items())
    suspects = f", {summary['suspects']} suspect" if summary["suspects"] else ""
    yield from _fact("controls", f"{summary['controls']}{apart}{suspects}")
    if (run := data["verdicts"]) is not None:
        counts = ", ".join(f"{count} {status}" for status, count in summary["statuses"].items())
        yield from _fact("verdicts", counts)
        yield from _fact("", f"of {run['organisation']}, profile {run['profile']}, as of {run['as_of']}")


def sentences_words(summary: Mapping[str, Any]) -> str:
    """How many sentences and table rows have their place."""
    return f"{summary['placed']} of {counted(summary['sentences'], 'sentence')} and table rows in place"


def clauses_words(summary: Mapping[str, Any]) -> str:
    """How many of the clauses that need a control have one."""
    return f"{summary['checked_clauses']} of {summary['bound_clauses']} normative and guarded clauses"


def _fact(name: str, value: str) -> list[str]:
    return _lines(value, f"{name:<{_LABEL}}")


def _review(data: Mapping[str, Any], clauses: Mapping[str, Any]) -> list[str]:
    """What has to be put right: units, then clauses."""
    units = [unit for unit in data["units"] if unit["state"] in _STATES]
    if not units and not data["gaps"]:
        return []
    lines = heading(f"To review ({len(units) + len(data['gaps'])})")
    for unit in units:
        lines += _lines(f"{unit_name(unit)} {_STATES[unit['state']]}", f"{unit['state']:<{_LABEL}}")
        if unit["text"] is not None:
            lines += _lines(unit["text"], " " * _LABEL)
        if unit["fingerprint"] and unit["state"] != "moved":
            lines += _lines(f"fingerprint {unit['fingerprint']}", " " * _LABEL)
        if suspects := [c for name in unit["clauses"] for c in clauses[name]["controls"]]:
            lines += _lines(f"suspect: {', '.join(dict.fromkeys(suspects))}", " " * _LABEL)
    if data["document"]["ends_early"]:
        lines += _lines("The document ends before the register does. Make sure that the copy is whole.", "")
    for fault in data["gaps"]:
        lines += _lines(f"{fault['message']} [{fault['code']}]", f"{'clause':<{_LABEL}}")
        lines += _lines(f"at {location_text(fault['location'])}", " " * _LABEL)
        lines += _lines(f"help: {fault['help']}", " " * _LABEL)
    return lines


def unit_name(unit: Mapping[str, Any]) -> str:
    """The unit's id in the register, and where it stands in the document if that is another place."""
    name, at = unit["unit"], unit["stands_at"]
    if name is None:
        return str(at)
    return f"{name} (now {at})" if at not in (None, name) else str(name)


def _unit(unit: Mapping[str, Any], clauses: Mapping[str, Any], controls: Mapping[str, Any]) -> list[str]:
    mark = f" {unit['state'].upper()}" if unit["state"] in _STATES else ""
    if unit["heading"]:
        return ["", *_lines(unit["text"] or "(heading)", f"{unit_name(unit)}{mark}  ")]
    lines = ["", *_lines(unit["text"] or "", f"{unit_name(unit)}{mark}  ", " " * 7)]
    for name in unit["clauses"]:
        clause = clauses[name]
        kind = "" if clause["class"] == "normative" else f"{clause['class']}: "
        lines += _lines(f"{kind}{one_line(clause['title'])}", f"  {name:<9}")
        if clause["applies"]:
            lines += _lines(f"for {one_line(clause['applies'])}", " " * _LABEL)
        for control in clause["controls"]:
            lines += _lines(control_words(controls[control]), " " * _LABEL + "> ", " " * _LABEL + "  ")
        if not clause["controls"]:
            reason = one_line(clause["without_control"])
            lines += _lines(f"no control: {reason}" if reason else "NO CONTROL CHECKS IT", " " * _LABEL)
    if not unit["clauses"]:
        lines += _lines("no clause", " " * _LABEL)
    return lines


def control_words(control: Mapping[str, Any]) -> str:
    """A control with its status, and whether it is suspect."""
    status = f" {control['status']}" if control["status"] else ""
    suspect = " SUSPECT" if control["suspect"] else ""
    return f"{control['id']}{status}{suspect} ({control['severity']})"


def _closing(data: Mapping[str, Any]) -> str:
    summary = data["summary"]
    state, code = ("whole", 0) if data["whole"] else ("not whole", 1)
    sentences = f"{summary['placed']} of {counted(summary['sentences'], 'sentence')}"
    clauses = f"{summary['checked_clauses']} of {counted(summary['bound_clauses'], 'clause')} checked"
    return f"trace {state}: {sentences}, {clauses}; exit code {code}"
