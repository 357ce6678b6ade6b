"""A pack of one table or a few, written into a folder: what a test needs and nothing more."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from policycheck.assessment import assess
from policycheck.compiled import CompiledPack
from policycheck.compiler import compile_pack
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import FaultList
from policycheck.evidence import rows_as_evidence
from policycheck.loading import load
from policycheck.outcomes import Assessment
from policycheck.pack import load_pack
from policycheck.parameters import find_profile, resolve_parameters

AS_OF = datetime(2026, 3, 2, 12, tzinfo=UTC)

BOXES = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Boxes",
    "description": "Boxes with locks.",
    "type": "object",
    "additionalProperties": False,
    "x-key": ["box_id"],
    "x-max-age-days": 7,
    "required": ["box_id"],
    "properties": {
        "box_id": {"type": "string", "minLength": 1, "description": "Its name.", "examples": ["box-1"]},
        "locked": {"type": ["boolean", "null"], "description": "Whether it is locked."},
        "bits": {"type": ["integer", "null"], "minimum": 0, "maximum": 4096, "description": "Key length."},
        "place": {"enum": ["cloud", "cellar", None], "description": "Where it stands."},
        "made_at": {"type": ["string", "null"], "format": "date", "description": "The day it was made."},
    },
}
KEYS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Keys",
    "description": "Keys of boxes.",
    "type": "object",
    "additionalProperties": False,
    "x-key": ["key_id"],
    "x-max-age-days": 30,
    "required": ["key_id", "box_id"],
    "properties": {
        "key_id": {"type": "string", "minLength": 1, "description": "Its name.", "examples": ["key-1"]},
        "box_id": {
            "type": "string", "description": "Its box.", "examples": ["box-1"],
            "x-references": "boxes.box_id",
        },
        "copied": {"type": ["boolean", "null"], "description": "Whether it was copied."},
    },
}  # fmt: skip
CONTROL: dict[str, Any] = {
    "id": "BX-1",
    "title": "Boxes are locked",
    "clauses": ["BX-1"],
    "severity": "high",
    "rationale": "An open box keeps nothing.",
    "remediation": "Lock it.",
    "subject": "boxes",
    "expect": {"locked": "locked"},
    "otherwise": {"locked": "{subject} is open"},
}
HEAD = {"name": "small", "version": "1", "title": "Small", "default_profile": "plain"}
PROFILE = {"name": "plain", "title": "Plain", "parameters": {}}


def write_pack(
    folder: Path, files: Mapping[str, Any] | None = None, *, leave_out: Collection[str] = ()
) -> Path:
    """The smallest pack, with `files` put over it: text as it is, anything else as JSON."""
    contents: dict[str, Any] = {
        "pack.yaml": HEAD,
        "profiles/plain.yaml": PROFILE,
        "tables/boxes.schema.json": BOXES,
        "tables/keys.schema.json": KEYS,
        "BX/BX-1.yaml": CONTROL,
        **(files or {}),
    }
    for name, content in contents.items():
        if name not in leave_out:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content, indent=1)
            path.write_text(text, encoding="utf-8")
    return folder


def compile_folder(folder: Path, profile: str | None = None) -> tuple[CompiledPack, DuckDBSession]:
    """Raises InputError with every fault of the pack."""
    pack = load_pack(folder)
    faults = FaultList()
    resolved = resolve_parameters(pack, find_profile(pack, profile), faults)
    session = DuckDBSession()
    compiled = compile_pack(pack, resolved, AS_OF, session, faults)
    faults.raise_if_any()
    return compiled, session


def judge(folder: Path, given: Mapping[str, Any], **how: Any) -> Assessment:
    """The assessment of the pack in `folder` over these rows."""
    compiled, session = compile_folder(folder)
    with session:
        evidence = rows_as_evidence(given, compiled.pack.tables, AS_OF)
        return assess(compiled, load(compiled, evidence, session), session, **how)
