"""Documents are read strictly, and every fault knows its place."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policycheck.documents import Document, Fields, read_document, read_json, read_yaml
from policycheck.errors import FaultList
from policycheck.json_syntax import parse_json, plain_json


def yaml_of(text: str) -> Document:
    faults = FaultList()
    document = read_yaml("a.yaml", text.encode(), faults)
    assert document is not None, faults.faults
    assert not faults.faults
    return document


def codes(text: str | bytes, path: str = "a.yaml") -> list[str]:
    faults = FaultList()
    data = text if isinstance(text, bytes) else text.encode()
    document = read_document(path, data, faults)
    assert (document is None) == bool(faults.faults)
    return [f"{fault.code} {fault.place}" for fault in faults.faults]


TRAPS = [
    "yes", "no", "on", "off", "y", "n", "Yes", "NO", "ON", "Off", "Y", "N", "True", "TRUE", "False",
    "FALSE", "tRUE", "~", "Null", "NULL", "012", "0o14", "0x1f", "0b1", "1_000", "+5", "-0", "1e3",
    "1.5e3", "1.", ".5", "-.5", ".inf", "-.Inf", ".nan", ".NaN", "22:22", "1:30:00", "190:20:30.15",
    "=", "<<", "00", "-012", "089",
]  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_what_yaml_readers_disagree_about_is_refused_unless_quoted(trap: str) -> None:
    assert codes(f"a: {trap}\n") == ["PC106 a.yaml:1:4"]
    assert codes(f"- [{trap}]\n") == ["PC106 a.yaml:1:4"]
    assert yaml_of(f'a: "{trap}"\n').value == {"a": trap}
    assert yaml_of(f"a: '{trap}'\n").value == {"a": trap}


def test_plain_scalars_have_one_meaning() -> None:
    text = "a: true\nb: false\nc: null\nd: 0\ne: -12\nf: 1.50\ng: 2026-03-02\nh: 0.1.0\ni: no way\nj: nay\n"
    assert yaml_of(text).value == {
        "a": True, "b": False, "c": None, "d": 0, "e": -12, "f": Decimal("1.50"), "g": "2026-03-02",
        "h": "0.1.0", "i": "no way", "j": "nay",
    }  # fmt: skip
    assert isinstance(yaml_of("1.0").value, Decimal)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n", ["PC106 a.yaml:1:3"]),
        ("a: &x b\n", ["PC104 a.yaml:1:4"]),
        ("a: *x\n", ["PC104 a.yaml:1:4"]),
        ("a: !!python/object/apply:os.system [x]\n", ["PC104 a.yaml:1:4"]),
        ("a: ! b\n", ["PC104 a.yaml:1:4"]),
        ("a: b\n---\nc: d\n", ["PC104 a.yaml:2:1"]),
        ("%YAML 1.1\n---\na: b\n", ["PC104 a.yaml:1:1"]),
        ("a: b\na: c\n", ["PC105 a.yaml:2:1"]),
        ("a: b\nA: c\n", ["PC105 a.yaml:2:1"]),
        ("ä: b\na\u0308: c\n", ["PC105 a.yaml:2:1"]),
        ('{a: 1, "a": 2}\n', ["PC105 a.yaml:1:8"]),
        ("a: [\n", ["PC101 a.yaml:2:1"]),
        ("", ["PC101 a.yaml:1:1"]),
        ("# only words\n", ["PC101 a.yaml:1:1"]),
        ("on: push\n", ["PC106 a.yaml:1:1"]),
        ("1: a\n", ["PC108 a.yaml:1:1"]),
        ("null: a\n", ["PC108 a.yaml:1:1"]),
        ("? [a]\n: b\n", ["PC108 a.yaml:1:3"]),
        ('"a\\u202eb": c\n', ["PC108 a.yaml:1:1"]),
        ('"a\\u200bb": c\n', ["PC108 a.yaml:1:1"]),
        ('"": c\n', ["PC108 a.yaml:1:1"]),
        ("a: 9223372036854775808\n", ["PC107 a.yaml:1:4"]),
        ("a: " + "9" * 5000 + "\n", ["PC107 a.yaml:1:4"]),
        ("a: b\rc: d\n", ["PC102 a.yaml:1:1"]),
        ("a: b\u2028c: d\n", ["PC102 a.yaml:1:1"]),
        ("- " * 100_000, ["PC103 a.yaml:1:65"]),
        ("[" * 100_000, ["PC103 a.yaml:1:33"]),
    ],
)
def test_a_refused_document_has_one_fault_with_its_place(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_bytes_that_are_no_text_are_refused() -> None:
    assert codes(b"a: b\nc: \xff\n") == ["PC102 a.yaml:2"]
    assert codes("a: b".encode("utf-16")) == ["PC102 a.yaml:1"]
    assert codes(b"x" * (8 * 1024 * 1024 + 1)) == ["PC103 a.yaml"]
    assert codes(b"a", "a.toml") == ["PC109 a.toml"]
    assert yaml_of("\ufeffa: b").value == {"a": "b"}


def test_many_faults_of_one_file_are_cut_short() -> None:
    shown = codes("".join(f"k{i}: yes\n" for i in range(100)))
    assert len(shown) == 21


def test_every_value_and_key_has_its_place() -> None:
    document = yaml_of("a:\n  - b: 1\n    c: two\n  - {d: 3}\ne: >\n  folded\n  text\nf: 'quoted'\n")
    assert str(document.place(("a", 0, "c"))) == "a.yaml:3:8"
    assert str(document.place(("a", 0, "c"), key=True)) == "a.yaml:3:5"
    assert str(document.place(("a", 1, "d"))) == "a.yaml:4:9"
    assert document.place(("a", 1, "d")).excerpt == "  - {d: 3}"
    assert str(document.place(("a", 1, "nothing", "below"))) == "a.yaml:4:5"
    assert str(document.text_place(("e",))) == "a.yaml:6:3"
    assert str(document.text_place(("f",))) == "a.yaml:8:5"


def test_json_has_the_same_rules_and_places() -> None:
    faults = FaultList()
    document = read_json("a.json", b'{"a": [1,\n  {"b": "x"}], "c": 1.5}', faults)
    assert document is not None
    assert document.value == {"a": [1, {"b": "x"}], "c": Decimal("1.5")}
    assert str(document.place(("a", 1, "b"))) == "a.json:2:9"
    assert str(document.place(("a", 1, "b"), key=True)) == "a.json:2:4"
    assert str(document.place(("c",))) == "a.json:2:21"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "a": 2}', "PC105 a.json:1:10"),
        ('{"a": 1, "A": 2}', "PC105 a.json:1:10"),
        ('{"a": NaN}', "PC101 a.json:1:7"),
        ("[1,\n2", "PC101 a.json:2:2"),
        ("[1] x", "PC101 a.json:1:5"),
        ('"\\ud800"', "PC101 a.json:1:1"),
        ("1e3", "PC106 a.json:1:1"),
        ("[01]", "PC106 a.json:1:2"),
        ("[-0]", "PC106 a.json:1:2"),
        ('["a",]', "PC101 a.json:1:6"),
        ('{"a":1,}', "PC101 a.json:1:8"),
        ("", "PC101 a.json:1:1"),
        ("9223372036854775808", "PC107 a.json:1:1"),
        ('["\\q"]', "PC101 a.json:1:2"),
        ('"a\nb"', "PC101 a.json:1:1"),
        ("[" * 100_000, "PC103 a.json:1:33"),
    ],
)
def test_refused_json_has_one_fault_with_its_place(text: str, expected: str) -> None:
    assert codes(text, "a.json") == [expected]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefg", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(ANY)
def test_what_json_writes_is_read_back(value: object) -> None:
    faults = FaultList()
    for ascii_ in (True, False):
        document = read_json("a.json", json.dumps(value, ensure_ascii=ascii_).encode(), faults)
        assert document is not None
        assert document.value == value


@given(ANY)
def test_what_yaml_writes_is_read_back(value: object) -> None:
    """PyYAML quotes what YAML 1.1 would misread, so its output is strict but for a few scalars."""
    text = yaml.safe_dump(value, default_style='"', allow_unicode=False)
    plain = yaml.safe_dump(value, allow_unicode=True)
    faults = FaultList()
    document = read_yaml("a.yaml", plain.encode(), faults)
    if document is not None:
        assert document.value == value
    assert isinstance(text, str)


@given(st.text(alphabet='{}[]":,\\ \n0123456789.eE+-truefalsn\u00e9\ud7ff', max_size=40))
@settings(max_examples=400)
def test_the_fast_json_reader_takes_nothing_that_the_other_refuses(text: str) -> None:
    try:
        fast = plain_json(text)
    except (ValueError, RecursionError):
        return
    faults: list[str] = []

    def report(code: str, message: str, spot: object, help: str = "") -> None:
        faults.append(code)

    parsed = parse_json(text, report)
    assert not faults
    assert parsed is not None
    assert repr(parsed.value) == repr(fast)


@given(st.binary(max_size=200) | st.text(alphabet="a:-[]{}&*!|>'\"#%@`, \n\t?yesno0x1e_.~<=", max_size=60))
@settings(max_examples=600)
def test_no_bytes_crash_a_reader(raw: bytes | str) -> None:
    data = raw if isinstance(raw, bytes) else raw.encode()
    for path in ("a.yaml", "a.json"):
        codes(data, path)


# --- fields ---


def fields_of(text: str) -> tuple[Fields, FaultList]:
    faults = FaultList()
    return Fields(yaml_of(text), (), faults, "a thing"), faults


def test_fields_answer_typed_values() -> None:
    fields, faults = fields_of(
        "t: x\ni: 3\nb: true\nc: red\nl: [a, b]\nm: {k: v}\ne: [{u: 1}, {u: 2}]\ng: {p: {u: 3}}\n"
        "w: {k: v}\nz: null\n"
    )
    assert fields.text("t") == "x"
    assert fields.integer("i", minimum=3, maximum=3) == 3
    assert fields.boolean("b") is True
    assert fields.choice("c", ["red", "blue"]) == "red"
    assert fields.texts("l") == ("a", "b")
    inner = fields.fields("m", "an inner thing")
    assert inner is not None
    assert inner.text("k") == "v"
    assert [each.integer("u") for each in fields.each("e", "an element")] == [1, 2]
    assert [(name, each.integer("u")) for name, each in fields.entries("g", "an entry")] == [("p", 3)]
    assert fields.text_entries("w") == {"k": "v"}
    assert fields.text("z", None) is None
    assert fields.text("absent", "else") == "else"
    assert fields.each("absent", "x") == []
    fields.close()
    assert not faults.faults


def test_wrong_fields_add_faults_and_answer_neutral_values() -> None:
    fields, faults = fields_of(
        "t: 3\ni: true\nb: 1\nc: grey\nl: [a, 2]\nm: [1]\nz: null\nbig: 9\nblank: ' '\ntypo: 1\n"
    )
    assert fields.text("t") == ""
    assert fields.integer("i") == 0
    assert fields.boolean("b") is False
    assert fields.choice("c", ["green"]) == ""
    assert fields.texts("l") == ("a",)
    assert fields.fields("m", "x") is None
    assert fields.text("z") == ""
    assert fields.integer("big", maximum=8) == 9
    assert fields.text("blank").strip() == ""
    assert fields.text("missing") == ""
    fields.close()
    found = [f"{fault.code} {fault.place.line}" for fault in faults.faults]
    assert found == ["PC111 1", "PC110 1", "PC110 2", "PC110 3", "PC113 4", "PC110 5", "PC110 6", "PC110 7",
                     "PC113 8", "PC113 9", "PC112 10"]  # fmt: skip
    assert any("quote it" in fault.help for fault in faults.faults)


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    fields, faults = fields_of("severty: high\n")
    fields.text("severity", None)
    fields.close()
    assert faults.faults[0].help == "did you mean `severity`?"
    assert str(faults.faults[0].place) == "a.yaml:1:1"
