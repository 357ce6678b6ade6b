"""Reporters: three formats of one assessment say the same, and evidence cannot speak through them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import unicodedata
from collections import Counter
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from policycheck.errors import EngineError, Fault
from policycheck.model import (
    Bound,
    ColumnType,
    Control,
    EvidenceFile,
    EvidenceKind,
    ExpressionText,
    Interpretation,
    Pack,
    Parameter,
    ParameterChoice,
    Profile,
    Reason,
    Reference,
    Severity,
    Source,
    SourceState,
    Status,
)
from policycheck.outcomes import (
    Advisory,
    Assessment,
    ControlResult,
    ExceptionResult,
    Finding,
    Gate,
    SourceResult,
)
from policycheck.reporters import REPORTERS
from policycheck.reporters.document import TOOL_VERSION, natural_key, report_document
from policycheck.reporters.json_report import report_schema
from policycheck.showing import clip, escape_json_hazards, json_value, value_text, visible
from policycheck.source import Place

HERE = Place("controls/DP/DP-3.7.yaml", 9, 15)
AS_OF = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROOT = Path(__file__).parent.parent
DIGEST = "sha256:" + "9f86d081884c7d65" * 4
HOSTILE = (
    "<script>alert(1)</script>",
    "{{7*7}}{% raw %}",
    "javascript:alert(1)",
    "\x1b[2J\x1b]0;owned\x07",
    '" onmouseover="x',
    "evil\u202egnp.exe",
    "zero\u200bwidth",
    "::error file=a::passed",
    "##[error]x ##vso[task.complete]",
    "line\nfeed\r\nand \u2028",
    "lone\ud800surrogate",
    '</td></table><section class="control" id="X" data-status="pass" data-counts="1"',
)


# --- the assessment ---------------------------------------------------------------------------------


def control(id: str, title: str, severity: Severity, **more: Any) -> Control:
    settings: dict[str, Any] = {
        "clauses": (id,),
        "rationale": f"Why {id} matters,\nin a few words.",
        "remediation": f"What to do about a gap in {id}.",
        "place": Place(f"controls/{id.split('-')[0]}/{id}.yaml", 1, 1),
        "subject": "encrypted_stores",
        "expect": {"key_length": ExpressionText("key_bits_effective >= $min_cloud_key_bits", HERE)},
    }
    return Control(id=id, title=title, severity=severity, **(settings | more))


def counts(**more: int) -> dict[Status, int]:
    return {Status(name): count for name, count in more.items()}


def result(
    control: Control, status: Status, code: str, words: str, tally: dict[Status, int], **more: Any
) -> ControlResult:
    settings: dict[str, Any] = {
        "advisories": (),
        "parameters": {},
        "query": f"SELECT subject._row\nFROM {control.subject} AS subject",
        "findings": (),
        "findings_total": 0,
        "tables": ("storage_protections", "resources"),
    }
    return ControlResult(
        control=control, status=status, reason=Reason(code, words), counts=tally, **(settings | more)
    )


def finding(subject: str, status: Status, message: str = "", **more: Any) -> Finding:
    settings: dict[str, Any] = {
        "reason": Reason("undecided", "a value that decides is null")
        if status is Status.UNKNOWN
        else Reason("expectation_failed", "an expectation does not hold"),
        "failed": ("key_length",) if status is not Status.UNKNOWN else (),
        "undecided": ("key_length",) if status is Status.UNKNOWN else (),
        "observed": {"key_bits_effective": 128, "algorithm": "AES"},
        "place": Place("aws/storage_protections.ndjson", 3, 1),
    }
    return Finding(subject=subject, status=status, message=message, **(settings | more))


def controls() -> tuple[ControlResult, ...]:
    cloud = control(
        "DP-3.7",
        "Cloud stores encrypt covered information with keys of at least 256 bits",
        Severity.CRITICAL,
        applies_when=ExpressionText("hosting <> 'on_prem'", Place("x", 8, 15)),
        references=(
            Reference("NIST SP 800-53 r5", "SC-28(1)"),
            Reference("HITRUST CSF", "06.d", verified=False),
        ),
        requires=("DP-1.1",),
    )
    return (
        result(
            control("DP-3.10", "Keys are kept apart from the data they protect", Severity.HIGH),
            Status.UNKNOWN,
            "stale",
            "the evidence is older than the control allows",
            counts(unknown=3),
            findings=(finding("vault-2", Status.UNKNOWN), finding("vault-1", Status.UNKNOWN)),
            findings_total=3,
            gaps_in_evidence=(Reason("stale", "`key_custody` is 40 days old; 7 are allowed"),),
            root_causes=("DP-1.1", "DP-3.7"),
        ),
        result(
            cloud,
            Status.FAIL,
            "subjects_failed",
            "1 of 4 subjects fails",
            counts(**{"pass": 1, "fail": 1, "unknown": 1, "excepted": 1}),
            findings=(
                finding("bucket-9", Status.EXCEPTED, "bucket-9 uses a 128-bit key", exception="EX-2026-01"),
                finding("bucket-3", Status.UNKNOWN, observed={"key_bits_effective": None, "tags": ["b"]}),
                finding(
                    "bucket-1",
                    Status.FAIL,
                    "bucket-1 uses a 128-bit key; the policy asks for 256",
                    observed={
                        "key_bits_effective": 128,
                        "created_at": (datetime(2026, 1, 2), datetime(2026, 1, 2)),
                        "born": (date(1980, 2, 1), date(1980, 2, 29)),
                        "legacy": False,
                    },
                ),
            ),
            findings_total=3,
            parameters={"min_cloud_key_bits": 256},
            root_causes=("DP-1.1",),
        ),
        result(
            control("LB-1.2", "Labels name the owner", Severity.LOW),
            Status.EXCEPTED,
            "excepted",
            "every fail is held by an exception",
            counts(**{"excepted": 1, "pass": 2}),
            findings=(finding("label-1", Status.EXCEPTED, "label-1 names nobody", exception="EX-2026-01"),),
            findings_total=1,
        ),
        result(
            control("LB-1.3", "Labels are current", Severity.MEDIUM),
            Status.PASS,
            "all_pass",
            "every subject in scope passes",
            counts(**{"pass": 4, "na": 2}),
            advisories=(Advisory("weaker_layer", "a weaker layer is present", 2, ("label-3",)),),
        ),
        result(
            control("LB-1.4", "Film labels", Severity.LOW),
            Status.NA,
            "out_of_scope",
            "an attested fact says that there is no film",
            counts(na=1),
        ),
        result(
            control(
                "LB-2", "All labels", Severity.MEDIUM, subject=None, expect={}, all_of=("LB-1.2", "LB-1.3")
            ),
            Status.EXCEPTED,
            "members",
            "the worst of its members",
            counts(**{"excepted": 1, "pass": 1}),
            query="",
            tables=(),
        ),
    )


def sources() -> tuple[SourceResult, ...]:
    good = Source(
        evidence_id="aws-storage",
        table="storage_protections",
        path="aws/*.ndjson",
        state=SourceState.OK,
        reason="",
        place=Place("manifest.yaml", 4, 5),
        source_system="aws:111122223333",
        collector="policycheck-aws",
        collector_version="0.1.0",
        collected_at=datetime(2026, 3, 1, 6, tzinfo=UTC),
        population_complete=True,
        row_count=12,
        file_sha256="9f86d081",
        digest="9f86d081",
        rows=12,
        files=(EvidenceFile("aws/b.ndjson", "bb", 90, 5), EvidenceFile("aws/a.ndjson", "aa", 100, 7)),
    )
    stale = structs.replace(
        good, evidence_id="keys", table="key_custody", path="keys.csv", files=(), population_complete=False
    )
    tampered = structs.replace(
        stale, evidence_id="hr", table="persons", path="hr.csv", state=SourceState.TAMPERED, digest="0000",
        reason="the bytes do not match the digest in the manifest", evidence_kind=EvidenceKind.ATTESTED,
        collected_at=None,
    )  # fmt: skip
    return (
        SourceResult(stale, 40, "stale", 7),
        SourceResult(tampered, None, "tampered", 7),
        SourceResult(good, 1, "ok", 7),
    )


def exceptions() -> tuple[ExceptionResult, ...]:
    held = ExceptionResult(
        id="EX-2026-01",
        state="in_force",
        reason=Reason("in_force", "approved, reviewed and inside its dates"),
        clauses=("DP-3.7", "LB-1.2"),
        subjects=("bucket-9", "label-1"),
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        days_left=304,
        review_due=date(2027, 1, 1),
        used_for=(("LB-1.2", "label-1"), ("DP-3.7", "bucket-9")),
        warnings=(),
        place=Place("exceptions/EX-2026-01.yaml", 1, 1),
        checks={"DP-3.14": Status.PASS, "DP-3.2": Status.PASS},
    )
    return (
        held,
        structs.replace(
            held, id="EX-2025-07", state="expired", reason=Reason("expired", "ended on 2025-12-31"),
            valid_to=date(2025, 12, 31), days_left=-61, used_for=(),
            warnings=("it matched one subject",), place=None,
        ),
    )  # fmt: skip


def assessment(**more: Any) -> Assessment:
    memo = Interpretation(
        "INT-01", "Which ciphers count", ("DP-3.5",), "The text names two.", "Others count too.", True,
        "CISO", date(2026, 1, 5), Place("controls/interpretations/INT-01.yaml", 1, 1),
    )  # fmt: skip
    profile = Profile("interpreted", "The reading in use", {}, Place("controls/profiles/interpreted.yaml"))
    parameter = Parameter("min_cloud_key_bits", 256, ColumnType.INT, Bound(at_least=256), Place("x"))
    pack = Pack(
        "sample-policy", "1.0.0", "Sample policy", DIGEST, "controls", "interpreted", (), {}, {}, {},
        {parameter.name: parameter}, {profile.name: profile}, {memo.id: memo},
    )  # fmt: skip
    settings: dict[str, Any] = {
        "pack": pack,
        "profile": profile,
        "organisation": "Example Organisation (sample)",
        "as_of": AS_OF,
        "manifest_digest": DIGEST,
        "gate": Gate(False, 1, Severity.LOW, "closed: 1 control failing and 1 unknown"),
        "controls": controls(),
        "sources": sources(),
        "exceptions": exceptions(),
        "interpretations": (memo,),
        "parameters": (
            ParameterChoice("min_cloud_key_bits", 256, 256, "bits", "at least 256", True, None),
            ParameterChoice("crypto_profile", "interpreted", "literal", "", "literal", False, "INT-01"),
        ),
        "faults": (Fault("PC404", "unknown table `a`", Place("manifest.yaml", 9, 3), "did you mean `b`?"),),
        "finding_limit": 200,
    }
    return Assessment(**(settings | more))


def hostile_assessment() -> Assessment:
    """Every string that evidence can bring is hostile."""
    findings = tuple(
        finding(text, Status.FAIL, text, observed={"cell": text, "set": [text]}, place=Place(text, 1))
        for text in HOSTILE
    )
    bad = result(
        control("DP-3.7", "Cloud stores", Severity.HIGH), Status.FAIL, "subjects_failed", HOSTILE[0],
        counts(fail=len(findings)), findings=findings, findings_total=len(findings),
        advisories=(Advisory("a", HOSTILE[0], 1, HOSTILE),),
    )  # fmt: skip
    source = sources()[1].source
    return assessment(
        controls=(bad,),
        organisation=" ".join(HOSTILE),
        sources=tuple(
            SourceResult(
                structs.replace(source, evidence_id=text, path=text, reason=text), None, "tampered", 7
            )
            for text in HOSTILE
        ),
        exceptions=tuple(
            structs.replace(exceptions()[1], id=text, subjects=(text,), warnings=(text,)) for text in HOSTILE
        ),
        faults=tuple(Fault("PC404", text, Place(text, 1, 1), text) for text in HOSTILE),
    )


def rendered(name: str, value: Assessment) -> str:
    return REPORTERS[name].render(value).decode("utf-8")


# --- reading a page back --------------------------------------------------------------------------


VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks nesting while it reads; gathers ids, links, elements, headings and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.headings: list[int] = []
        self.words: list[str] = []
        self.sections: dict[str, dict[str, str | None]] = {}
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs), f"doubled attribute in {tag}"
        self.tags[tag] += 1
        self.attributes |= found.keys()
        if tag not in VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if "href" in found:
            self.links.append(str(found["href"]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "section":
            self.sections[str(found["id"])] = found

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"stray </{tag}>"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


# --- tests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["text", "json", "html"])
def test_a_small_assessment_looks_as_it_did(name: str, snapshot: Any) -> None:
    """The whole output of each format is pinned; change it with `--snapshot-update` and read the diff."""
    snapshot.snapshot_dir = ROOT / "tests" / "snapshots" / "reporters"
    snapshot.assert_match(REPORTERS[name].render(assessment()), f"report{REPORTERS[name].suffix}")


@pytest.mark.parametrize("name", list(REPORTERS))
def test_two_renders_are_the_same_bytes_whatever_the_order_of_the_parts(name: str) -> None:
    """Same inputs, same bytes: the order in which parts arrive is no input."""
    first = assessment()
    turned = structs.replace(
        first,
        controls=tuple(
            structs.replace(item, findings=item.findings[::-1], tables=item.tables[::-1])
            for item in first.controls[::-1]
        ),
        sources=first.sources[::-1],
        exceptions=first.exceptions[::-1],
        parameters=first.parameters[::-1],
    )
    assert REPORTERS[name].render(first) == REPORTERS[name].render(first) == REPORTERS[name].render(turned)


@pytest.mark.parametrize("value", [assessment(), hostile_assessment(), assessment(controls=(), sources=())])
def test_the_json_report_keeps_its_schema(value: Assessment) -> None:
    """The published schema describes every report, hostile and empty ones included."""
    from jsonschema import Draft202012Validator

    schema = report_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(rendered("json", value)))


def test_the_schema_is_closed_at_every_level() -> None:
    """A key that the schema does not know is an error, not a surprise."""
    objects = [
        part for part in walk(report_schema()) if part.get("type") == "object" and "properties" in part
    ]
    assert objects
    for part in objects:
        assert part["additionalProperties"] is False
        assert sorted(part["required"]) == sorted(part["properties"])


def walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in walk(item))]
    return [found for item in value for found in walk(item)] if isinstance(value, list) else []


def test_the_three_formats_count_alike() -> None:
    """The format never changes the verdict: counts, statuses, gate and exit code agree."""
    value = assessment()
    report = json.loads(rendered("json", value))
    text, page = rendered("text", value), Page(rendered("html", value))
    tally = report["summary"]["controls"]
    assert tally == {"fail": 1, "unknown": 1, "excepted": 2, "pass": 1, "na": 1}
    words = ", ".join(f"{tally[name]} {name}" for name in ("pass", "fail", "unknown", "excepted", "na"))
    assert f"controls       6: {words}" in text
    assert text.endswith(f"gate closed: controls {words}; exit code 1\n")
    assert len(page.sections) == len(report["controls"]) == sum(tally.values())
    for item in report["controls"]:
        section = page.sections[item["id"]]
        assert section["data-status"] == item["status"]
        assert section["data-counts"] == " ".join(str(count) for count in item["counts"].values())
    assert "Gate closed" in page.words
    assert "gate CLOSED, exit code 1" in text


def test_a_roll_up_adds_no_subjects() -> None:
    """Subjects are counted where they are judged, once."""
    summary = report_document(assessment())["summary"]
    assert summary["subjects"] == {"fail": 1, "unknown": 4, "excepted": 2, "pass": 7, "na": 3}
    by_severity = summary["by_severity"]
    for name, count in summary["controls"].items():
        assert sum(counts[name] for counts in by_severity.values()) == count


def test_an_excepted_fail_stays_visible() -> None:
    """An exception changes what the gate does, never the fact."""
    text, page = rendered("text", assessment()), rendered("html", assessment())
    assert "fail, excepted by EX-2026-01: label-1" in text
    assert "fail, excepted</span> by EX-2026-01" in page
    assert "Fails that an exception holds" in page


def test_an_open_gate_is_said_in_words() -> None:
    """The gate's state does not hang on a colour."""
    value = assessment(gate=Gate(True, 0, Severity.CRITICAL, "nothing of this severity is a gap"))
    assert "Gate open" in Page(rendered("html", value)).words
    assert "gate OPEN, exit code 0" in rendered("text", value)
    assert json.loads(rendered("json", value))["gate"]["open"] is True


