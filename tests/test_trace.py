"""A document is laid beside its controls; what is not as registered makes exactly its controls suspect."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import sample_run
from house_rules import ABBREVIATIONS, DOCUMENT, control, write_boxes, write_house_rules
from policycheck.clauses import controls_by_clause
from policycheck.cli.commands import cli
from policycheck.coverage import Match, UnitState, compare, suspicion_of
from policycheck.errors import InputError
from policycheck.model import ClauseRegister, Pack, Unit
from policycheck.pack import load_pack
from policycheck.reporters.json_report import report_schema
from policycheck.reporters.trace_json import trace_schema
from policycheck.sentences import Sentence, fingerprint, split_sentences


class House:
    """The pack, its document and its evidence, in one folder."""

    def __init__(self, folder: Path, changes: dict[str, Any] | None = None) -> None:
        self.pack = write_house_rules(folder / "pack", changes)
        self.evidence = write_boxes(folder / "evidence")
        self.reports = folder / "reports"
        self.document = folder / "rules.txt"
        self.document.write_text(DOCUMENT, encoding="utf-8")

    def run(self, command: str, *more: str, document: bool = True) -> Result:
        named = ["--document", str(self.document)] if document else []
        inputs = ["--pack", str(self.pack), "--evidence", str(self.evidence), "--as-of", "manifest"]
        output = [] if "--output" in more else ["--output", str(self.reports)]
        return CliRunner().invoke(cli, [command, *inputs, *named, *output, *more])

    def revise(self, old: str, new: str) -> None:
        assert DOCUMENT.count(old) == 1
        self.document.write_text(DOCUMENT.replace(old, new), encoding="utf-8")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


WHOLE = """\
policycheck 0.1.0: trace whole

document   House rules
           compared, sha256 SHA
pack       small 1, digest DIGEST
sentences  6 of 6 sentences and table rows in place, 1 heading
clauses    6: 3 normative, 1 permission, 1 definition, 1 informational
checked    3 of 3 normative and guarded clauses
controls   5, 1 of them META
verdicts   0 fail, 0 unknown, 0 excepted, 5 pass, 0 na
           of House, profile plain, as of 2026-03-02T12:00:00Z

Sentence by sentence
--------------------

L02.1  HOUSE RULES:

L03.1  Boxes are locked, and boxes of Example, Inc. Keep a long key.
  BX-1     Boxes are locked
           > BX-1 pass (high)
  BX-2     Long keys
           for the boxes of one firm
           > BX-2 pass (high)

L03.2  Keys are never copied.
  BX-3     No second key
           > BX-3 pass (high)

L04.1  Boxes stand where we like!
  PL-1     permission: Any place
           no control: It asks for nothing.

L05.1  We care about boxes.
  PL-2     informational: Care
           no control: Nothing to observe.

L06.1  | Day | Level |
  RV-1     definition: Caption
           no control: A caption.

L07.1  | 2025-01-02 | A |
  RV-1     definition: Caption
           no control: A caption.

trace whole: 6 of 6 sentences, 3 of 3 clauses checked; exit code 0
"""


def masked(text: str) -> str:
    return re.sub(r"digest [0-9a-f]{12}", "digest DIGEST", re.sub(r"sha256 [0-9a-f]{12}", "sha256 SHA", text))


def test_a_document_is_laid_beside_its_controls(house: House) -> None:
    result = house.run("trace", "--quiet")
    assert result.exit_code == 0, result.output
    assert masked(result.stdout) == WHOLE
    assert result.stderr == ""


CHANGED = """\
policycheck 0.1.0: trace NOT WHOLE

document   House rules
           compared, sha256 SHA
pack       small 1, digest DIGEST
sentences  5 of 6 sentences and table rows in place, 1 heading
clauses    6: 3 normative, 1 permission, 1 definition, 1 informational
checked    3 of 3 normative and guarded clauses
controls   5, 1 of them META, 2 suspect

To review (1)
-------------
changed    L03.1 is not the registered sentence
           Boxes are closed, and boxes of Example, Inc. Keep a long key.
           fingerprint FINGERPRINT
           suspect: BX-1, BX-2
