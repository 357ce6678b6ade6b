"""The report as plain text, for a terminal and a CI log.

Goes in: an `Assessment`. Comes out: UTF-8 in 100 columns, without colour: the gate first, then fails,
unknowns, what exceptions hold, exceptions and evidence that need attention, faults, and one closing line.
Evidence cannot steer the terminal or the CI system: its control characters are spelled out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policycheck.model import Severity
from policycheck.outcomes import Assessment
from policycheck.reporters.document import differing, report_document
from policycheck.reporters.lines import heading, short_digest, wrapped
from policycheck.showing import counted, location_text, one_line

_FINDINGS_SHOWN = 3
_SOURCES_SHOWN = 20
_STATUS_WORDS = ("pass", "fail", "unknown", "excepted", "na")


def render(assessment: Assessment) -> bytes:
    """The text report, ending with one line feed."""
    report = report_document(assessment)
    lines = [*_headline(report)]
    for status in ("fail", "unknown", "excepted"):
        lines += _controls_with(report["controls"], status)
    lines += _advisories(report["controls"])
    lines += _exceptions(report["exceptions"])
    lines += _evidence(report["evidence"])
    lines += _choices(report["parameters"])
    lines += _faults(report["faults"])
    lines += ["", _closing(report)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _headline(report: Mapping[str, Any]) -> Iterator[str]:
    gate, pack, tool = report["gate"], report["pack"], report["tool"]
    state = "OPEN" if gate["open"] else "CLOSED"
    yield f"{tool['name']} {tool['version']}: gate {state}, exit code {gate['exit_code']}"
    if gate["words"]:
        yield from wrapped(gate["words"], "  ")
    yield ""
    sources, manifest = len(report["evidence"]), short_digest(report["manifest_digest"])
    usable = sum(source["state"] == "ok" for source in report["evidence"])
    facts = [
        ("organisation", report["organisation"]),
        ("pack", f"{pack['name']} {pack['version']}, digest {short_digest(pack['digest'])}"),
        ("profile", report["profile"]),
        ("as of", report["as_of"]),
        ("evidence", f"{counted(sources, 'source')}, {usable} usable, manifest {manifest}"),
        ("fail on", f"{gate['fail_on']} and above"),
    ]
    if report["document"]["compared"]:
        suspects = counted(len(report["document"]["suspects"]), "suspect control")
        facts.append(("policy", f"compared, sha256 {short_digest(report['document']['digest'])}, {suspects}"))
    if report["only"]:
        facts.append(("only", ", ".join(report["only"]) + " (the other controls were not assessed)"))
    for name, value in facts:
        yield from wrapped(value, f"{name:<15}")
    yield ""
    for name in ("controls", "subjects"):
        counts = report["summary"][name]
        yield f"{name:<15}{sum(counts.values())}: {_counts_text(counts)}"


def _counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[status]} {status}" for status in _STATUS_WORDS)


def _controls_with(controls: list[dict[str, Any]], status: str) -> list[str]:
    """The controls of one status, the most severe first."""
    chosen = [control for control in controls if control["status"] == status]
    if not chosen:
        return []
    chosen.sort(key=lambda control: Severity(control["severity"]).rank)  # stable: ids stay in order
    tally = [
        f"{count} {severity}"
        for severity in Severity
        if (count := sum(control["severity"] == severity for control in chosen))
    ]
    title = {"fail": "FAIL", "unknown": "UNKNOWN", "excepted": "EXCEPTED: fails that an exception holds"}
    lines = heading(f"{title[status]} ({', '.join(tally)})")
    for control in chosen:
        lines += _control(control)
    return lines


def _control(control: Mapping[str, Any]) -> list[str]:
    lines = wrapped(f"{control['id']}  {one_line(control['title'])}", f"{control['severity']:<10}")
    indent = "    "
    total = sum(control["counts"].values())
    kind = counted(total, "control" if control["all_of"] else "subject")
    reason = control["reason"]
    lines += wrapped(f"{one_line(reason['words'])} [{reason['code']}]", indent)
    lines.append(f"{indent}{kind}: {_counts_text(control['counts'])}")
    seen = control["population"]
    if seen is not None:
        lines.append(f"{indent}seen: {seen['found']} of {seen['expected']} of `{seen['inventory']}`")
    if control["suspect"]:
        changed = ", ".join(control["changed_units"])
        lines += wrapped(f"SUSPECT: {changed} of the policy document is not as registered", indent)
    shown = control["findings"][:_FINDINGS_SHOWN]
    for finding in shown:
        lines += _finding(finding)
    left = control["findings_total"] - len(shown)
    if left > 0:
        lines.append(f"{indent}and {left} more; the JSON report lists up to {control['findings_limit']}")
    for gap in control["gaps_in_evidence"]:
        lines += wrapped(f"evidence: {gap['words']} [{gap['code']}]", indent, indent + "  ")
    lines += _elsewhere(control, indent)
    if control["root_causes"]:
        lines += wrapped("fix first: " + ", ".join(control["root_causes"]), indent)
    if control["remediation"]:
        lines += wrapped("remediation: " + one_line(control["remediation"]), indent, indent + "  ")
    return lines


def _elsewhere(control: Mapping[str, Any], indent: str) -> list[str]:
    """Under which other profiles the control, or some of its subjects, would have another verdict."""
    lines = []
    for profile, there in control["other_profiles"].items():
        if there["changed"] or there["status"] != control["status"]:
            count = "" if there["changed"] is None else f", {differing(there['changed'])}"
            lines.append(f"{indent}under `{profile}`: {there['status']}{count}")
    return lines


def _finding(finding: Mapping[str, Any]) -> list[str]:
    """One finding: its status and subject, the message, and where the subject stands."""
    names = ", ".join(finding["failed"] or finding["undecided"])
    status = finding["status"]
    if status == "excepted":
        status = f"fail, excepted by {finding['exception'] or 'an exception without a name'}"
    head = f"{status}: {finding['subject']}" + (f" ({names})" if names else "")
    words = finding["message"] or f"{finding['reason']['words']} [{finding['reason']['code']}]"
    lines = wrapped(head, "    - ")
    lines += wrapped(words, "      ")
    if finding["location"]:
        lines += wrapped("at " + location_text(finding["location"]), "      ")
    return lines


def _advisories(controls: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for control in controls:
        for advisory in control["advisories"]:
            head = f"{control['id']} {advisory['name']}"
            count = counted(advisory["count"], "subject")
            lines += wrapped(f"{head}: {advisory['message']} ({count})", "- ")
    return [*heading("Advisories"), *lines] if lines else []


def _exceptions(exceptions: list[dict[str, Any]]) -> list[str]:
    wanting = [item for item in exceptions if item["needs_attention"]]
    if not exceptions:
        return []
    if not wanting:
        return ["", f"Exceptions: {len(exceptions)} in force, none needs attention"]
    lines = heading(f"Exceptions that need attention ({len(wanting)} of {len(exceptions)})")
    for item in wanting:
        scope = ", ".join(item["clauses"]) or "no clause"
        ends = f", until {item['valid_to']}" if item["valid_to"] else ", without an end"
        lines += wrapped(f"{item['id']}: {item['state'].replace('_', ' ')} ({scope}{ends})", "- ")
        lines += wrapped(f"{item['reason']['words']} [{item['reason']['code']}]", "  ")
        for warning in item["warnings"]:
            lines += wrapped(warning, "  ")
    return lines


def _evidence(sources: list[dict[str, Any]]) -> list[str]:
    wanting = [source for source in sources if source["state"] != "ok"]
    if not wanting:
        return []
    lines = heading(f"Evidence that cannot be relied on ({len(wanting)} of {len(sources)} sources)")
    for source in wanting[:_SOURCES_SHOWN]:
        age = ""
        if source["state"] == "stale":
            age = f", {source['age_days']} days old where {source['max_age_days']} are allowed"
        lines += wrapped(
            f"{source['state'].replace('_', ' ')}: {source['evidence_id']} ({source['table']}{age})", "- "
        )
        if source["reason"]:
            lines += wrapped(source["reason"], "  ")
        lines += wrapped("at " + source["path"], "  ")
    if len(wanting) > _SOURCES_SHOWN:
        lines.append(f"  and {len(wanting) - _SOURCES_SHOWN} more")
    return lines


def _choices(parameters: list[dict[str, Any]]) -> list[str]:
    """Parameters looser than their clause: a reader of a green log has to see them too."""
    loose = [choice for choice in parameters if not choice["within_bound"]]
    if not loose:
        return []
    names = ", ".join(f"{choice['name']} (memo {choice['memo'] or 'none'})" for choice in loose)
    return ["", *wrapped(f"Parameters outside their clause's bound: {names}", "", "  ")]


def _faults(faults: list[dict[str, Any]]) -> list[str]:
    if not faults:
        return []
    lines = heading(f"Faults ({len(faults)})")
    for fault in faults:
        lines += wrapped(f"{location_text(fault['location'])}: {fault['message']} [{fault['code']}]", "- ")
        if fault["help"]:
            lines += wrapped("help: " + fault["help"], "  ")
    return lines


def _closing(report: Mapping[str, Any]) -> str:
    gate = report["gate"]
    state = "open" if gate["open"] else "closed"
    counts = _counts_text(report["summary"]["controls"])
    return f"gate {state}: controls {counts}; exit code {gate['exit_code']}"
