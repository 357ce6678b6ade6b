"""The trace as JSON, for machines. `trace.schema.json` beside this file is its contract.

Goes in: a `Trace`. Comes out: UTF-8, one LF at the end, keys in a fixed order, one line a unit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from policycheck.coverage import Trace
from policycheck.reporters.json_report import json_lines
from policycheck.reporters.trace_document import trace_document

_LEVELS_OPENED = 2  # the trace and its lists; below that, one line each


def render(trace: Trace) -> bytes:
    return json_lines(trace_document(trace), _LEVELS_OPENED)


def trace_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `render` writes."""
    schema: dict[str, Any] = json.loads(
        Path(__file__).with_name("trace.schema.json").read_text(encoding="utf-8")
    )
    return schema
