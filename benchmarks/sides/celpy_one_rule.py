"""The one rule in CEL as cel-python takes it: it compares no number with null, so what is not known is
left out of the record, and the rule is asked in two parts.
"""

import sys

import celpy
from records import answer, exempt

folder = sys.argv[1]
environment = celpy.Environment()
fails, open_ = (
    environment.program(environment.compile(text))
    for text in (
        "has(r.key_bits) && r.key_bits < 256 && !exempt",
        "!has(r.key_bits) && !exempt",
    )
)
free = exempt(folder)


def verdict(row):
    """What the rule says of a record."""
    known = {name: value for name, value in row.items() if value is not None}
    data = {"r": celpy.json_to_cel(known), "exempt": celpy.json_to_cel(row["record_id"] in free)}
    if fails.evaluate(data):
        return False
    return None if open_.evaluate(data) else True


answer(folder, verdict)
