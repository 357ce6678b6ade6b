"""The report as JSON, for machines. `report.schema.json` beside this file is its contract.

Goes in: an `Assessment`. Comes out: UTF-8, one LF at the end, keys in a fixed order, one line a finding.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from policycheck.outcomes import Assessment
from policycheck.reporters.document import report_document
from policycheck.showing import escape_json_hazards

# Report, list of controls, control, list of findings: below that, one line each. `json.dumps(indent=...)`
# would put every cell on a line of its own and take the slow path.
_LEVELS_OPENED = 4
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def render(assessment: Assessment) -> bytes:
    """The JSON report."""
    return json_lines(report_document(assessment), _LEVELS_OPENED)


def json_lines(value: dict[str, Any], levels: int) -> bytes:
    """The value as JSON, its outer `levels` opened, ending with one line feed. Control, direction and
    surrogate characters are escaped, so a `cat` is harmless."""
    return f"{_lines(value, levels, '')}\n".encode()


def _encoded(value: Any) -> str:
    # A text takes the short way to what the encoder makes of it.
    return json.encoder.encode_basestring(value) if isinstance(value, str) else _ENCODER.encode(value)


@cache
def _name(name: str) -> str:
    """The name of a member, of which a report has few."""
    return escape_json_hazards(_encoded(name))


def _lines(value: Any, levels: int, indent: str) -> str:
    """The value with its outer `levels` opened, one member a line."""
    if not levels or not value or not isinstance(value, dict | list):
        # Most lines hold no hazard, which one look at each tells; in the report as a whole there is one.
        return escape_json_hazards(_encoded(value))
    deeper = indent + " "
    if isinstance(value, dict):
        members = [
            f"{deeper}{_name(name)}: {_lines(item, levels - 1, deeper)}" for name, item in value.items()
        ]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + _lines(item, levels - 1, deeper) for item in value) + f"\n{indent}]"


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `render` writes."""
    schema: dict[str, Any] = json.loads(
        Path(__file__).with_name("report.schema.json").read_text(encoding="utf-8")
    )
    return schema
