"""The report as JSON, for machines. `report.schema.json` beside this file is its contract.

Goes in: an `Assessment`. Comes out: UTF-8, one LF at the end, keys in a fixed order, one line a finding.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from policycheck.outcomes import Assessment
from policycheck.reporters.document import report_document
from policycheck.showing import escape_json_hazards

# Report, list of controls, control, list of findings: below that, one line each. `json.dumps(indent=...)`
# would put every cell on a line of its own and take the slow path.
_LEVELS_OPENED = 4
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_TEXT = json.encoder.encode_basestring  # what `_ENCODE` makes of a text, without the way there


def render(assessment: Assessment) -> bytes:
    """The JSON report."""
    return json_lines(report_document(assessment), _LEVELS_OPENED)


def json_lines(value: dict[str, Any], levels: int) -> bytes:
    """The value as JSON, its outer `levels` opened, ending with one line feed. Control, direction and
    surrogate characters are escaped, so a `cat` is harmless."""
    return f"{escape_json_hazards(_lines(value, levels, ''))}\n".encode()


def _lines(value: Any, levels: int, indent: str) -> str:
    """The value with its outer `levels` opened, one member a line."""
    if isinstance(value, str):
        return _TEXT(value)
    if not levels or not value or not isinstance(value, dict | list):
        return _ENCODE(value)
    deeper = indent + " "
    if isinstance(value, dict):
        members = [
            f"{deeper}{_TEXT(name)}: {_lines(item, levels - 1, deeper)}" for name, item in value.items()
        ]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + _lines(item, levels - 1, deeper) for item in value) + f"\n{indent}]"


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `render` writes."""
    schema: dict[str, Any] = json.loads(
        Path(__file__).with_name("report.schema.json").read_text(encoding="utf-8")
    )
    return schema
