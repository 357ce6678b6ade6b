"""The one rule as a loop over NDJSON, each line decoded into a struct. Argument: the folder of the lines."""

import json
import sys

import msgspec
from records import SHOWN, exempt


class Record(msgspec.Struct, gc=False):
    """A record, as far as the rule asks."""

    record_id: str
    key_bits: int | None = None


folder = sys.argv[1]
free = exempt(folder)
decode = msgspec.json.Decoder(Record).decode
passed = failed = unknown = 0
names = []
with open(f"{folder}/records.ndjson", "rb") as file:
    for line in file:
        record = decode(line)
        bits = record.key_bits
        if (bits is not None and bits >= 256) or record.record_id in free:
            passed += 1
        elif bits is None:
            unknown += 1
        else:
            failed += 1
            if len(names) < SHOWN:
                names.append(record.record_id)
print(json.dumps({"pass": passed, "fail": failed, "unknown": unknown, "failing": names}))