"""


def test_one_word_makes_exactly_its_controls_suspect(house: House) -> None:
    house.revise("are locked", "are closed")
    result = house.run("trace", "--no-verdicts")
    assert result.exit_code == 1
    changed = fingerprint("Boxes are closed, and boxes of Example, Inc. Keep a long key.")
    assert masked(result.stdout).startswith(CHANGED.replace("FINGERPRINT", changed))
    assert "\nL03.1 CHANGED  Boxes are closed" in result.stdout
    assert "> BX-1 SUSPECT (high)" in result.stdout
    assert "> BX-3 (high)" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "states", "suspects"),
    [
        ("never copied.", "never copied. Nor lent.", {"L03.3": "new"}, set()),
        (" Keys are never copied.", "", {"L03.2": "vanished"}, {"BX-3"}),
        ("HOUSE RULES", "OUR RULES", {"L02.1": "changed"}, set()),
        ("where we like", "in the cellar", {"L04.1": "changed"}, set()),
        ("| A |", "| B |", {"L07.1": "changed"}, set()),
        ("- We care about boxes.\n", "- Also new.\n- We care about boxes.\n", {"L05.1": "new"}, set()),
        (
            "· Boxes are locked, and boxes of Example, Inc. Keep a long key. Keys are never copied.",
            "· Keys are never copied. Boxes are locked, and boxes of Example, Inc. Keep a long key.",
            {"L03.2": "moved"},
            {"BX-3"},
        ),
        (
            "- Boxes stand where we like!\n- We care about boxes.",
            "",
            {"L04.1": "vanished", "L05.1": "vanished"},
            set(),
        ),
        ("\n- Boxes", "\n\n\n  •   Boxes", {}, set()),
    ],
)  # fmt: skip
def test_what_a_revision_changed_is_named(
    house: House, old: str, new: str, states: dict[str, str], suspects: set[str]
) -> None:
    house.revise(old, new)
    result = house.run("trace", "--no-verdicts", "--format", "json", "--output", "-")
    data = json.loads(result.stdout)
    jsonschema.validate(data, trace_schema())
    found = {
        unit["unit"] or unit["stands_at"]: unit["state"]
        for unit in data["units"]
        if unit["state"] != "unchanged"
    }
    assert found == states
    assert {c["id"] for c in data["controls"] if c["suspect"]} == suspects
    assert data["whole"] == (not states)
    assert result.exit_code == (1 if states else 0)


def test_a_sentence_that_only_stands_lower_is_unchanged_and_says_where(house: House) -> None:
    house.revise("\nHOUSE RULES", "\n\n\nHOUSE RULES")
    result = house.run("trace", "--no-verdicts")
    assert result.exit_code == 0
    assert "L03.2 (now L05.2)  Keys are never copied." in result.stdout


def test_without_a_document_the_register_is_traced_and_nobody_is_cleared(house: House) -> None:
    result = house.run("trace", "--format", "json", "--output", "-", document=False)
    data = json.loads(result.stdout)
    jsonschema.validate(data, trace_schema())
    assert result.exit_code == 0
    assert {unit["state"] for unit in data["units"]} == {"registered"}
    assert {unit["text"] for unit in data["units"]} == {None}
    assert {made["suspect"] for made in data["controls"]} == {None}
    assert data["document"] == {
        "title": "House rules",
        "compared": False,
        "digest": None,
        "ends_early": False,
    }
    text = house.run("trace", document=False).stdout
    assert "not compared: name a copy with --document" in text


def test_a_clause_without_a_control_is_no_whole_trace(tmp_path: Path) -> None:
    house = House(tmp_path, {"BX/BX-3.yaml": None})
    result = house.run("trace")
    assert result.exit_code == 1
    assert "checked    2 of 3 normative and guarded clauses" in result.stdout
    assert "clause     `BX-3` is normative and no control checks it; `BX` sums it up" in result.stdout
    assert "           NO CONTROL CHECKS IT" in result.stdout


def test_verdicts_do_not_change_the_exit_code(house: House) -> None:
    (house.evidence / "boxes.json").write_text("[]", encoding="utf-8")
    result = house.run("trace")
    assert result.exit_code == 0
    assert "> BX-1 unknown (high)" in result.stdout


def test_text_keeps_to_80_columns_and_cannot_steer_a_terminal(house: House) -> None:
    house.revise("where we like", "where \u202e we like ::error " + "and so on " * 200)
    result = house.run("trace", "--no-verdicts")
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    assert "\u202e" not in result.stdout
    assert "[U+202E]" in result.stdout
    assert " ::error" not in result.stdout
    assert "more characters" not in result.stdout


# --- the page -------------------------------------------------------------------------------------


def test_the_page_shows_every_sentence_beside_its_controls(house: House) -> None:
    house.revise("where we like", "<script>alert(1)</script> & “here”")
    result = house.run("trace", "--format", "html", "--format", "json")
    assert result.exit_code == 1
    page = (house.reports / "trace.html").read_text("utf-8")
    data = json.loads((house.reports / "trace.json").read_bytes())
    assert re.findall(r'<section [^>]*data-state="(\w+)"', page) == [unit["state"] for unit in data["units"]]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; “here”" in page
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page
    for control_id in ("BX-1", "BX-2", "BX-3", "META-1"):
        assert f'id="{control_id}"' in page
    targets = set(re.findall(r' id="([^"]*)"', page))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= targets


def test_a_page_that_lost_a_verdict_is_not_handed_over(house: House) -> None:
    from policycheck.reporters import trace_html

    house.run("trace", "--format", "html")
    page = (
        (house.reports / "trace.html")
        .read_text("utf-8")
        .replace('data-check="BX-1" data-status="pass"', 'data-check="BX-1" data-status="fail"')
    )
    data = json.loads(house.run("trace", "--format", "json", "--output", "-").stdout)
    clauses = {clause["id"]: clause for clause in data["clauses"]}
    with pytest.raises(Exception, match="PC901"):
        trace_html._verify_page(page, [trace_html._shown(unit, clauses) for unit in data["units"]], data)


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_the_same_inputs_give_the_same_bytes_whatever_the_path(
    form: str, house: House, tmp_path: Path
) -> None:
    first = house.run("trace", "--format", form, "--output", "-", "--quiet")
    moved = tmp_path / "elsewhere.txt"
    house.document.rename(moved)
    house.document = moved
    assert house.run("trace", "--format", form, "--output", "-", "--quiet").stdout == first.stdout
    assert str(tmp_path / "rules") not in first.stdout
    assert first.exit_code == 0


def test_the_pack_never_holds_the_document(house: House) -> None:
    kept = "".join(path.read_text("utf-8") for path in house.pack.rglob("*") if path.is_file())
    for sentence in split_sentences(DOCUMENT, ABBREVIATIONS):
        assert sentence.text not in kept


# --- check ----------------------------------------------------------------------------------------


def reports(house: House, *more: str, document: bool = True) -> tuple[Result, dict[str, Any], str]:
    result = house.run("check", *more, document=document)
    data = json.loads((house.reports / "report.json").read_bytes())
    jsonschema.validate(data, report_schema())
    return result, data, (house.reports / "report.html").read_text("utf-8")


def test_check_says_nothing_of_suspicion_where_nobody_compared(house: House) -> None:
    result, data, page = reports(house, document=False)
    assert result.exit_code == 0
    assert data["document"] == {"compared": False, "digest": None, "suspects": None}
    assert {made["suspect"] for made in data["controls"]} == {None}
    assert "suspect</span>" not in page


def test_check_with_the_registered_document_clears_every_control(house: House) -> None:
    result, data, _ = reports(house)
    assert result.exit_code == 0
    assert data["document"]["suspects"] == []
    assert {made["suspect"] for made in data["controls"]} == {False}
    assert ", 0 suspect controls" in result.stdout


def test_a_suspect_control_is_no_pass_and_shown_in_every_report(house: House) -> None:
    """Its answer is about another sentence; the roll-up over it follows."""
    house.revise("are locked", "are closed")
    result, data, page = reports(house)
    by_id = {made["id"]: made for made in data["controls"]}
    assert result.exit_code == 3
    assert {name: made["status"] for name, made in by_id.items()} == {
        "BX": "unknown", "BX-1": "unknown", "BX-2": "unknown", "BX-3": "pass", "META-1": "pass",
    }  # fmt: skip
    assert by_id["BX-1"]["reason"]["code"] == "suspect"
    assert {name for name, made in by_id.items() if made["suspect"]} == {"BX-1", "BX-2"}
    assert by_id["BX-2"]["changed_units"] == ["L03.1"]
    assert data["document"]["suspects"] == ["BX-1", "BX-2"]
    assert result.stdout.count("SUSPECT: L03.1 of the policy document is not as registered") == 2
    assert page.count('<span class="status suspect">suspect</span>') == 2


def test_a_fail_of_a_suspect_control_stays_a_fail(house: House) -> None:
    import hashlib

    house.revise("are locked", "are closed")
    rows = house.evidence / "boxes.json"
    before = hashlib.sha256(rows.read_bytes()).hexdigest()
    rows.write_text(rows.read_text().replace("true", "false"), encoding="utf-8")
    manifest = house.evidence / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace(before, hashlib.sha256(rows.read_bytes()).hexdigest()))
    result, data, _ = reports(house)
    assert result.exit_code == 1
    (made,) = [made for made in data["controls"] if made["id"] == "BX-1"]
    assert (made["status"], made["suspect"]) == ("fail", True)


def test_a_suspect_control_is_cleared_by_its_register_entry(house: House) -> None:
    house.revise("are locked", "are closed")
    path = house.pack / "register.yaml"
    text = path.read_text("utf-8")
    old, new = (
        fingerprint(f"Boxes are {word}, and boxes of Example, Inc. Keep a long key.")
        for word in ("locked", "closed")
    )
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert house.run("check").exit_code == 0
    assert house.run("trace").exit_code == 0


# --- documents and packs that cannot be traced ----------------------------------------------------

CUT = {
    "after a unit": (
        DOCUMENT[: DOCUMENT.index("| Day")],
        "rules.txt:5: error[PC613]: the document ends after `L05.1`: the register goes on with "
        "`L06.1` to `L07.1`\n"
        "  help: give the whole document; if the policy now ends here, take `L06.1` to `L07.1` out of "
        "pack/register.yaml and state what it ends with\n1 fault\n",
    ),
    "within a unit": (
        DOCUMENT[: DOCUMENT.index("like!")],
        "rules.txt:4: error[PC613]: the document ends within `L04.1`: the register has 174 "
        "characters of text\n"
        "  help: give the whole document; if the policy now ends here, take `L04.1` to `L07.1` out of "
        "pack/register.yaml and state what it ends with\n1 fault\n",
    ),
    "within the last unit": (
        DOCUMENT.rstrip()[:-2],
        "rules.txt:7: error[PC613]: the document ends within `L07.1`: the register has 174 "
        "characters of text\n"
        "  help: give the whole document; if the policy now ends here, take `L07.1` out of "
        "pack/register.yaml and state what it ends with\n1 fault\n",
    ),
    "empty": (
        "\n",
        "rules.txt: error[PC611]: the document holds no text\n"
        "  help: name the file with the policy's text\n1 fault\n",
    ),
    "another document": (
        "Something else. Altogether.",
        "rules.txt: error[PC612]: this is another document: none of the 2 sentences is in the register "
        "(pack/register.yaml)\n"
        "  help: name the document this pack was written from, or the pack of this document with --pack\n"
        "1 fault\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("command", ["trace", "check"])
@pytest.mark.parametrize("name", CUT)
def test_a_part_is_never_taken_for_the_whole(command: str, name: str, house: House, tmp_path: Path) -> None:
    text, told = CUT[name]
    house.document.write_text(text, encoding="utf-8")
    result = house.run(command, "--quiet")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.replace(f"{tmp_path}/", "") == told
    assert not house.reports.exists()


@given(st.data())
def test_no_beginning_of_a_document_passes_for_the_whole(data: st.DataObject) -> None:
    text = DOCUMENT.rstrip()
    register = registered(split_sentences(text, ABBREVIATIONS))
    end = data.draw(st.integers(min_value=1, max_value=len(text) - 1))
    sentences = split_sentences(text[:end], ABBREVIATIONS)
    if not sentences or text[:end].strip() == text:
        return
    with pytest.raises(InputError, match=r"PC61[23]"):
        compare(register, sentences, "x")


def test_a_revision_that_also_ends_early_is_pointed_out(house: House) -> None:
    house.revise("are locked", "are closed")
    house.document.write_text(house.document.read_text("utf-8").replace("| 2025-01-02 | A |\n", ""), "utf-8")
    result = house.run("trace", "--no-verdicts")
    assert result.exit_code == 1
    assert "The document ends before the register does. Make sure that the copy is whole." in result.stdout
    assert "vanished   L07.1 is in the register and not in the document" in result.stdout


def test_what_cannot_be_read_is_exit_code_2(house: House, tmp_path: Path) -> None:
    house.document = tmp_path
    assert "this is no file" in house.run("trace").stderr
    house.document = tmp_path / "missing.txt"
    result = house.run("trace")
    assert result.exit_code == 2
    assert (
        "missing.txt: error[PC604]: the document cannot be read: No such file or directory" in result.stderr
    )


def test_a_pack_without_a_register_has_no_trace(tmp_path: Path) -> None:
    house = House(tmp_path, {"register.yaml": None, "META/META-1.yaml": None})
    result = house.run("trace", "--quiet", document=False)
    assert result.exit_code == 2
    assert result.stderr.replace(f"{tmp_path}/", "") == (
        "pack/register.yaml: error[PC614]: this pack has no clause register\n"
        "  help: write register.yaml; docs/authoring.md says how\n1 fault\n"
    )
    assert house.run("check", document=False).exit_code == 0
    assert house.run("check").exit_code == 2


def test_without_evidence_the_way_to_leave_verdicts_out_is_named(house: House) -> None:
    house.evidence = house.evidence / "none"
    result = house.run("trace")
    assert result.exit_code == 2
    assert "leave verdicts out with --no-verdicts" in result.stderr
    assert house.run("trace", "--no-verdicts").exit_code == 0


# --- comparing: laws ------------------------------------------------------------------------------


def registered(sentences: tuple[Sentence, ...]) -> ClauseRegister:
    """A register of these sentences, a heading each."""
    units = tuple(Unit(s.id, s.fingerprint, True, ()) for s in sentences)
    return ClauseRegister("t", sum(len(s.text) for s in sentences), (), {}, {}, units, {}, "register.yaml")


def document(words: list[str]) -> tuple[Sentence, ...]:
    return split_sentences("\n".join(f"Kept {word}." for word in words), ())


WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=9)


def sides(matches: tuple[Match, ...]) -> tuple[list[str], list[str]]:
    units = sorted(match.unit.id for match in matches if match.unit)
    return units, [match.sentence.id for match in matches if match.sentence]


@given(WORDS, WORDS)
def test_every_unit_of_either_side_stands_in_the_comparison_once(old: list[str], new: list[str]) -> None:
    register, sentences = registered(document(old)), document(new)
    try:
        matches = compare(register, sentences, "x")
    except InputError:
        return
    units, found = sides(matches)
    assert units == sorted(unit.id for unit in register.units)
    assert found == [sentence.id for sentence in sentences]
    for match in matches:
        if match.unit and match.sentence:
            same = match.unit.fingerprint == match.sentence.fingerprint
            assert same == (match.state in (UnitState.UNCHANGED, UnitState.MOVED))
        else:
            assert match.state is (UnitState.NEW if match.sentence else UnitState.VANISHED)


@given(WORDS)
def test_a_document_is_unchanged_beside_itself(words: list[str]) -> None:
    matches = compare(registered(document(words)), document(words), "x")
    assert {match.state for match in matches} == {UnitState.UNCHANGED}


@given(st.permutations("abcdefgh"), st.integers(min_value=0, max_value=7))
def test_one_changed_sentence_is_one_changed_unit(words: list[str], place: int) -> None:
    other = [*words[:place], "another word", *words[place + 1 :]]
    matches = compare(registered(document(words)), document(other), "x")
    assert [i for i, match in enumerate(matches) if match.state is not UnitState.UNCHANGED] == [place]
    assert matches[place].state is UnitState.CHANGED


# --- the shipped policy ---------------------------------------------------------------------------

NAMED = os.environ.get("POLICYCHECK_POLICY_TEXT", "")
POLICY = Path(NAMED) if NAMED else sample_run.ROOT.parent / "shared" / "policy" / "privacy-policy.txt"
needs_policy = pytest.mark.skipif(
    not POLICY.is_file(),
    reason=f"the text of the policy is not part of this project: {POLICY} is missing, name it in "
    "POLICYCHECK_POLICY_TEXT",
)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The shipped pack, with a control in the place of each that is still to be written."""
    import shutil

    folder = tmp_path_factory.mktemp("complete") / "controls"
    shutil.copytree(sample_run.ROOT / "controls", folder)
    for fault in load_pack(folder, examples=False).gaps:
        clause = fault.message.split("`")[1]
        made = {**control("BX-1"), "id": clause, "clauses": [clause], "subject": "parties"}
        path = folder / clause.split("-")[0] / f"{clause}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(made), encoding="utf-8")
    return load_pack(folder, examples=False)


