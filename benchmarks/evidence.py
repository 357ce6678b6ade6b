"""Folders of made-up evidence and packs, kept in a cache outside the repository.

Goes in: a name, a size and a function that writes. Comes out: a folder that holds the same bytes every
time. It is made once; another version of the program that made it makes it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, apart, say

AS_OF = "2026-03-02T12:00:00Z"
SHOWN = 1000
"""How many failing subjects each side names."""
_SOURCE = """\
  - evidence_id: {table}-made
    table: {table}
    path: {path}
    source_system: benchmark
    collector: benchmark
    collector_version: "1"
    collected_at: 2026-03-02T06:00:00Z
    evidence_kind: observed
    population_complete: true
    row_count: {rows}
    file_sha256: {digest}
"""


def cache_folder() -> Path:
    """Where evidence is kept: POLICYCHECK_BENCH_CACHE, or a folder of the user's cache."""
    named = os.environ.get("POLICYCHECK_BENCH_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "policycheck-benchmarks"


def made(name: str, write: Callable[..., None], *arguments: Any) -> Path:
    """The folder `name`, written by `write(folder, *arguments)` in a process of its own unless it is
    there.
    """
    module = Path(sys.modules[write.__module__].__file__ or "")
    scripts = sorted(module.parent.glob(f"{module.stem}*.sql"))
    source = b"".join(path.read_bytes() for path in (module, Path(__file__), *scripts))
    mark = hashlib.sha256(source + repr(arguments).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{mark}"
    if not folder.exists():
        say(f"making {folder}")
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        apart(write, partial, *arguments)
        partial.rename(folder)
    return folder


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, rows: Mapping[str, int]) -> None:
    """The manifest of evidence whose files (path in `folder` to number of rows) are named like their
    tables.
    """
    text = f"organisation: Benchmark\nas_of: {AS_OF}\nsources:\n"
    for path, count in rows.items():
        values = {"table": Path(path).stem, "path": path, "rows": count, "digest": digest_of(folder / path)}
        text += _SOURCE.format(**values)
    (folder / "manifest.yaml").write_text(text, "utf-8")


def write_shipped_evidence(folder: Path, script: str, rows: Mapping[str, int | None]) -> None:
    """Evidence for the shipped pack: `script` (SQL, `{folder}` filled) writes `rows`; other tables are empty.

    A number of rows that is None is counted in the file.
    """
    run_sql(script.replace("{folder}", str(folder)))
    counts = {path: rows_in(folder / path) if number is None else number for path, number in rows.items()}
    given = {Path(path).stem for path in rows}
    for schema in sorted((ROOT / "controls" / "tables").glob("*.schema.json")):
        table = schema.name.removesuffix(".schema.json")
        if table not in given:
            (folder / f"{table}.ndjson").write_text("", "utf-8")
            counts[f"{table}.ndjson"] = 0
    write_manifest(folder, counts)


def rows_in(path: Path) -> int:
    """How many rows a Parquet file holds."""
    import duckdb

    return int(duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()[0][0])


def run_sql(script: str) -> None:
    """Runs a script that writes files. One thread, so that rows keep their order."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(
            "SET TimeZone = 'UTC'; SET threads = 1; SET memory_limit = '2GB'; SET enable_progress_bar = false"
        )
        connection.execute(script)


def write_pack(
    folder: Path, tables: Mapping[str, Mapping[str, Any]], controls: Mapping[str, Mapping[str, Any]]
) -> None:
    """A pack of these tables (name to schema) and controls (id to fields). JSON is YAML, too."""
    texts = {
        "pack.yaml": {
            "name": "made",
            "version": "1",
            "title": "A made-up policy",
            "default_profile": "standard",
        },
        "profiles/standard.yaml": {"name": "standard", "title": "As it stands", "parameters": {}},
        **{f"tables/{name}.schema.json": schema for name, schema in tables.items()},
        **{f"{name.split('-')[0]}/{name}.yaml": fields for name, fields in controls.items()},
    }
    for path, value in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value, indent=1), "utf-8")


def schema(key: str, properties: Mapping[str, Mapping[str, Any]], required: Sequence[str]) -> dict[str, Any]:
    """The schema of one table. Every column gets the description it must have."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Made-up rows",
        "description": "Rows of a benchmark.",
        "type": "object",
        "additionalProperties": False,
        "x-key": [key],
        "x-max-age-days": 7,
        "required": list(required),
        "properties": {name: {"description": "A value.", **each} for name, each in properties.items()},
    }


def control(name: str, subject: str, expect: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """A control with the texts that it must have."""
    return {
        **{"id": name, "title": f"Control {name}", "clauses": [name], "severity": "high", "tags": ["made"]},
        **{"rationale": "Made up.", "remediation": "None.", "subject": subject, "expect": dict(expect)},
        "otherwise": dict.fromkeys(expect, "{subject} is not as it should be"),
        **more,
    }


def check(pack: Path | str, evidence: Path, *more: str) -> list[str]:
    """The command that judges `evidence`, with the JSON report on standard output."""
    return [
        *(sys.executable, "-m", "policycheck", "check", "--pack", str(pack), "--evidence", str(evidence)),
        *("--as-of", "manifest", "--format", "json", "--output", "-", "--quiet", *more),
    ]


GATE = (0, 1, 3)
"""Exit codes of a run that has an answer."""


def counts(report: str) -> dict[str, list[int]]:
    """Pass, fail and unknown of each control of a JSON report that has subjects."""
    return {
        each["id"]: [each["counts"].get(status, 0) for status in ("pass", "fail", "unknown")]
        for each in json.loads(report)["controls"]
        if sum(each["counts"].values())
    }
