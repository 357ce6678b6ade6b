"""Runs the shipped pack over evidence folders, and rewrites the sample evidence for tests.

One compiled pack and one session serve all runs of a process: only the rows change between them.
The rewriting uses plain parsers and writers, so that it cannot share a mistake with the loader.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policycheck.assessment import assess
from policycheck.compiled import CompiledPack
from policycheck.compiler import compile_pack
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import FaultList
from policycheck.evidence import load_evidence
from policycheck.loading import load
from policycheck.model import Pack
from policycheck.outcomes import Assessment
from policycheck.pack import load_pack
from policycheck.parameters import find_profile, resolve_parameters

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "evidence"
AS_OF = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMIT = 100_000

Row = dict[str, Any]


# --- running --------------------------------------------------------------------------------------


@cache
def shipped_pack() -> Pack:
    return load_pack(ROOT / "controls", examples=False)


def compile_afresh(profile: str | None = None) -> tuple[CompiledPack, DuckDBSession]:
    """The shipped pack under a profile, and a session with its tables and views, without rows."""
    pack = shipped_pack()
    faults = FaultList()
    resolved = resolve_parameters(pack, find_profile(pack, profile), faults)
    session = DuckDBSession()
    compiled = compile_pack(pack, resolved, AS_OF, session, faults)
    faults.raise_if_any()
    return compiled, session


compiled_pack = cache(compile_afresh)


def run(folder: Path, profile: str | None = None, limit: int = LIMIT, **how: Any) -> Assessment:
    """The assessment of an evidence folder at the sample's instant."""
    parquet = any(folder.rglob("*.parquet"))
    # A session that has judged is sealed, and a sealed session reads no file.
    compiled, session = (compile_afresh if parquet else compiled_pack)(profile)
    session.clear()
    evidence = load_evidence(folder, compiled.pack.tables, AS_OF)
    return assess(compiled, load(compiled, evidence, session), session, finding_limit=limit, **how)


def verdicts(assessment: Assessment) -> dict[tuple[str, str], str]:
    """(control, subject) to status for every subject that is not a pass; (control, "") for the control."""
    found = {}
    for result in assessment.controls:
        found[result.control.id, ""] = result.status.value
        for finding in result.findings:
            found[result.control.id, finding.subject] = finding.status.value
    return found


# --- rewriting the sample -------------------------------------------------------------------------


class _Text(yaml.CSafeLoader):
    """YAML in which a date stays the text it is."""


_Text.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml_text(text: str) -> Any:
    return yaml.load(text, Loader=_Text)


@cache
def schemas() -> dict[str, Row]:
    return {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "controls" / "tables").glob("*.schema.json"))
    }


def kinds(column: Row) -> list[str]:
    kind = column.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _from_csv(text: str, column: Row) -> Any:
    if text == "":
        return [] if "array" in kinds(column) and "null" not in kinds(column) else None
    if "boolean" in kinds(column):
        return {"true": True, "false": False}[text]
    if "integer" in kinds(column):
        return int(text)
    return text.split(";") if "array" in kinds(column) else text


def _to_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ";".join(value) if isinstance(value, list) else str(value)


def fits_csv(table: str, rows: list[Row]) -> bool:
    """Whether CSV can say what these rows say: no nested lists, no difference of null and empty."""
    columns = schemas()[table]["properties"]
    for row in rows:
        for name, value in row.items():
            if isinstance(value, list):
                if any(not isinstance(v, str) or ";" in v or v == "" for v in value):
                    return False
                if not value and "null" in kinds(columns[name]):
                    return False
            if value == "":
                return False
    return not any(
        isinstance(c.get("items"), dict) and c["items"].get("type") == "object" for c in columns.values()
    )


def written(rows: list[Row], suffix: str, table: str) -> bytes:
    """The rows in one of the evidence formats."""
    if suffix == ".parquet":
        return _parquet(rows, table)
    if suffix == ".json":
        text = json.dumps(rows, indent=1, ensure_ascii=False)
    elif suffix == ".ndjson":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif suffix == ".yaml":
        text = (
            "".join(
                "-\n" + "".join(f"  {k}: {json.dumps(v, ensure_ascii=False)}\n" for k, v in row.items())
                for row in rows
            )
            or "[]\n"
        )
    else:
        names = [n for n in schemas()[table]["properties"] if any(n in row for row in rows)]
        names = names or list(schemas()[table]["properties"])
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_to_csv(row.get(name)) for name in names] for row in rows)
        text = out.getvalue()
    return text.encode()