def trace_policy(pack: Pack, text: Path) -> tuple[int, dict[str, Any]]:
    arguments = [
        "--pack",
        pack.root,
        "--document",
        str(text),
        "--no-verdicts",
        "--format",
        "json",
        "--output",
        "-",
    ]
    result = CliRunner().invoke(cli, ["trace", *arguments])
    return result.exit_code, json.loads(result.stdout)


@needs_policy
def test_every_sentence_of_the_policy_has_its_place(complete: Pack) -> None:
    code, data = trace_policy(complete, POLICY)
    assert code == 0
    assert data["summary"]["states"]["unchanged"] == 103
    assert (data["summary"]["sentences"], data["summary"]["placed"]) == (85, 85)
    assert (data["summary"]["bound_clauses"], data["summary"]["checked_clauses"]) == (109, 109)
    assert data["gaps"] == []


@needs_policy
def test_each_sentence_of_the_policy_makes_its_own_controls_suspect(complete: Pack) -> None:
    """One word of each sentence in turn."""
    assert complete.register is not None
    sentences = split_sentences(POLICY.read_text("utf-8"), complete.register.abbreviations)
    covered = controls_by_clause(complete.controls)
    for place, unit in enumerate(complete.register.units):
        text = sentences[place].text.replace(" ", " indeed ", 1) if " " in sentences[place].text else "Indeed"
        changed = Sentence(sentences[place].id, sentences[place].line, text, fingerprint(text))
        matches = compare(complete.register, [*sentences[:place], changed, *sentences[place + 1 :]], "x")
        meant = {control for clause in unit.clauses for control in covered.get(clause, ())}
        assert set(suspicion_of(complete, matches, "").controls) == meant
        assert sum(not match.state.settled for match in matches) == 1


