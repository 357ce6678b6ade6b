"""What the sides that take one record at a time share: rows of NDJSON in, the answer out."""

import json
from collections.abc import Callable, Iterator
from typing import Any

SHOWN = 1000


def exempt(folder: str) -> dict[str, bool]:
    """Names of the exempt records."""
    with open(f"{folder}/exemptions.ndjson", "rb") as file:
        return {json.loads(line)["record_id"]: True for line in file}


def rows(folder: str) -> Iterator[dict[str, Any]]:
    """The records."""
    with open(f"{folder}/records.ndjson", "rb") as file:
        for line in file:
            yield json.loads(line)


def answer(folder: str, verdict: Callable[[dict[str, Any]], bool | None]) -> None:
    """Prints the counts and the first failing records. Rows come in the order of their names."""
    count = {True: 0, False: 0, None: 0}
    names = []
    for row in rows(folder):
        said = verdict(row)
        count[said] += 1
        if said is False and len(names) < SHOWN:
            names.append(row["record_id"])
    print(json.dumps({"pass": count[True], "fail": count[False], "unknown": count[None], "failing": names}))