def test_an_empty_run_does_not_look_like_a_clean_one() -> None:
    """No control assessed is said aloud."""
    value = assessment(controls=(), gate=Gate(False, 2, Severity.LOW, "no control was assessed"))
    assert "No control was assessed" in rendered("html", value)
    assert "controls       0:" in rendered("text", value)


def test_a_selection_says_that_the_rest_was_not_assessed() -> None:
    value = assessment(only=("DP-3.*",))
    assert "not assessed" in rendered("text", value)
    assert "this gate does not speak for them" in rendered("html", value)
    assert json.loads(rendered("json", value))["only"] == ["DP-3.*"]


def test_findings_past_the_limit_are_counted() -> None:
    """What is left out is said, with its number."""
    page, text = rendered("html", assessment()), rendered("text", assessment())
    assert "2 of 3 listed" in page
    assert "Counted and not listed: 1 finding." in page
    assert "and 1 more; the JSON report lists up to 200" in text


def test_a_page_lists_two_hundred_findings_a_control() -> None:
    """A long list is cut where a reader would stop, and the cut is said; JSON keeps what there is."""
    first = controls()[1]
    many = tuple(finding(f"bucket-{i:04d}", Status.FAIL) for i in range(500))
    value = assessment(
        controls=(structs.replace(first, findings=many, findings_total=900, counts=counts(fail=900)),),
        finding_limit=500,
    )
    page = rendered("html", value)
    assert page.count('<th scope="row" class="subject">') == 200
    assert "200 of 900 listed" in page
    assert "Counted and not listed: 700 findings." in page
    assert len(json.loads(rendered("json", value))["controls"][0]["findings"]) == 500


