"""The gate in CEL. Argument: its folder."""

import sys

from cel_expr_python import cel
from gate import answer

MEANING = {1: True, 0: False, -1: None}


def ask(rule):
    """The rule compiled, and asked of a row."""
    columns = rule["columns"]
    kinds = {"exempt": cel.Type.BOOL, **dict.fromkeys(columns, cel.Type.DYN)}
    compiled = cel.NewEnv(variables=kinds).compile(rule["known"])
    exempt = set(rule["exempt"])

    def verdict(row):
        data = {"exempt": row["row_id"] in exempt, **{name: row[name] for name in columns}}
        return MEANING[compiled.eval(data=data).value()]

    return verdict


answer(sys.argv[1], "cel.json", ask)
