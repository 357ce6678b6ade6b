"""The gate in Rego, as rego-cpp evaluates it. Argument: its folder."""

import json
import sys
from pathlib import Path

from regopy import Interpreter

folder = Path(sys.argv[1])
rego = Interpreter()
rego.add_module("gate", (folder / "gate.rego").read_text("utf-8"))
rego.add_data_json((folder / "data.json").read_text("utf-8"))
print(json.dumps(json.loads(str(rego.query("data.gate.answer")))["expressions"][0]))
