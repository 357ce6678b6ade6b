"""Loads an evidence folder: verifies every source, reads its rows, puts the tables together.

Goes in: a folder with a manifest, or the rows of a pack's example; the table schemas; `as_of`. Comes
out: an `Evidence`. A source that cannot be relied on keeps its place in the list, with its state and the
reason, and gives no rows. Never decides what is stale, which each control says for itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from policycheck.assembly import PlacedRow, assemble
from policycheck.documents import MAX_BYTES, read_yaml
from policycheck.errors import Fault, FaultList, InputError, nearest
from policycheck.folder import (
    AbsentError,
    Folder,
    RefusedError,
    TooLargeError,
    digest_of,
)
from policycheck.manifest import MANIFEST, Attachment, Manifest, raise_unreadable, read_manifest
from policycheck.model import BulkFile, Evidence, EvidenceKind, RowFault, Source, SourceState, TableSchema
from policycheck.rows import compile_row_reader, default_row
from policycheck.source import Place
from policycheck.sources import Loaded, SourceError, SourceReader, explained
from policycheck.streams import Progress
from policycheck.syntax import folded

LONG_AGO = timedelta(days=40_000)  # older than any limit a schema may set
MAX_UNLISTED = 20


def row_fault_as_fault(fault: RowFault) -> Fault:
    """A faulty row in the form of every other fault, for a list on the screen."""
    where = "the row" if fault.column == "*" else f"`{fault.column}`"
    message = f"{where} of `{fault.table}`: {fault.words} ({fault.code})"
    return Fault("PC420", message, fault.place, "mend the row where it was collected, and collect it again")


# --- a folder -------------------------------------------------------------------------------------


def load_evidence(
    folder: Path, tables: Mapping[str, TableSchema], as_of: datetime, manifest: Manifest | None = None,
    progress: Progress | None = None,
) -> Evidence:  # fmt: skip
    """The evidence in `folder`, verified against its manifest at `as_of` (aware, or naive UTC).

    Places and origins carry paths inside the folder, so that nothing depends on where it lies. Large
    files stay open for an engine as long as somebody holds the evidence. `manifest` is the one in it, where
    that was read before.
    Raises: InputError PC401 when the folder has no manifest that can be read.
    """
    as_of = _utc(as_of)
    with _opened(folder) as opened:
        manifest = manifest or _manifest(opened, tables)
        faults = FaultList()
        faults.extend(manifest.faults)
        reader = SourceReader(opened, tables, as_of, faults, progress)
        files = [reader.files_of(entry.source) for entry in manifest.entries]
        _refuse_shared(files, manifest, faults)
        loaded = [
            reader.load(entry.source, paths) for entry, paths in zip(manifest.entries, files, strict=True)
        ]
        attached = [item for entry in manifest.entries for item in entry.attachments]
        _check_attachments(opened, attached, faults)
        listed = {path for paths in files for path in paths or []} | {item.path for item in attached}
        _note_unlisted(opened, listed, faults)
    tables_, row_faults = _assembled(loaded, tables)
    return Evidence(
        root=str(folder),
        organisation=manifest.organisation,
        manifest_as_of=manifest.as_of,
        manifest_digest=manifest.digest,
        as_of=as_of,
        sources=tuple(item.source for item in loaded),
        tables=tables_,
        row_faults=row_faults,
        faults=faults.faults,
    )


def manifest_in(folder: Path, tables: Mapping[str, TableSchema]) -> Manifest:
    """The manifest in `folder`. Raises like `load_evidence`."""
    with _opened(folder) as opened:
        return _manifest(opened, tables)


def _opened(folder: Path) -> Folder:
    try:
        return Folder(folder)
    except OSError as error:
        raise_unreadable(str(folder), error.strerror or "it is not a folder")
        raise


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _manifest(folder: Folder, tables: Mapping[str, TableSchema]) -> Manifest:
    try:
        read = folder.read(MANIFEST, MAX_BYTES)
    except (RefusedError, AbsentError, TooLargeError) as error:
        raise_unreadable(MANIFEST, str(error))
        raise
    except OSError as error:
        raise_unreadable(MANIFEST, error.strerror or "the system refuses it")
        raise
    broken = FaultList()
    document = read_yaml(MANIFEST, read.data, broken)
    if document is None:
        raise InputError(broken.faults)
    return read_manifest(document, read.digest, tables)


def _refuse_shared(files: Sequence[list[str] | None], manifest: Manifest, faults: FaultList) -> None:
    """Refuses all sources that claim one file, since its rows would count twice."""
    owners: dict[str, list[int]] = {}
    for number, paths in enumerate(files):
        for path in paths or ():
            owners.setdefault(folded(path), []).append(number)
    for path, numbers in owners.items():
        for number in numbers if len(numbers) > 1 else ():
            entry = manifest.entries[number]
            if entry.source.state is not SourceState.OK:
                continue
            reason = f"the file `{path}` belongs to several sources"
            faults.add("PC403", reason, entry.source.place, "one source for each file")
            source = replace(
                entry.source, state=SourceState.INVALID, reason=reason, population_complete=False
            )
            manifest.entries[number] = replace(entry, source=source)


def _check_attachments(folder: Folder, attached: Iterable[Attachment], faults: FaultList) -> None:
    for item in attached:
        try:
            with explained(item.path):
                fd = folder.open(item.path)
                try:
                    digest, _ = digest_of(fd)
                finally:
                    os.close(fd)
        except SourceError as error:
            faults.add("PC413", f"attachment `{item.path}`: {error.reason}", item.place, error.help)
            continue
        if digest != item.digest:
            words = f"attachment `{item.path}` does not have the digest that the manifest says"
            faults.add("PC413", words, item.place, "export it again; a changed file is not evidence")


def _note_unlisted(folder: Folder, listed: set[str], faults: FaultList) -> None:
    """Files that no source names are not evidence, and somebody may think they are."""
    unlisted = [path for path in folder.walk() if path not in listed and path not in (MANIFEST, "README.md")]
    hint = f"list it in {MANIFEST}, or remove it"
    for path in unlisted[:MAX_UNLISTED]:
        faults.add("PC412", f"`{path}` is in no source of the manifest and is not read", Place(path), hint)
    if len(unlisted) > MAX_UNLISTED:
        words = f"{len(unlisted) - MAX_UNLISTED} more files are in no source of the manifest"
        faults.add("PC412", words, Place(MANIFEST), hint)


def _assembled(
    loaded: list[Loaded], tables: Mapping[str, TableSchema]
) -> tuple[dict[str, Any], list[RowFault]]:
    """The tables of all usable sources and the faults of their rows."""
    rows: dict[str, list[PlacedRow]] = {}
    # A reference leads nowhere only where the whole of its target was read; a target with a source that
    # cannot be used is unknown as a table, which says it once instead of for every row that points there.
    complete = {item.source.table for item in loaded} - {
        item.source.table for item in loaded if not (item.source.usable and item.source.population_complete)
    }
    for number, item in enumerate(loaded):
        if not item.source.usable:
            continue
        placed = rows.setdefault(item.source.table, [])
        placed.extend(PlacedRow(row, (number, path, line)) for path, line, row in item.rows)
    bulk: dict[str, list[BulkFile]] = {}
    for number, item in enumerate(loaded):
        for path, copy, fault in item.bulk:
            file = BulkFile(
                number, path, copy.fd, f"/proc/self/fd/{copy.fd}", -1,
                fault=fault, expected=item.source.row_count, copy=copy,
            )  # fmt: skip
            bulk.setdefault(item.source.table, []).append(file)
    return assemble(tables, rows, complete.__contains__, bulk)


# --- rows of a pack's example ---------------------------------------------------------------------


def rows_as_evidence(
    given: Mapping[str, Any],
    tables: Mapping[str, TableSchema],
    as_of: datetime,
    organisation: str = "Example",
) -> Evidence:
    """Evidence made of rows that state only what matters (docs/authoring.md, "Example rows").

    Each value of `given` is a list of rows, `missing`, `stale`, or a mapping with `rows`, `complete`,
    `stale`, `kind`. A table that is not given is complete and empty; the rows of a child table stand in
    the list column of its parent.
    Raises: InputError PC404 and PC409 for a table or column that the pack does not have, PC414 for
    another shape: an example that is wrong must not look like one that is undecided.
    """
    as_of = _utc(as_of)
    faults = FaultList()
    parents = [name for name, schema in sorted(tables.items()) if schema.parent is None]
    for name in given:
        if name not in parents:
            words = f"`{name}` is not a table that rows can be given to"
            faults.add("PC404", words, Place("example"), nearest(name, parents))
    loaded = []
    for name in parents:
        if given.get(name) != "missing":
            loaded.append(_example_source(tables[name], given.get(name, []), as_of, faults))
    faults.raise_if_any()
    tables_, row_faults = _assembled(loaded, tables)
    return Evidence(
        root="",
        organisation=organisation,
        manifest_as_of=as_of,
        manifest_digest="0" * 64,
        as_of=as_of,
        sources=tuple(item.source for item in loaded),
        tables=tables_,
        row_faults=row_faults,
        faults=(),
    )


def _example_source(schema: TableSchema, value: Any, as_of: datetime, faults: FaultList) -> Loaded:
    rows, complete, stale, kind = _example_shape(schema.name, value, faults)
    path = f"example/{schema.name}"
    source = Source(
        evidence_id=f"example-{schema.name}",
        table=schema.name,
        path=path,
        state=SourceState.OK,
        reason="",
        place=Place(path),
        source_system="example",
        collector="example",
        collector_version="0",
        collected_at=as_of - LONG_AGO if stale else as_of,
        evidence_kind=kind,
        population_complete=complete,
        row_count=len(rows),
        file_sha256="0" * 64,
        digest="0" * 64,
        rows=len(rows),
    )
    loaded = Loaded(source)
    if not rows:
        return loaded
    reader = compile_row_reader(schema, as_of.replace(tzinfo=None))
    for ordinal, row in enumerate(rows, start=1):
        place = Place(path, ordinal)
        if not isinstance(row, dict):
            faults.add("PC414", "a row of an example is a mapping", place, "write `column: value`")
            continue
        for name in reader.unknown(row):
            hint = nearest(name.rpartition(".")[2], reader.names)
            faults.add("PC409", f"`{name}` is not a column of `{schema.name}`", place, hint)
        loaded.rows.append((path, ordinal, reader.read(default_row(schema, row, ordinal))))
    return loaded


def _example_shape(table: str, value: Any, faults: FaultList) -> tuple[list[Any], bool, bool, EvidenceKind]:
    """Rows, whether they are complete, whether they are stale, and their kind."""
    if isinstance(value, list):
        return value, True, False, EvidenceKind.OBSERVED
    if value == "stale":
        return [], True, True, EvidenceKind.OBSERVED
    if isinstance(value, Mapping) and set(value) <= {"rows", "complete", "stale", "kind"}:
        rows, kind = value.get("rows", []), value.get("kind", "observed")
        complete, stale = value.get("complete", True), value.get("stale", False)
        if (
            isinstance(rows, list)
            and isinstance(complete, bool)
            and isinstance(stale, bool)
            and kind in [known.value for known in EvidenceKind]
        ):
            return rows, complete, stale, EvidenceKind(kind)
    hint = "write a list of rows, `missing`, `stale`, or {rows, complete, stale, kind}"
    faults.add("PC414", f"the rows of `{table}` in an example have another shape", Place("example"), hint)
    return [], False, False, EvidenceKind.OBSERVED