def _parquet(rows: list[Row], table: str) -> bytes:
    """Text, integers, booleans and lists of text; days and instants as the text they are in the others."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"boolean": pa.bool_(), "integer": pa.int64(), "array": pa.list_(pa.string())}
    columns = {}
    for name, column in schemas()[table]["properties"].items():
        kind = next((types[k] for k in kinds(column) if k in types), pa.string())
        columns[name] = pa.array([row.get(name) for row in rows], kind)
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@dataclass
class SampleSource:
    """One manifest entry with its files: path to rows, or to bytes that stay as they are."""

    entry: Row
    files: dict[str, list[Row]]
    raw: dict[str, bytes]
    digest_is_right: bool
    changed: bool = False

    @property
    def table(self) -> str:
        return str(self.entry["table"])

    @property
    def rows(self) -> list[Row]:
        return [row for rows in self.files.values() for row in rows]

    def set_rows(self, rows: list[Row], suffix: str) -> None:
        """One file with these rows in this format, instead of what the source had."""
        path = f"rewritten/{self.entry['evidence_id']}{suffix}"
        self.files, self.entry["path"], self.changed = {path: rows}, path, True
        self.entry["row_count"] = len(rows)


@dataclass
class Sample:
    """The sample evidence in memory; `write` puts it into a folder with a manifest that fits."""

    head: Row
    sources: list[SampleSource]
    others: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> Sample:
        return copy.deepcopy(self)

    def source(self, evidence_id: str) -> SampleSource:
        return next(s for s in self.sources if s.entry["evidence_id"] == evidence_id)

    def write(self, folder: Path) -> Path:
        """Digests are right for what is written, but where the sample itself plants a wrong one."""
        entries = []
        for source in self.sources:
            entry = dict(source.entry)
            digests = {}
            for path, rows in source.files.items():
                data = source.raw[path] if not source.changed else self._encode(path, rows, source.table)
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                digests[path] = hashlib.sha256(data).hexdigest()
            if source.changed and source.digest_is_right:
                entry["file_sha256"] = self._joint(entry["path"], digests)
            entries.append(entry)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.yaml").write_text(
            json.dumps({**self.head, "sources": entries}, indent=1), encoding="utf-8"
        )
        return folder

    @staticmethod
    def _encode(path: str, rows: list[Row], table: str) -> bytes:
        if table == "exceptions" and path.startswith("exceptions/"):
            return json.dumps(rows[0], indent=1).encode()
        return written(rows, Path(path).suffix, table)

    @staticmethod
    def _joint(pattern: str, digests: dict[str, str]) -> str:
        if "*" not in pattern:
            return next(iter(digests.values()))
        lines = "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))
        return hashlib.sha256(lines.encode()).hexdigest()


def _read_rows(path: Path, table: str) -> list[Row]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ndjson":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if path.suffix == ".csv":
        columns = schemas()[table]["properties"]
        return [
            {name: _from_csv(cell, columns[name]) for name, cell in row.items()}
            for row in csv.DictReader(io.StringIO(text, newline=""))
        ]
    value = json.loads(text) if path.suffix == ".json" else read_yaml_text(text)
    return value if isinstance(value, list) else [value]


@cache
def _sample() -> Sample:
    manifest = read_yaml_text((SAMPLE / "manifest.yaml").read_text(encoding="utf-8"))
    sources = []
    for entry in manifest.pop("sources"):
        paths = sorted(SAMPLE.glob(entry["path"]))
        names = [path.relative_to(SAMPLE).as_posix() for path in paths]
        raw = {name: path.read_bytes() for name, path in zip(names, paths, strict=True)}
        files = {n: _read_rows(path, entry["table"]) for n, path in zip(names, paths, strict=True)}
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in raw.items()}
        right = bool(digests) and Sample._joint(entry["path"], digests) == entry.get("file_sha256")
        sources.append(SampleSource(entry, files, raw, right))
    return Sample(manifest, sources)


def sample() -> Sample:
    """A fresh copy of the sample evidence."""
    return _sample().copy()


def evidence_ids() -> list[str]:
    return [str(source.entry["evidence_id"]) for source in _sample().sources]


Change = Callable[[Sample], None]