@needs_policy
def test_the_policy_cut_anywhere_is_refused(complete: Pack, tmp_path: Path) -> None:
    text = POLICY.read_text("utf-8")
    register = _register(complete)
    for end in range(2, len(text) - 1, 97):
        with pytest.raises(InputError, match=r"PC61[23]"):
            compare(register, split_sentences(text[:end], register.abbreviations), "x")
    cut = tmp_path / "cut.txt"
    cut.write_text(text[:9000], encoding="utf-8")
    arguments = ["--pack", complete.root, "--document", str(cut), "--no-verdicts"]
    assert CliRunner().invoke(cli, ["trace", *arguments]).exit_code == 2


def _register(pack: Pack) -> ClauseRegister:
    assert pack.register is not None
    return pack.register


@needs_policy
def test_no_title_repeats_the_words_of_the_policy(complete: Pack) -> None:
    """Six words in a row would be the policy's own."""
    words = re.findall(r"\w+", POLICY.read_text("utf-8").lower())
    runs = {tuple(words[i : i + 6]) for i in range(len(words) - 5)}
    for clause in _register(complete).clauses.values():
        for text in (clause.title, clause.applies, clause.without_control):
            own = re.findall(r"\w+", text.lower())
            assert not runs & {tuple(own[i : i + 6]) for i in range(len(own) - 5)}, clause.id
