"""The one rule in Rego, asked of all records at once. Argument: the folder of the lines."""

import json
import sys

from records import SHOWN, exempt, rows
from regopy import Interpreter

MODULE = """package gate
held(r) if { not data.exempt[r.record_id] }
fail := [r.record_id | some r in data.records; r.key_bits != null; r.key_bits < 256; held(r)]
unknown := [r.record_id | some r in data.records; r.key_bits == null; held(r)]
answer := {"fail": fail, "unknown": count(unknown), "all": count(data.records)}
"""

folder = sys.argv[1]
rego = Interpreter()
rego.add_module("gate", MODULE)
records = [{"key_bits": None} | row for row in rows(folder)]
rego.add_data_json(json.dumps({"records": records, "exempt": exempt(folder)}))
said = json.loads(str(rego.query("data.gate.answer")))["expressions"][0]
failed, unknown = len(said["fail"]), said["unknown"]
result = {"pass": said["all"] - failed - unknown, "fail": failed, "unknown": unknown}
print(json.dumps(result | {"failing": sorted(said["fail"])[:SHOWN]}))