def test_the_page_is_well_formed_and_every_link_lands() -> None:
    """Nesting, unique ids, headings without gaps, links inside the page only, no script, nothing loaded."""
    page = Page(rendered("html", assessment()))
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert not page.tags.keys() & {"script", "img", "link", "iframe", "form", "object", "base"}
    assert not any(name.startswith("on") or name in {"src", "style", "action"} for name in page.attributes)
    assert page.tags["caption"] == page.tags["table"]


def test_the_content_security_policy_admits_this_style_and_nothing_else() -> None:
    """The hash in the policy is that of the style as it stands in the page."""
    import base64
    import hashlib

    text = rendered("html", assessment())
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'" in text
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_hostile_evidence_adds_no_element_to_the_page() -> None:
    """Markup, template syntax and URLs in evidence are text."""
    text = rendered("html", hostile_assessment())
    page = Page(text)
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name in page.attributes)
    assert all(link.startswith("#") for link in page.links)
    assert list(page.sections) == ["DP-3.7"]
    assert "{{7*7}}" in text
    assert "49" not in "".join(word for word in page.words if "7*7" in word)
    assert "evil[U+202E]gnp.exe" in text


@pytest.mark.parametrize("name", list(REPORTERS))
def test_no_format_lets_a_control_or_direction_character_through(name: str) -> None:
    """Whatever evidence holds, the file has no character that a terminal or a reader's eye obeys."""
    text = rendered(name, hostile_assessment())
    wrong = {hex(ord(mark)) for mark in text if unicodedata.category(mark) in {"Cc", "Cf", "Zl", "Zp", "Cs"}}
    assert wrong <= {"0xa"}


