"""Counts of pass, fail and unknown for many rules over one table. Arguments: the folder, and the plan.
The plan `named` also says on standard error which rows fail."""

import json
import sys

import duckdb

folder, plan = sys.argv[1:3]
with open(f"{folder}/rules.json", "rb") as file:
    rules = json.load(file)
source = f"read_parquet('{folder}/evidence/records.parquet')"


def counted(rule: str, number: str) -> str:
    """Three sums; `number` is what a row counts for."""
    return ", ".join(
        f"coalesce({number} FILTER (WHERE {test}), 0)"
        for test in (rule, f"NOT ({rule})", f"({rule}) IS NULL")
    )


with duckdb.connect() as connection:
    if plan == "one scan a control":
        rows = [
            connection.execute(f"SELECT {counted(rule, 'count(*)')} FROM {source}").fetchone()
            for rule in rules.values()
        ]
        flat = [int(n) for row in rows for n in row]
    else:
        number, text = "count(*)", source
        if plan in ("grouped", "named"):
            columns = ", ".join(
                name
                for name, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()
                if name != "record_id"
            )
            number, text = (
                "sum(rows)",
                f"(SELECT {columns}, count(*) AS rows FROM {source} GROUP BY {columns})",
            )
        sums = ", ".join(counted(rule, number) for rule in rules.values())
        flat = [int(n) for n in connection.execute(f"SELECT {sums} FROM {text}").fetchone()]
    for rule in rules.values() if plan == "named" else ():
        names = f"SELECT record_id FROM {source} WHERE NOT ({rule}) ORDER BY record_id LIMIT 1000"
        print(*(name for (name,) in connection.execute(names).fetchall()), file=sys.stderr)
print(json.dumps({name: flat[3 * i : 3 * i + 3] for i, name in enumerate(rules)}))
