"""The sample organisation is sound evidence: its files match its manifest and its rows match the schemas.

Reads plain files with plain parsers, so that it cannot share a mistake with the loader.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "evidence"
STATUSES = {"pass", "fail", "unknown", "excepted", "na"}

Row = dict[str, Any]


class _Text(yaml.CSafeLoader):
    """YAML in which a date stays the text it is."""


_Text.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _yaml(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Text)


SCHEMAS: dict[str, Row] = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "controls" / "tables").glob("*.schema.json"))
}
MANIFEST: Row = _yaml(EVIDENCE / "manifest.yaml")
SOURCES: list[Row] = MANIFEST["sources"]
PLANTED: list[Row] = _yaml(ROOT / "tests" / "data" / "planted_gaps.yaml")
TAMPERED = {gap["source"] for gap in PLANTED if gap.get("state") == "tampered"}
ABSENT = {gap["table"] for gap in PLANTED if gap.get("state") == "missing"}


def _files(source: Row) -> list[Path]:
    return sorted(EVIDENCE.glob(source["path"]))


def _cell(text: str, column: Row) -> Any:
    """The value of a CSV cell, by the type its schema states."""
    kinds = column.get("type", [])
    if text == "":
        return [] if kinds == "array" else None
    if "boolean" in kinds:
        return {"true": True, "false": False}.get(text, text)
    if "integer" in kinds:
        return int(text)
    return text.split(";") if "array" in kinds else text


def _rows(path: Path, table: str) -> list[Row]:
    if path.suffix == ".ndjson":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".csv":
        columns = SCHEMAS[table]["properties"]
        with path.open(encoding="utf-8", newline="") as lines:
            return [
                {name: _cell(cell, columns[name]) for name, cell in row.items()}
                for row in csv.DictReader(lines)
            ]
    value = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else _yaml(path)
    return value if isinstance(value, list) else [value]


def _tables() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for source in SOURCES:
        for path in _files(source):
            found.setdefault(source["table"], []).extend(_rows(path, source["table"]))
    return found


TABLES = _tables()


def _digest(source: Row) -> str:
    files = _files(source)
    if "*" not in source["path"]:
        return hashlib.sha256(files[0].read_bytes()).hexdigest()
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(EVIDENCE).as_posix()}\n"
        for path in files
    )
    return hashlib.sha256(lines.encode()).hexdigest()


def _references(table: str) -> Iterator[tuple[str, str, str]]:
    for name, column in SCHEMAS[table]["properties"].items():
        if "x-references" in column:
            target, key = column["x-references"].split(".")
            yield name, target, key


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source["evidence_id"])
def test_the_digest_is_that_of_the_file_unless_tampering_is_planted(source: Row) -> None:
    assert _files(source), f"no file at {source['path']}"
    assert (_digest(source) == source["file_sha256"]) == (source["evidence_id"] not in TAMPERED), _digest(
        source
    )


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source["evidence_id"])
def test_the_manifest_counts_the_rows(source: Row) -> None:
    assert sum(len(_rows(path, source["table"])) for path in _files(source)) == source["row_count"]


def test_every_file_is_in_the_manifest() -> None:
    listed = {path for source in SOURCES for path in _files(source)}
    beside = {EVIDENCE / "manifest.yaml", EVIDENCE / "README.md"}
    assert {path for path in EVIDENCE.rglob("*") if path.is_file()} == listed | beside


def test_every_table_but_the_planted_missing_one_has_a_source() -> None:
    assert set(SCHEMAS) - set(TABLES) == ABSENT


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_row_satisfies_its_schema(table: str) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMAS[table])
    faults = [(row, error.message) for row in TABLES[table] for error in validator.iter_errors(row)]
    assert faults == []


@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_key_occurs_twice(table: str) -> None:
    keys = [tuple(row[name] for name in SCHEMAS[table]["x-key"]) for row in TABLES[table]]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_reference_resolves(table: str) -> None:
    for name, target, key in _references(table):
        if target in TABLES:
            known = {row[key] for row in TABLES[target]}
            dangling = {row[name] for row in TABLES[table] if row.get(name) is not None} - known
            assert dangling == set(), f"{table}.{name}"


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_a_schema_is_valid_and_its_examples_make_a_row(table: str) -> None:
    """The first example of each required column makes a row that the schema accepts."""
    schema = SCHEMAS[table]
    jsonschema.Draft202012Validator.check_schema(schema)
    row = {name: schema["properties"][name]["examples"][0] for name in schema["required"]}
    jsonschema.Draft202012Validator(schema).validate(row)


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_a_column_is_nullable_exactly_if_it_is_not_required(table: str) -> None:
    schema = SCHEMAS[table]
    for name, column in schema["properties"].items():
        nullable = None in column["enum"] if "enum" in column else "null" in column["type"]
        assert nullable != (name in schema["required"]), name
        assert column["description"]


def test_planted_gaps_are_well_formed() -> None:
    for gap in PLANTED:
        assert gap["why"]
        if "control" in gap:
            assert gap["status"] in STATUSES
            assert gap.get("subject") or gap.get("reason")
        else:
            assert {"source", "table", "exception"} & set(gap)
            assert gap["state"]
