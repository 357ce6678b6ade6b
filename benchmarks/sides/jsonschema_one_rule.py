"""The one rule as JSON Schema: what the first schema takes passes, what the second refuses fails."""

import sys

import jsonschema_rs
from records import answer, exempt

folder = sys.argv[1]
listed = {"properties": {"record_id": {"enum": sorted(exempt(folder))}}}
long = {"properties": {"key_bits": {"type": "integer", "minimum": 256}}, "required": ["key_bits"]}
either = {"properties": {"key_bits": {"anyOf": [{"type": "integer", "minimum": 256}, {"type": "null"}]}}}
surely = jsonschema_rs.validator_for({"anyOf": [long, listed]})
perhaps = jsonschema_rs.validator_for({"anyOf": [either, listed]})
answer(folder, lambda row: True if surely.is_valid(row) else None if perhaps.is_valid(row) else False)
