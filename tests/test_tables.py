"""Table schemas and cells: what may stand in a column, and that the schema says the same to others."""

from __future__ import annotations

import copy
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from policycheck.cells import CellError, parse_days, parse_instant, parse_utc
from policycheck.documents import read_json
from policycheck.errors import FaultList
from policycheck.model import ColumnType, TableSchema
from policycheck.rows import compile_row_reader, default_row
from policycheck.tables import check_table_schema, read_table_schema

AS_OF = datetime(2026, 3, 2, 12)
THING: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Things",
    "description": "Things to look at.",
    "type": "object",
    "additionalProperties": False,
    "x-key": ["thing_id"],
    "x-max-age-days": 7,
    "x-rules": [{"name": "sane", "expression": "ended_at IS NULL OR not_before(ended_at, seen_at)"}],
    "required": ["thing_id", "kind", "seen_at", "tags"],
    "properties": {
        "thing_id": {"type": "string", "minLength": 1, "examples": ["thing-1"]},
        "kind": {"enum": ["a", "b"], "examples": ["a"]},
        "mode": {"enum": ["x", "y", None]},
        "bits": {"type": ["integer", "null"], "minimum": 0, "maximum": 65536, "x-unit": "bits"},
        "legacy": {"type": ["boolean", "null"]},
        "seen_at": {"type": "string", "format": "instant", "examples": ["2026-03-01T06:00:00Z"]},
        "ended_at": {"type": ["string", "null"], "format": "instant"},
        "born": {"type": ["string", "null"], "format": "partial-date"},
        "valid_to": {"type": ["string", "null"], "format": "date", "x-may-be-future": True},
        "reviewed": {"type": ["string", "null"], "format": "date"},
        "digest": {"type": ["string", "null"], "pattern": "^[0-9a-f]{4}$"},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "examples": [[]]},
        "classes": {
            "type": ["array", "null"], "items": {"enum": ["PHI", "PII"]}, "uniqueItems": True,
        },
        "parent_id": {"type": ["string", "null"], "x-references": "things.thing_id"},
        "proofs": {
            "type": ["array", "null"],
            "items": {
                "type": "object", "additionalProperties": False, "required": ["ref"],
                "properties": {
                    "ref": {"type": "string", "examples": ["ref-1"]},
                    "issued": {"type": ["string", "null"], "format": "date"},
                },
            },
        },
    },
}  # fmt: skip


def schema_of(value: dict[str, Any]) -> tuple[TableSchema | None, FaultList]:
    faults = FaultList()
    document = read_json("things.schema.json", json.dumps(value, indent=1).encode(), faults)
    assert document is not None
    schema = read_table_schema(document, "things", faults)
    if schema is not None:
        check_table_schema(document, schema, {"things": schema}, faults)
    return schema, faults


def things() -> TableSchema:
    schema, faults = schema_of(THING)
    assert schema is not None
    assert not faults.faults
    return schema


READER = compile_row_reader(things(), AS_OF)
NAMES = [column.name for column in READER.schema.columns]


def cell(column: str, value: Any, from_text: bool = False) -> Any:
    """The typed value of one cell, or the code of its fault."""
    raw = {column: value} if from_text else {**default_row(READER.schema, {}), column: value}
    row = READER.read(raw, from_text)
    faults = [fault for fault in row.faults if fault.column == column]
    return faults[0].code if faults else row.values[NAMES.index(column)]


def test_a_schema_becomes_a_table_with_its_children() -> None:
    schema = things()
    assert [(c.name, c.type, c.nullable) for c in schema.columns][:4] == [
        ("thing_id", ColumnType.TEXT, False), ("kind", ColumnType.TEXT, False),
        ("mode", ColumnType.TEXT, True), ("bits", ColumnType.INT, True),
    ]  # fmt: skip
    assert schema.key == ("thing_id",)
    assert schema.max_age_days == 7
    assert schema.column("proofs_count") is not None
    child = schema.children[0]
    assert (child.name, child.parent, child.parent_column, child.key) == (
        "things_proofs",
        "things",
        "proofs",
        (),
    )
    assert [column.name for column in child.columns] == ["thing_id", "ref", "issued"]
    assert schema.rules[0].place.excerpt.strip().startswith('"expression"')


