"""One million protections under the DP-3 controls: as Parquet, as NDJSON and as CSV.

The rows are the same, and so must the answers be. Text is copied, hashed, parsed strictly and typed; Parquet
is copied, hashed and typed.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import million
from benchmarks.evidence import GATE, check, counts, made, write_manifest
from benchmarks.measure import Aim, Side, Table, compare

LARGE = ("resources", "datasets", "storage_protections", "crypto_keys")


def write(folder: Path, stores: int, form: str) -> None:
    """The evidence of `million` with its large tables as text of this form."""
    import duckdb

    million.write(folder, stores)
    kept = [path for path in folder.iterdir() if path.suffix in (".csv", ".ndjson")]
    rows = {path.name: _records(path) for path in kept}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1; SET enable_progress_bar = false")
        for table in LARGE:
            parquet = folder / f"{table}.parquet"
            items = []
            for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM '{parquet}'").fetchall():
                if kind == "TIMESTAMP WITH TIME ZONE":
                    items.append(f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ') AS {name}")
                elif kind == "VARCHAR[]" and form == "csv":
                    items.append(f"array_to_string({name}, ';') AS {name}")
                else:
                    items.append(name)
            options = "json" if form == "ndjson" else "csv, header"
            query = f"SELECT {', '.join(items)} FROM '{parquet}'"
            connection.execute(f"COPY ({query}) TO '{folder / table}.{form}' (FORMAT {options})")
            count = connection.execute(f"SELECT count(*) FROM '{parquet}'").fetchall()
            rows[f"{table}.{form}"] = int(count[0][0])
            parquet.unlink()
    write_manifest(folder, rows)


def _records(path: Path) -> int:
    lines = path.read_text("utf-8").count("\n")
    return lines - 1 if path.suffix == ".csv" else lines


def measure(protections: int, rounds: int) -> Table:
    """One table."""
    stores = protections // 2
    folders = {"Parquet": made(f"million-{protections}", million.write, stores)}
    for form in ("ndjson", "csv"):
        folders[form.upper()] = made(f"million-{protections}-{form}", write, stores, form)
    sides = [
        Side(name, check("controls", folder, "--only", "DP-3"), counts, GATE)
        for name, folder in folders.items()
    ]
    words = f"DP-3 over {protections:,} protections as"
    aims = []
    for name in ("NDJSON", "CSV"):
        aims.append(Aim(f"{words} {name}: at most 3 times Parquet", name, "Parquet", 3.0))
        aims.append(Aim(f"{words} {name}: at most 1 GiB of memory", name, name, 1024, unit="MiB"))
    title = f"DP-3 of the shipped pack over {protections:,} protections in three forms"
    return compare(title, sides, "Parquet", rounds, aims=aims)
