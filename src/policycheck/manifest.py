"""The evidence manifest: which file holds which table, from where, and what its bytes must be.

Goes in: the manifest as a document. Comes out: a `Manifest` of entries. A manifest that cannot be
understood stops the run; an entry that cannot be used is kept, with the reason, so that its table is
seen to be short of it. Never opens a file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from policycheck.cells import CellError, parse_utc
from policycheck.documents import Document, Fields
from policycheck.errors import Fault, FaultList, InputError, nearest
from policycheck.model import EvidenceKind, Source, SourceState, TableSchema
from policycheck.source import Place
from policycheck.syntax import folded

MANIFEST = "manifest.yaml"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}")


class Attachment(Struct, frozen=True):
    """A raw export that is kept beside a table."""

    path: str
    digest: str
    place: Place


class Entry(Struct, frozen=True):
    """One source as the manifest states it. Its state is OK, or INVALID with the reason."""

    source: Source
    attachments: tuple[Attachment, ...] = ()


class Manifest(Struct):
    """`digest` is of the bytes it was read from; `faults` are those of entries that cannot be used, which
    do not stop the run."""

    digest: str
    organisation: str
    as_of: datetime | None
    entries: list[Entry]
    faults: list[Fault] = field(default_factory=list)


def read_manifest(document: Document, digest: str, tables: Mapping[str, TableSchema]) -> Manifest:
    """The manifest; entries in order of evidence_id, so that their order in the file means nothing.

    Raises: InputError PC401 for a manifest that cannot be attributed: not a mapping, no organisation,
    or a source without evidence_id or table. Faults PC402 to PC404 for single entries.
    """
    broken = FaultList()
    fields = Fields(document, (), broken, "the manifest")
    organisation = fields.text("organisation")
    as_of = _as_of(fields, broken)
    if not fields.has("sources"):
        hint = "add `sources:`; `[]` says that there are none"
        broken.add("PC401", "a manifest without sources", fields.place(), hint)
    sources = fields.each("sources", "a source")
    listed = fields.raw("sources")
    named = [(entry, entry.text("evidence_id"), entry.text("table")) for entry in sources]
    if isinstance(listed, list) and len(listed) != len(sources):
        broken.add("PC401", "a source that is not a mapping", fields.place("sources"), "write its fields")
    fields.close()
    broken.raise_if_any()
    faults = FaultList()
    entries = [_entry(entry, id_, table, tables, faults) for entry, id_, table in named]
    entries = _refuse_twins(entries, faults)
    entries.sort(key=lambda entry: (entry.source.evidence_id, entry.source.path, entry.source.place))
    return Manifest(digest, organisation, as_of, entries, list(faults.faults))


def _as_of(fields: Fields, faults: FaultList) -> datetime | None:
    text = fields.text("as_of", None) if fields.has("as_of") else None
    if text is None:
        return None
    try:
        return parse_utc(text)
    except CellError as error:
        faults.add("PC401", f"`as_of`: {error}", fields.place("as_of"), "write 2026-03-02T12:00:00Z")
        return None


def _entry(
    listed: Fields, id_: str, table: str, tables: Mapping[str, TableSchema], faults: FaultList
) -> Entry:
    """One source; whatever is wrong with it becomes its reason and a fault."""
    own = FaultList()
    fields = Fields(listed.document, listed.path, own, f"the source `{id_[:60]}`")
    fields.has("evidence_id")
    fields.has("table")
    _check_id(fields, id_, own)
    _check_table(fields, table, tables, own)
    digest = _digest(fields, "file_sha256", own)
    collected_at = _collected_at(fields, own)
    kind = fields.choice("evidence_kind", [kind.value for kind in EvidenceKind])
    attachments = []
    for attachment in fields.each("attachments", "an attachment"):
        path, its_digest = attachment.text("path"), _digest(attachment, "file_sha256", own)
        attachments.append(Attachment(path, its_digest, attachment.place("path")))
        attachment.close()
    source = Source(
        evidence_id=id_,
        table=table,
        path=fields.text("path"),
        state=SourceState.OK,
        reason="",
        place=fields.place(),
        source_system=fields.text("source_system"),
        collector=fields.text("collector"),
        collector_version=fields.text("collector_version"),
        collected_at=collected_at,
        evidence_kind=EvidenceKind(kind) if kind else EvidenceKind.OBSERVED,
        population_complete=fields.boolean("population_complete"),
        row_count=fields.integer("row_count", minimum=0),
        file_sha256=digest,
    )
    fields.close()
    faults.extend(own.faults)
    if own.faults:
        # An entry in doubt promises nothing, least of all that its population is complete.
        source = invalid(source, own.faults[0].message)
    return Entry(source, tuple(attachments))


def invalid(source: Source, reason: str) -> Source:
    """The source as one that cannot be used because of its manifest entry."""
    return replace(source, state=SourceState.INVALID, reason=reason, population_complete=False)


def _check_id(fields: Fields, id_: str, faults: FaultList) -> None:
    if not _ID.fullmatch(id_):
        hint = "use letters, digits and `._:@/+-`"
        faults.add("PC402", "an evidence_id with other characters", fields.place("evidence_id"), hint)


def _check_table(fields: Fields, table: str, tables: Mapping[str, TableSchema], faults: FaultList) -> None:
    schema = tables.get(table)
    if schema is None:
        names = [name for name, known in tables.items() if known.parent is None]
        words = f"`{table[:60]}` is not a table of this pack"
        faults.add("PC404", words, fields.place("table"), nearest(table, names))
    elif schema.parent is not None:
        words = f"`{table}` is made of the column `{schema.parent_column}` of `{schema.parent}`"
        hint = f"give its rows inside the rows of `{schema.parent}`"
        faults.add("PC404", words, fields.place("table"), hint)


def _digest(fields: Fields, name: str, faults: FaultList) -> str:
    text = fields.text(name)
    if text and not _DIGEST.fullmatch(text):
        hint = "write the SHA-256 as 64 hexadecimal digits in lower case"
        faults.add("PC402", f"`{name}` is not a digest", fields.place(name), hint)
    return text


def _collected_at(fields: Fields, faults: FaultList) -> datetime | None:
    text = fields.text("collected_at")
    if not text:
        return None
    try:
        return parse_utc(text)
    except CellError as error:
        hint = "write an instant such as 2026-03-02T12:00:00Z"
        faults.add("PC402", f"`collected_at`: {error}", fields.place("collected_at"), hint)
        return None


def _refuse_twins(entries: list[Entry], faults: FaultList) -> list[Entry]:
    """Refuses every source whose evidence_id or path another one has too: neither is to be preferred."""
    ids = Counter(folded(entry.source.evidence_id) for entry in entries)
    paths = Counter(folded(entry.source.path) for entry in entries)
    kept = []
    for entry in entries:
        source = entry.source
        if ids[folded(source.evidence_id)] > 1:
            reason = f"the evidence_id `{source.evidence_id}` is given to several sources"
        elif source.path and paths[folded(source.path)] > 1:
            reason = f"the path `{source.path}` is given to several sources"
        else:
            kept.append(entry)
            continue
        faults.add("PC403", reason, source.place, "one entry for each source and each file")
        kept.append(Entry(invalid(source, source.reason or reason), entry.attachments))
    return kept


def raise_unreadable(path: str, reason: str) -> None:
    """Stops the run: without a manifest nothing in the folder is evidence."""
    hint = "write a manifest.yaml (docs/authoring.md says how), or name another folder"
    raise InputError([Fault("PC401", f"the manifest cannot be read: {reason}", Place(path), hint)])