def test_every_control_and_format_character_is_spelled_out() -> None:
    """The list of hazards is complete for this Python's Unicode database."""
    hazards = [
        chr(point)
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in {"Cc", "Cf", "Zl", "Zp", "Cs"}
    ]
    assert [mark for mark in hazards if visible(mark) == mark] == []
    ordinary = "Grüße, 日本語, العربية, 🦊, a\u00a0b <&>\"'\\"
    assert visible(ordinary) == ordinary


def test_json_escapes_are_lossless() -> None:
    """Escaping hazards changes the spelling of the JSON, never what it says."""
    value = ["\x7f\u202e\U000e0001\ufeff\u2028", "a\nb", "\ud800"]
    written = escape_json_hazards(json.dumps(value, ensure_ascii=False))
    assert json.loads(written) == value
    written.encode("utf-8")


def test_a_log_line_cannot_command_the_ci_system() -> None:
    """No line begins with `::` and none holds `##[` or `##vso[`, wrapped or not; an ARN stays as it is."""
    text = rendered("text", hostile_assessment())
    assert not re.search(r"(?m)^\s*::|##\[|##vso\[", text)
    arn = "arn:aws:s3:::bucket"
    value = assessment(faults=(Fault("PC404", arn, Place("m.yaml"), ""),))
    assert arn in rendered("text", value)


