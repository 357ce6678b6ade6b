"""The gate in CEL as cel-python takes it: what is not known is left out of the record. Argument: its
folder.
"""

import sys

import celpy
from gate import answer

environment = celpy.Environment()


def ask(rule):
    """The rule compiled in two parts, and asked of a row."""
    fails, open_ = (environment.program(environment.compile(rule[part])) for part in ("fails", "open"))
    exempt = set(rule["exempt"])

    def verdict(row):
        known = {name: row[name] for name in rule["columns"] if row[name] is not None}
        data = {"r": celpy.json_to_cel(known), "exempt": celpy.json_to_cel(row["row_id"] in exempt)}
        if fails.evaluate(data):
            return False
        return None if open_.evaluate(data) else True

    return verdict


answer(sys.argv[1], "cel.json", ask)
