"""The full list of findings as Parquet, for controls with more of them than a report shows.

Goes in: findings, one after the other. Comes out: one file, written whole or not at all. It is written
through a database of its own, because the one that judges has no access to files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from policycheck.outcomes import Finding

BATCH = 20_000
COLUMNS = ("subject", "status", "reason", "failed", "message", "observed", "path", "line", "exception")
_TYPES = {"line": "INTEGER", "failed": "VARCHAR[]"}


def write_findings(path: Path, findings: Iterable[Finding], shown: Callable[[Any], Any]) -> int:
    """Writes one row a finding, in the order given; `observed` is JSON text of `shown` values.

    Answers how many. Raises OSError when the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    total = 0
    waiting = iter(findings)
    with duckdb.connect(":memory:") as connection:
        columns = ", ".join(f'"{name}" {_TYPES.get(name, "VARCHAR")}' for name in COLUMNS)
        connection.execute(f"CREATE TABLE findings ({columns})")
        spread = ", ".join(
            f"unnest(${i}::{_TYPES.get(name, 'VARCHAR')}[])" for i, name in enumerate(COLUMNS, start=1)
        )
        while batch := [_row(finding, shown) for finding in islice(waiting, BATCH)]:
            connection.execute(
                f"INSERT INTO findings SELECT {spread}", [list(c) for c in zip(*batch, strict=True)]
            )
            total += len(batch)
        try:
            quoted = str(partial).replace("'", "''")
            connection.execute(f"COPY findings TO '{quoted}' (FORMAT parquet)")
        except duckdb.Error as error:
            partial.unlink(missing_ok=True)
            raise OSError(str(error).split("\n")[0]) from error
    partial.replace(path)
    return total


def _row(finding: Finding, shown: Callable[[Any], Any]) -> tuple[Any, ...]:
    observed = {name: shown(value) for name, value in sorted(finding.observed.items())}
    return (
        finding.subject,
        finding.status.value,
        finding.reason.code,
        list(finding.failed),
        finding.message,
        json.dumps(observed, ensure_ascii=False),
        finding.place.path if finding.place else None,
        finding.place.line if finding.place else None,
        finding.exception,
    )
