"""The gate as JSON Schema: what the first schema takes passes, what the second refuses fails. Argument:
its folder.
"""

import sys

from gate import answer
from jsonschema import Draft202012Validator


def ask(rule):
    """The two schemas of a rule, asked of a row."""
    surely, perhaps = Draft202012Validator(rule["surely"]), Draft202012Validator(rule["perhaps"])
    return lambda row: True if surely.is_valid(row) else None if perhaps.is_valid(row) else False


answer(sys.argv[1], "schemas.json", ask)
