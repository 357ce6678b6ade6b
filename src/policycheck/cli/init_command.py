"""`policycheck init`: a pack of one control and one table, with evidence, that runs green."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import click

from policycheck.cli.screen import say
from policycheck.errors import Fault, InputError
from policycheck.source import Place

PACK = """\
name: my-policy
version: "0.1.0"
title: A policy of one clause
default_profile: standard
"""

PROFILE = """\
name: standard
title: The values the clauses name
parameters: {}
"""

TABLE = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Backups",
  "description": "One row for each backup that is kept.",
  "type": "object",
  "additionalProperties": false,
  "x-key": ["backup_id"],
  "x-max-age-days": 30,
  "required": ["backup_id"],
  "properties": {
    "backup_id": {
      "type": "string", "minLength": 1, "description": "Identifier of the backup.", "examples": ["backup-1"]
    },
    "encrypted": {
      "type": ["boolean", "null"], "description": "Whether it is encrypted; null where nobody looked."
    },
    "kept_days": {
      "type": ["integer", "null"], "minimum": 0, "x-unit": "days", "description": "How long it has been kept."
    }
  }
}
"""

CONTROL = """\
id: BK-1.1
title: Backups are encrypted and kept no longer than the policy says
clauses: [BK-1.1]
severity: high
tags: [backup]
rationale: A backup holds all that the system holds, and outlives it.
remediation: Encrypt the backup, or remove it when its time is over.
subject: backups
expect:
  encryption: encrypted
  term: kept_days <= $max_kept_days
otherwise:
  encryption: "{subject} is not encrypted"
  term: "{subject} has been kept for {kept_days} days; the policy says {max_kept_days}"
parameters:
  max_kept_days: {value: 365, unit: days, at_most: 365, description: How long a backup may be kept.}
examples:
  - name: an encrypted backup of last month
    given:
      backups: [{encrypted: true, kept_days: 30}]
    expect: pass
  - name: a backup in the clear
    given:
      backups: [{encrypted: false, kept_days: 30}]
    expect: fail
    failed: [encryption]
  - name: a backup that is one day too old
    given:
      backups: [{encrypted: true, kept_days: 366}]
    expect: fail
    failed: [term]
  - name: nobody knows whether it is encrypted
    given:
      backups: [{kept_days: 30}]
    expect: unknown
"""

ROWS = """\
- {backup_id: backup-1, encrypted: true, kept_days: 3}
- {backup_id: backup-2, encrypted: true, kept_days: 90}
"""

MANIFEST = """\
organisation: My organisation
sources:
  - evidence_id: backups-by-hand
    table: backups
    path: backups.yaml
    source_system: backup console
    collector: manual
    collector_version: "1"
    collected_at: {collected_at}
    evidence_kind: attested
    population_complete: true
    row_count: 2
    file_sha256: {digest}   # sha256sum backups.yaml
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def init(folder: Path) -> None:
    """Write a pack of one control and its evidence to DIR, to begin a policy with.

    DIR must be empty or not exist. `DIR/controls` is the pack, `DIR/evidence` the evidence. All of it
    runs green: change a row, and see the gate close.

    \b
    policycheck init my-policy
    cd my-policy
    policycheck check --pack controls
    policycheck test --pack controls
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        words = "the folder is not empty" if folder.is_dir() else "this is not a folder"
        raise InputError([Fault("PC605", words, Place(str(folder)), "name a new folder")])
    for inside, text in _files(datetime.now(UTC)).items():
        path = folder / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    say(f"a pack of one control stands in {folder / 'controls'}, its evidence in {folder / 'evidence'}")
    say(f"next: policycheck check --pack {folder / 'controls'} --evidence {folder / 'evidence'}")


def _files(now: datetime) -> dict[str, str]:
    """Path inside the folder to text."""
    digest = hashlib.sha256(ROWS.encode()).hexdigest()
    collected = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "controls/pack.yaml": PACK,
        "controls/profiles/standard.yaml": PROFILE,
        "controls/tables/backups.schema.json": TABLE,
        "controls/BK/BK-1.1.yaml": CONTROL,
        "evidence/backups.yaml": ROWS,
        "evidence/manifest.yaml": MANIFEST.format(collected_at=collected, digest=digest),
    }