def broken(path: str, value: Any) -> list[str]:
    """The fault codes after setting (or, with None, removing) one part of the schema."""
    changed = copy.deepcopy(THING)
    part: Any = changed
    *steps, last = path.split("/")
    for step in steps:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    _, faults = schema_of(changed)
    return sorted({fault.code for fault in faults.faults})


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("x-key", ["nothing"], "PC322"),
        ("x-key", ["bits"], "PC322"),
        ("x-key", ["tags"], "PC322"),
        ("x-key", None, "PC111"),
        ("x-max-age-days", 0, "PC113"),
        ("$schema", "http://json-schema.org/draft-04/schema", "PC113"),
        ("additionalProperties", True, "PC320"),
        ("required", ["thing_id", "kind", "seen_at", "tags", "bits"], "PC323"),
        ("required", ["thing_id", "kind", "seen_at"], "PC323"),
        ("required", ["thing_id", "kind", "seen_at", "tags", "gone"], "PC323"),
        ("properties/thing_id/examples", None, "PC321"),
        ("properties/thing_id/examples", [""], "PC326"),
        ("properties/bits/minimun", 1, "PC112"),
        ("properties/bits/type", ["number", "null"], "PC321"),
        ("properties/bits/format", "date", "PC321"),
        ("properties/legacy/minimum", 1, "PC321"),
        ("properties/kind/enum", [], "PC321"),
        ("properties/kind/enum", ["a", "a"], "PC321"),
        ("properties/digest/pattern", "[0-9]", "PC321"),
        ("properties/digest/pattern", "^[0-9$", "PC321"),
        ("properties/tags/uniqueItems", False, "PC321"),
        ("properties/tags/items", {"type": "integer"}, "PC321"),
        ("properties/parent_id/x-references", "things", "PC324"),
        ("properties/parent_id/x-references", "others.other_id", "PC324"),
        ("properties/parent_id/x-references", "things.kind", "PC324"),
        ("properties/proofs/items/additionalProperties", None, "PC111"),
        ("properties/Bad Name", {"type": ["string", "null"]}, "PC321"),
        ("properties/proofs_count", {"type": ["integer", "null"]}, "PC321"),
        ("x-rules", [{"name": "a", "expression": "b", "why": "c"}], "PC112"),
        ("x-rulez", [], "PC112"),
    ],
)
def test_a_wrong_schema_is_refused(path: str, value: Any, code: str) -> None:
    assert code in broken(path, value)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("thing_id", "t", "t"),
        ("thing_id", "", "wrong_type"),
        ("thing_id", 3, "wrong_type"),
        ("thing_id", None, "wrong_type"),
        ("thing_id", "a\x00b", "wrong_type"),
        ("kind", "c", "wrong_type"),
        ("kind", "A", "wrong_type"),
        ("mode", None, None),
        ("bits", 256, 256),
        ("bits", 65536, 65536),
        ("bits", 65537, "wrong_type"),
        ("bits", -1, "wrong_type"),
        ("bits", True, "wrong_type"),
        ("bits", "256", "wrong_type"),
        ("bits", Decimal("256.0"), "wrong_type"),
        ("legacy", False, False),
        ("legacy", 0, "wrong_type"),
        ("legacy", "false", "wrong_type"),
        ("digest", "0af9", "0af9"),
        ("digest", "0af9\n", "wrong_type"),
        ("digest", "0AF9", "wrong_type"),
        ("tags", ["b", "a"], ["a", "b"]),
        ("tags", [], []),
        ("tags", ["a", "a"], "wrong_type"),
        ("tags", ["a", None], "wrong_type"),
        ("tags", "a;b", "wrong_type"),
        ("tags", None, "wrong_type"),
        ("classes", ["PII", "PHI"], ["PHI", "PII"]),
        ("classes", ["pii"], "wrong_type"),
        ("reviewed", "2026-03-02", date(2026, 3, 2)),
        ("reviewed", "2026-03-03", "future_date"),
        ("reviewed", "2026-02-30", "wrong_type"),
        ("reviewed", "2026-3-2", "wrong_type"),
        ("reviewed", "20260302", "wrong_type"),
        ("reviewed", "2026-W10-1", "wrong_type"),
        ("reviewed", "٢٠٢٦-٠٣-٠٢", "wrong_type"),
        ("reviewed", "0001-01-01", "wrong_type"),
        ("reviewed", 20260302, "wrong_type"),
        ("valid_to", "2027-03-02", date(2027, 3, 2)),
        ("valid_to", "9999-12-31", "wrong_type"),
        ("born", "1976", (date(1976, 1, 1), date(1976, 12, 31))),
        ("born", "1976-02", (date(1976, 2, 1), date(1976, 2, 29))),
        ("born", "1976-12", (date(1976, 12, 1), date(1976, 12, 31))),
        ("born", "1976-02-29", (date(1976, 2, 29), date(1976, 2, 29))),
        ("born", "2026", (date(2026, 1, 1), date(2026, 12, 31))),
        ("born", "2026-04", "future_date"),
        ("born", "1976-13", "wrong_type"),
        ("born", "1976-00", "wrong_type"),
        ("born", 1976, "wrong_type"),
        ("ended_at", "2026-03-02T12:00:00Z", (AS_OF, AS_OF)),
        ("ended_at", "2026-03-02T12:00:00.000001Z", "future_date"),
        ("ended_at", "2026-03-02", (datetime(2026, 3, 2), datetime(2026, 3, 2, 23, 59, 59, 999999))),
        ("ended_at", "2026-03-03", "future_date"),
    ],
)
def test_cells(column: str, value: Any, expected: Any) -> None:
    found = cell(column, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026-03-02T12:00:00Z", AS_OF, AS_OF),
        ("2026-03-02T13:00:00+01:00", AS_OF, AS_OF),
        ("2026-03-01T23:30:00-12:30", AS_OF, AS_OF),
        ("2026-03-02T12:00:00.5Z", AS_OF + timedelta(milliseconds=500), AS_OF + timedelta(milliseconds=500)),
        ("2026-03-02T12:00:00.000000000Z", AS_OF, AS_OF),
        ("2026-03-02T12:00:00.000000001Z", AS_OF, AS_OF + timedelta(microseconds=1)),
    ],
)
def test_instants_become_utc_intervals(text: str, low: datetime, high: datetime) -> None:
    assert parse_instant(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T12:00:00", "2026-03-02 12:00:00Z", "2026-03-02T12:00Z", "2026-03-02T24:00:00Z",
        "2026-06-30T23:59:60Z", "2026-03-02T12:00:00.0000000001Z", "2026-03-02T12:60:00Z",
        "2026-03-02T25:00:00Z", "2026-02-29T12:00:00Z", "2026-03-02T12:00:00+1:00",
        "2026-03-02T12:00:00+0100",
        "2026-03-02T12:00:00+01:60", "1772452800", "", "2026", "2026-03-02T12:00:00z", "0001-01-01T00:00:00Z",
        "2026-03-02T12:00:00,5Z", "2026-03-02T12:00:00.Z", "2026-03-02T12:00:00Z\n",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(CellError):
        parse_instant(text)


def test_an_exact_instant_is_asked_of_a_manifest() -> None:
    assert parse_utc("2026-03-02T13:00:00+01:00").isoformat() == "2026-03-02T12:00:00+00:00"
    for text in ("2026-03-02", "2026-03-02T12:00:00.000000001Z"):
        with pytest.raises(CellError):
            parse_utc(text)


@given(st.dates(date(1900, 1, 1), date(2999, 12, 31)))
def test_a_partial_date_contains_exactly_its_days(day: date) -> None:
    for text in (day.isoformat(), day.isoformat()[:7], day.isoformat()[:4]):
        low, high = parse_days(text)
        assert low <= day <= high
        assert low.isoformat().startswith(text)
        assert high.isoformat().startswith(text)
        assert not (high + timedelta(days=1)).isoformat().startswith(text)
        assert not (low - timedelta(days=1)).isoformat().startswith(text)


@given(st.datetimes(datetime(1901, 1, 1), datetime(2998, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_offset_changes_nothing_but_the_text(moment: datetime, offset: int) -> None:
    local = moment + timedelta(minutes=offset)
    sign = "-" if offset < 0 else "+"
    text = f"{local.isoformat()}{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    assert parse_instant(text) == (moment, moment)


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("bits", "256", 256),
        ("bits", "", None),
        ("bits", "0256", "wrong_type"),
        ("bits", "2.5e2", "wrong_type"),
        ("bits", " 256", "wrong_type"),
        ("legacy", "true", True),
        ("legacy", "True", "wrong_type"),
        ("legacy", "1", "wrong_type"),
        ("mode", "", None),
        ("thing_id", "", "wrong_type"),
        ("tags", "", []),
        ("tags", "b;a", ["a", "b"]),
        ("tags", "a;;b", "wrong_type"),
        ("tags", "a; b", "wrong_type"),
        ("classes", "", None),
        ("classes", "PHI", ["PHI"]),
        ("born", "1976", (date(1976, 1, 1), date(1976, 12, 31))),
    ],
)
def test_text_cells(column: str, text: str, expected: Any) -> None:
    assert cell(column, text, from_text=True) == expected


def test_lists_become_child_rows() -> None:
    given_ = default_row(READER.schema, {"proofs": [{"ref": "a"}, {"issued": "2020-01-01"}]})
    row = READER.read(given_)
    assert not row.faults
    assert row.children[0] is not None
    assert [item.values for item in row.children[0]] == [["a", None], ["ref-1", date(2020, 1, 1)]]
    assert row.values[NAMES.index("proofs_count")] == 2
    null = READER.read(default_row(READER.schema, {}))
    assert null.children == [None]
    assert null.values[NAMES.index("proofs_count")] is None
    wrong = READER.read(default_row(READER.schema, {"proofs": ["a"]}))
    assert [(fault.column, fault.code) for fault in wrong.faults] == [("proofs_count", "wrong_type")]


def test_unknown_columns_are_named() -> None:
    assert READER.unknown({"thing_id": "a", "bitz": 1, "proofs": [{"reff": 1}]}) == ["bitz", "proofs.reff"]
    assert READER.unknown({"proofs_count": 1}) == ["proofs_count"]


def test_default_rows_take_examples_and_number_their_keys() -> None:
    first, second = default_row(READER.schema, {}, 1), default_row(READER.schema, {}, 2)
    assert first == {"thing_id": "thing-1", "kind": "a", "seen_at": "2026-03-01T06:00:00Z", "tags": []}
    assert second["thing_id"] == "thing-1-2"
    assert default_row(READER.schema, {"thing_id": "x"}, 3)["thing_id"] == "x"


def test_a_future_key_still_names_its_row() -> None:
    changed = copy.deepcopy(THING)
    changed["x-key"] = ["thing_id", "seen_at"]
    schema, _ = schema_of(changed)
    assert schema is not None
    row = compile_row_reader(schema, AS_OF).read(default_row(schema, {"seen_at": "2026-03-03"}))
    assert row.faults[0].code == "future_date"
    assert row.values[[c.name for c in schema.columns].index("seen_at")] is not None


# --- the same verdict as the jsonschema library ---

PLAIN = [name for name in THING["properties"] if name not in ("proofs",)]
DATES = ("seen_at", "ended_at", "born", "valid_to", "reviewed")
VALUES = (
    st.none() | st.booleans() | st.integers(-5, 70_000) | st.text("ab\u00e9x0f", max_size=5)
    | st.sampled_from(["a", "b", "x", "y", "PHI", "PII", "0af9", "2026", ["PHI"], ["a", "a"], [], {}])
    | st.lists(st.sampled_from(["PHI", "PII", "a", "b", 1, None]), max_size=3)
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([name for name in PLAIN if name not in DATES]), VALUES))
def test_cells_agree_with_the_jsonschema_library(values: dict[str, Any]) -> None:
    """Dates aside (formats are this tool's own), a row is without fault exactly if it is valid."""
    raw = {"seen_at": "2026-03-01", **values}
    library = {
        str(error.absolute_path[0]) if error.absolute_path else error.message.split("'")[1]
        for error in Draft202012Validator(THING).iter_errors(raw)
    }
    ours = {fault.column for fault in READER.read(raw).faults}
    assert ours == library