def test_text_lines_keep_to_a_hundred_columns() -> None:
    """Only a word that is longer by itself, such as a path, may reach further."""
    value = assessment(faults=(Fault("PC404", "word " * 100, Place("m.yaml"), "help " * 50),))
    assert max(len(line) for line in rendered("text", value).split("\n")) <= 100


def test_gaps_come_first_and_the_most_severe_lead() -> None:
    text = rendered("text", assessment())
    assert text.index("FAIL (1 critical)") < text.index("UNKNOWN (1 high)") < text.index("EXCEPTED: fails")
    assert "fix first: DP-1.1" in text


def test_a_page_that_lost_a_verdict_is_not_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that shows another verdict is an error, never a report."""
    from policycheck.reporters import html

    report = report_document(assessment())
    page = rendered("html", assessment()).replace('data-status="fail"', 'data-status="pass"')
    with pytest.raises(EngineError, match="PC901"):
        html._verify_page(page, report)


def test_a_template_typo_is_an_error_not_a_pass() -> None:
    """A name that the report does not have stops the rendering."""
    from jinja2 import UndefinedError

    from policycheck.reporters import html

    with pytest.raises(UndefinedError):
        html.page_template("report.html.j2").environment.from_string(
            "{% if not failures_typo %}pass{% endif %}"
        ).render()


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (date(2026, 3, 2), "2026-03-02"),
        (datetime(2026, 3, 2, 1, 2, 3), "2026-03-02T01:02:03Z"),
        (datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC), "2026-03-02T01:02:03Z"),
        ((date(2020, 2, 1), date(2020, 2, 29)), "2020-02"),
        ((date(2020, 1, 1), date(2020, 12, 31)), "2020"),
        ((date(2020, 1, 1), date(2020, 1, 1)), "2020-01-01"),
        ((date(2020, 1, 2), date(2020, 2, 1)), "2020-01-02/2020-02-01"),
        ((date(2020, 2, 1), date(2020, 2, 28)), "2020-02-01/2020-02-28"),
        ((date(2019, 1, 1), date(2020, 12, 31)), "2019-01-01/2020-12-31"),
        ((datetime(2026, 3, 2, 4), datetime(2026, 3, 2, 4)), "2026-03-02T04:00:00Z"),
        ((datetime(2026, 3, 2), datetime(2026, 3, 2)), "2026-03-02T00:00:00Z"),
        ((datetime(2026, 3, 2), datetime(2026, 3, 2, 23, 59, 59, 999999)), "2026-03-02"),
        ({"lo": date(2020, 1, 1), "hi": date(2020, 12, 31)}, "2020"),
        ((datetime(2026, 3, 2, 4), datetime(2026, 3, 2, 5)), "2026-03-02T04:00:00Z/2026-03-02T05:00:00Z"),
        (frozenset({"b", "a"}), ["a", "b"]),
        (["b", "a"], ["b", "a"]),
        (("a", "b"), ["a", "b"]),
        (float("nan"), "nan"),
        (Status.PASS, "pass"),
        (None, None),
        (True, True),
        (7, 7),
    ],
)
def test_values_are_json_safe(value: Any, meant: Any) -> None:
    """Each evidence type has one spelling."""
    assert json_value(value) == meant
    assert type(json_value(value)) is type(meant)


def test_values_for_a_reader() -> None:
    assert value_text([None, True, 3, "x", {"a": False}]) == "[null, true, 3, x, {a: false}]"
    assert clip("abcdef", 4) == "abcd… (2 more characters)"
    assert sorted(["DP-3.10", "DP-3.7", "CA-1"], key=natural_key) == ["CA-1", "DP-3.7", "DP-3.10"]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == TOOL_VERSION


def test_each_reporter_is_listed_under_its_name() -> None:
    assert [(name, REPORTERS[name].name, REPORTERS[name].suffix) for name in REPORTERS] == [
        ("text", "text", ".txt"),
        ("json", "json", ".json"),
        ("html", "html", ".html"),
    ]


def test_text_and_json_reports_load_no_template_engine() -> None:
    """A cold start pays only for the format it writes."""
    program = (
        "import sys; import policycheck.reporters; import policycheck.reporters.text;"
        "import policycheck.reporters.json_report;"
        "print(sorted({'jinja2', 'jsonschema', 'duckdb', 'networkx'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
