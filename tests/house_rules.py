"""A policy of a few lines and the pack written from it: the smallest thing that can be traced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policycheck.sentences import split_sentences
from small_pack import CONTROL, write_pack

DOCUMENT = """\

HOUSE RULES:
· Boxes are locked, and boxes of Example, Inc. Keep a long key. Keys are never copied.
- Boxes stand where we like!
- We care about boxes.
| Day | Level |
| 2025-01-02 | A |
"""
ABBREVIATIONS = ["Inc."]
# Unit to the clauses it states: class, title and, where no control checks it, why.
STATES: dict[str, dict[str, Any]] = {
    "L03.1": {
        "BX-1": {"title": "Boxes are locked"},
        "BX-2": {"title": "Long keys", "applies": "the boxes of one firm"},
    },
    "L03.2": {"BX-3": {"title": "No second key"}},
    "L04.1": {
        "PL-1": {"title": "Any place", "class": "permission", "without_control": "It asks for nothing."}
    },
    "L05.1": {"PL-2": {"title": "Care", "class": "informational", "without_control": "Nothing to observe."}},
    "L06.1": {"RV-1": {"title": "Caption", "class": "definition", "without_control": "A caption."}},
}
CONTROLS = {
    "BX-1": {},
    "BX-2": {"expect": {"locked": "bits >= 128"}},
    "BX-3": {
        "subject": "keys",
        "expect": {"locked": "NOT copied"},
        "otherwise": {"locked": "{subject} was copied"},
    },
    "BX": {"all_of": ["BX-*"], "clauses": ["BX-1", "BX-2", "BX-3"]},
    "META-1": {},
}


def control(control_id: str) -> dict[str, Any]:
    made = {**CONTROL, "id": control_id, "clauses": [control_id], **CONTROLS[control_id]}
    if "all_of" in made:
        made = {name: made[name] for name in made if name not in ("subject", "expect", "otherwise")}
    return made


def register(text: str = DOCUMENT) -> dict[str, Any]:
    """The register of the document, with the fingerprints its sentences have."""
    units: dict[str, Any] = {}
    sentences = split_sentences(text, ABBREVIATIONS)
    for sentence in sentences:
        units[sentence.id] = {"fingerprint": sentence.fingerprint}
        if sentence.id in STATES:
            units[sentence.id]["clauses"] = STATES[sentence.id]
        elif sentence.text.startswith("|"):
            units[sentence.id]["part_of"] = ["RV-1"]
        else:
            units[sentence.id]["heading"] = True
    return {
        "document": {
            "title": "House rules",
            "characters": sum(len(sentence.text) for sentence in sentences),
            "abbreviations": ABBREVIATIONS,
        },
        "sections": {"BX": "Boxes", "PL": "Places", "RV": "Revisions"},
        "not_in_document": {"META": "Controls about the checking itself"},
        "units": units,
    }


def write_house_rules(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """The pack; `changes` replace files, and None takes one away."""
    files = {f"{name.split('-')[0]}/{name}.yaml": control(name) for name in CONTROLS}
    files["register.yaml"] = register()
    files |= changes or {}
    return write_pack(folder, {n: f for n, f in files.items() if f is not None}, leave_out=_left_out(files))


def _left_out(files: Mapping[str, Any]) -> list[str]:
    return [name for name, content in files.items() if content is None]


def write_boxes(folder: Path) -> Path:
    """An evidence folder in which everything is as it should be."""
    import hashlib

    folder.mkdir(parents=True)
    sources = []
    for table, rows in (
        ("boxes", [{"box_id": "box-1", "locked": True, "bits": 256}]),
        ("keys", [{"key_id": "key-1", "box_id": "box-1", "copied": False}]),
    ):
        data = json.dumps(rows).encode()
        (folder / f"{table}.json").write_bytes(data)
        sources.append(
            {
                "evidence_id": table, "table": table, "path": f"{table}.json", "source_system": "shelf",
                "collector": "by hand", "collector_version": "1", "collected_at": "2026-03-01T06:00:00Z",
                "evidence_kind": "observed", "population_complete": True, "row_count": 1,
                "file_sha256": hashlib.sha256(data).hexdigest(),
            }
        )  # fmt: skip
    manifest = {"organisation": "House", "as_of": "2026-03-02T12:00:00Z", "sources": sources}
    (folder / "manifest.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    return folder
