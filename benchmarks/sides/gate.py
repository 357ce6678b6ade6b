"""What the sides of the gate share: rows and rules in, counts of pass, fail and unknown for each rule out."""

import json
from collections.abc import Callable
from typing import Any


def answer(
    folder: str, file: str, ask: Callable[[dict[str, Any]], Callable[[dict[str, Any]], bool | None]]
) -> None:
    """Prints the answers. `ask` makes of a rule in `file` what tells the verdict of a row."""
    with open(f"{folder}/data.json", "rb") as text:
        tables = json.load(text)
    with open(f"{folder}/{file}", "rb") as text:
        rules = json.load(text)
    said = {}
    for rule in rules:
        count = {True: 0, False: 0, None: 0}
        verdict = ask(rule)
        for row in tables[rule["table"]]:
            count[verdict(row)] += 1
        said[rule["id"]] = [count[True], count[False], count[None]]
    print(json.dumps(said))
