"""The one rule in CEL, compiled once and asked of each record. Argument: the folder of the lines.

The list is looked up outside: handed in as a map it would be copied for each record.
"""

import sys

from cel_expr_python import cel
from records import answer, exempt

folder = sys.argv[1]
kinds = {"key_bits": cel.Type.DYN, "exempt": cel.Type.BOOL}
rule = cel.NewEnv(variables=kinds).compile("exempt ? 1 : key_bits == null ? -1 : key_bits >= 256 ? 1 : 0")
free = exempt(folder)
meaning = {1: True, 0: False, -1: None}


def verdict(row):
    """What the rule says of a record."""
    data = {"key_bits": row.get("key_bits"), "exempt": row["record_id"] in free}
    return meaning[rule.eval(data=data).value()]


answer(folder, verdict)
