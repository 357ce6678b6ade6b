"""One evidence folder judged through the public pipeline, and held against the second reading.

Goes in: the rows of an area. Comes out: every subject on which the two do not agree.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import sample_run
from independent.logic import Row, Tables, Verdicts
from policycheck.model import Status
from policycheck.outcomes import Assessment

GOOD = "pass or na"
NO_LIMIT = 10_000_000
COLLECTED = "2026-03-02T06:00:00Z"


@dataclass(frozen=True)
class Disagreement:
    control: str
    subject: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.control} {self.subject}: expected {self.expected}, got {self.got}"


def write_evidence(tables: Tables, folder: Path, suffix: str = ".ndjson") -> Path:
    """A folder with one file a table and a manifest that attests each as complete."""
    folder.mkdir(parents=True)
    sources = []
    for table, rows in tables.items():
        data = sample_run.written(rows, suffix, table)
        (folder / f"{table}{suffix}").write_bytes(data)
        sources.append({
            "evidence_id": table, "table": table, "path": f"{table}{suffix}", "source_system": "generated",
            "collector": "test", "collector_version": "1", "collected_at": COLLECTED,
            "evidence_kind": "observed", "population_complete": True, "row_count": len(rows),
            "file_sha256": hashlib.sha256(data).hexdigest(),
        })  # fmt: skip
    manifest = {"organisation": "Generated", "sources": sources}
    (folder / "manifest.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def parameters(profile: str) -> Row:
    """The values that a profile chooses, read from the files of the pack without its loader."""
    pack = sample_run.ROOT / "controls"
    shared = sample_run.read_yaml_text((pack / "parameters.yaml").read_text("utf-8"))
    chosen = sample_run.read_yaml_text((pack / "profiles" / f"{profile}.yaml").read_text("utf-8"))
    return {
        **{name: each["value"] for name, each in shared.items()},
        **{name: each["value"] for name, each in chosen["parameters"].items()},
    }


def judged(folder: Path, profile: str, controls: Collection[str]) -> Assessment:
    return sample_run.run(folder, profile, NO_LIMIT, only=set(controls))


def disagreements(assessment: Assessment, expected: Mapping[str, Verdicts]) -> list[Disagreement]:
    """Every subject judged otherwise. `a|b` allows either. A pass and a subject out of scope carry no name
    in a result, so of these two the numbers are compared."""
    found = []
    results = {result.control.id: result for result in assessment.controls}
    for control, wanted in sorted(expected.items()):
        result = results[control]
        got = {finding.subject: finding.status.value for finding in result.findings}
        found += [
            Disagreement(control, subject, answer, got.get(subject, GOOD))
            for subject, answer in wanted.items()
            if got.get(subject, GOOD) not in [GOOD if a in ("pass", "na") else a for a in answer.split("|")]
        ]
        found += [Disagreement(control, s, "no subject", got[s]) for s in got.keys() - wanted.keys()]
        numbers = Counter(wanted.values())
        for status in (Status.PASS, Status.NA):
            least, count = numbers[status.value], result.counts[status]
            most = sum(number for answer, number in numbers.items() if status.value in answer.split("|"))
            if not least <= count <= most:
                found.append(Disagreement(control, "*", f"{least} to {most} {status.value}", str(count)))
    return found
