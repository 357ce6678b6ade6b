"""A pack that is wrong is refused, with the place, the cause and the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import small_pack
from policycheck.errors import InputError
from policycheck.pack import load_pack
from small_pack import BOXES, CONTROL, PROFILE, compile_folder, write_pack

YAML = """\
id: BX-1
title: Boxes are locked
clauses: [BX-1]
severity: high
rationale: An open box keeps nothing.
remediation: Lock it.
subject: boxes
expect:
  locked: locked
otherwise:
  locked: "{subject} is open"
"""
LENGTH = {**CONTROL, "expect": {"bits": "bits >= $min_bits"}, "otherwise": {"bits": "short"}}
BITS = {"value": 256, "unit": "bits", "at_least": 256, "description": "Key length."}
MEMO = {
    "id": "INT-01", "title": "t", "clauses": ["BX-1"], "question": "q", "reading": "r", "approved": True,
    "approved_by": "counsel", "approved_at": "2026-01-02",
}  # fmt: skip


def control(**changes: Any) -> dict[str, Any]:
    return {"BX/BX-1.yaml": {**CONTROL, **changes}}


def expects(expression: str) -> dict[str, Any]:
    return control(expect={"locked": expression})


def line(old: str, new: str) -> dict[str, Any]:
    assert old in YAML
    return {"BX/BX-1.yaml": YAML.replace(old, new, 1)}


def refusal(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        compile_folder(folder)
    return caught.value


def test_the_small_pack_is_sound(tmp_path: Path) -> None:
    compiled, session = compile_folder(write_pack(tmp_path, {"BX/BX-1.yaml": YAML}))
    session.close()
    assert compiled.order == ("BX-1",)


# What is wrong, the file and line it is found at (0: any), and what the message or its help must say.
FAULTY: dict[str, tuple[dict[str, Any], str, str]] = {
    "broken yaml": (line("clauses: [BX-1]", "clauses: [BX-1"), "BX/BX-1.yaml:", ""),
    "duplicate key": (line("severity: high", "severity: high\nseverity: low"), "BX/BX-1.yaml:5:", "severity"),
    "tag": (line("title: Boxes", "title: !!python/name:os.system Boxes"), "BX/BX-1.yaml:2:", ""),
    "anchor": (line("title: Boxes", "title: &a Boxes"), "BX/BX-1.yaml:2:", ""),
    "yes": (line("title: Boxes are locked", "title: yes"), "BX/BX-1.yaml:2:", "quote"),
    "octal": (line("title: Boxes are locked", "title: 012"), "BX/BX-1.yaml:2:", "quote"),
    "unknown key": (line("severity:", "severety:"), "BX/BX-1.yaml:4:", "`severity`"),
    "unknown severity": (line("severity: high", "severity: hihg"), "BX/BX-1.yaml:4:", "`high`"),
    "unknown subject": (control(subject="boxs"), "BX/BX-1.yaml:", "`boxes`"),
    "unknown column": (expects("lockd"), "BX/BX-1.yaml:", "`locked`"),
    "unknown function": (expects("befor(made_at, $as_of_day)"), "BX/BX-1.yaml:", "`before`"),
    "unknown parameter": (expects("bits >= $min_bits"), "BX/BX-1.yaml:", "min_bits"),
    "not a boolean": (expects("bits"), "BX/BX-1.yaml:", ""),
    "two types": (expects("bits = 'many'"), "BX/BX-1.yaml:", ""),
    "two statements": (expects("true) FROM boxes; DROP TABLE boxes; --"), "BX/BX-1.yaml:", ""),
    "statement after": (expects("locked; SELECT 1"), "BX/BX-1.yaml:", ""),
    "reads no evidence": (expects("1 = 1"), "BX/BX-1.yaml:", ""),
    "reads a file": (expects("EXISTS (SELECT 1 FROM read_text('/etc/passwd') f)"), "BX/BX-1.yaml:", ""),
    "clock": (expects("made_at < current_date"), "BX/BX-1.yaml:", "$as_of"),
    "is true": (expects("locked IS TRUE"), "BX/BX-1.yaml:", ""),
    "coalesce to true": (expects("coalesce(locked, true)"), "BX/BX-1.yaml:", ""),
    "not in select": (
        expects("box_id NOT IN (SELECT k.box_id FROM keys k)"), "BX/BX-1.yaml:", "",
    ),
    "exists over nullable": (
        expects("NOT EXISTS (SELECT 1 FROM keys k WHERE k.box_id = subject.box_id AND k.copied)"),
        "BX/BX-1.yaml:", "",
    ),
    "no expectation": (control(expect={}, otherwise={}), "BX/BX-1.yaml:", ""),
    "no message": (control(otherwise={}), "BX/BX-1.yaml:", "otherwise"),
    "message of nothing": (control(otherwise={"locked": "{lokced}"}), "BX/BX-1.yaml:", "`locked`"),
    "unknown prerequisite": (control(requires=["BX-2"]), "BX/BX-1.yaml:", "`BX-1`"),
    "exception without rules": (control(exceptions={"allowed": True}), "BX/BX-1.yaml:", "rules"),
    "another id": (control(id="BX-3"), "BX/BX-1.yaml:", "BX/BX-3.yaml"),
    "unknown age": (control(max_age_days={"boxen": 3}), "BX/BX-1.yaml:", "`boxes`"),
    "circle": (
        {**control(requires=["BX-2"]), "BX/BX-2.yaml": {**CONTROL, "id": "BX-2", "requires": ["BX-1"]}},
        "BX/BX-1.yaml:", "BX-1 > BX-2 > BX-1",
    ),
    "stray file": ({"notes.txt": "x"}, "notes.txt", "pack"),
    "guard that is none": (
        {"pack.yaml": {**small_pack.HEAD, "guards": ["BX-9"]}}, "pack.yaml", "BX-9",
    ),
    "default profile that is none": (
        {"pack.yaml": {**small_pack.HEAD, "default_profile": "plan"}}, "", "`plain`",
    ),
    "profile of nothing": (
        {"profiles/plain.yaml": {**PROFILE, "parameters": {"min_bits": {"value": 1}}}},
        "profiles/plain.yaml:", "min_bits",
    ),
    "default looser than its bound": (
        {"BX/BX-1.yaml": LENGTH, "parameters.yaml": {"min_bits": {**BITS, "value": 128}}},
        "parameters.yaml:", "at least 256",
    ),
    "choice looser than the bound": (
        {
            "BX/BX-1.yaml": LENGTH, "parameters.yaml": {"min_bits": BITS},
            "profiles/plain.yaml": {**PROFILE, "parameters": {"min_bits": {"value": 128}}},
        },
        "profiles/plain.yaml:", "at least 256",
    ),
    "stricter choice without a memo": (
        {
            "BX/BX-1.yaml": LENGTH, "parameters.yaml": {"min_bits": BITS},
            "profiles/plain.yaml": {**PROFILE, "parameters": {"min_bits": {"value": 512}}},
        },
        "profiles/plain.yaml:", "memo",
    ),
    "memo that is none": (
        {
            "BX/BX-1.yaml": LENGTH, "parameters.yaml": {"min_bits": BITS},
            "profiles/plain.yaml": {**PROFILE, "parameters": {"min_bits": {"value": 128, "memo": "INT-09"}}},
        },
        "profiles/plain.yaml:", "INT-09",
    ),
    "memo not approved": (
        {
            "BX/BX-1.yaml": LENGTH, "parameters.yaml": {"min_bits": BITS},
            "profiles/plain.yaml": {**PROFILE, "parameters": {"min_bits": {"value": 128, "memo": "INT-01"}}},
            "interpretations/INT-01.yaml": {**MEMO, "approved": False},
        },
        "profiles/plain.yaml:", "approved",
    ),
    "choice of another type": (
        {
            "BX/BX-1.yaml": LENGTH, "parameters.yaml": {"min_bits": BITS},
            "profiles/plain.yaml": {**PROFILE, "parameters": {"min_bits": {"value": True, "memo": "INT-01"}}},
            "interpretations/INT-01.yaml": MEMO,
        },
        "profiles/plain.yaml:", "int",
    ),
    "view that reads itself": (
        {"views/a.sql": "SELECT b.box_id FROM b b\n", "views/b.sql": "SELECT a.box_id FROM a a\n"},
        "views/", "circle",
    ),
    "view without a base as subject": (
        {"views/few.sql": "SELECT b.* FROM boxes b\n", **control(subject="few")}, "BX/BX-1.yaml:", "base",
    ),
    "schema that is no json": (
        {"tables/boxes.schema.json": '{"title": }'}, "tables/boxes.schema.json:1:", "",
    ),
    "key that is no column": (
        {"tables/boxes.schema.json": {**BOXES, "x-key": ["box"]}}, "tables/boxes.schema.json", "box",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_pack_is_refused(name: str, tmp_path: Path) -> None:
    files, where, words = FAULTY[name]
    error = refusal(write_pack(tmp_path, files))
    text = str(error).replace(str(tmp_path) + "/", "")
    assert where in text
    assert words in text
    for fault in error.faults:
        assert fault.code.startswith("PC")
        assert fault.message
        assert fault.place.path


@pytest.mark.parametrize("control_id", ["BX-1", "BX-1.2", "BX-1.2a", "BX-1.3-G"])
def test_a_control_is_named_after_its_clause(control_id: str, tmp_path: Path) -> None:
    files = {f"BX/{control_id}.yaml": {**CONTROL, "id": control_id}}
    assert control_id in load_pack(write_pack(tmp_path, files)).controls


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    files = {**expects("lockd"), "BX/BX-2.yaml": {**CONTROL, "id": "BX-2", "subject": "boxs"}}
    error = refusal(write_pack(tmp_path, files))
    assert {f.place.path.rsplit("/", 1)[1] for f in error.faults} == {"BX-1.yaml", "BX-2.yaml"}


def test_the_caret_stands_under_the_wrong_word(tmp_path: Path) -> None:
    error = refusal(
        write_pack(tmp_path, {"BX/BX-1.yaml": YAML.replace("locked: locked\n", "locked: lockd\n")})
    )
    fault = error.faults[0]
    assert (fault.place.line, fault.place.column) == (9, 11)
    assert fault.place.with_caret().splitlines()[-1].rstrip().endswith("^")


def test_a_folder_that_is_no_pack(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError) as caught:
            load_pack(folder)
        assert caught.value.faults[0].code == "PC301"
        assert caught.value.faults[0].help


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack")
    (folder / "views").mkdir()
    (folder / "views" / "x.sql").symlink_to("/etc/hostname")
    assert "PC302" in {f.code for f in refusal(folder).faults}


def test_a_looser_value_stands_on_an_approved_memo_and_is_told(tmp_path: Path) -> None:
    files = {
        "BX/BX-1.yaml": LENGTH,
        "parameters.yaml": {"min_bits": BITS},
        "profiles/plain.yaml": {**PROFILE, "parameters": {"min_bits": {"value": 128, "memo": "INT-01"}}},
        "interpretations/INT-01.yaml": MEMO,
    }
    assessment = small_pack.judge(write_pack(tmp_path, files), {"boxes": [{"bits": 128}]})
    (choice,) = assessment.parameters
    assert (choice.value, choice.default, choice.within_bound, choice.memo) == (128, 256, False, "INT-01")
    assert [memo.id for memo in assessment.interpretations] == ["INT-01"]
    assert assessment.gate.open


def test_the_digest_follows_the_contents_and_not_the_folder(tmp_path: Path) -> None:
    first = load_pack(write_pack(tmp_path / "a")).digest
    assert load_pack(write_pack(tmp_path / "b")).digest == first
    assert load_pack(write_pack(tmp_path / "c", line("Lock it", "Lock  it"))).digest != first
