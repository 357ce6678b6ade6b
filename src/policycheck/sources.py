"""One source: its files opened, verified against the manifest, and read as typed rows.

Goes in: a manifest entry and the evidence folder. Comes out: a `Loaded` with the source's state and its
rows; a source that cannot be relied on gives none. Never raises for what is wrong with a source.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from policycheck.documents import MAX_BYTES
from policycheck.errors import Fault, FaultList, nearest
from policycheck.folder import (
    AbsentError,
    FileBytes,
    Folder,
    NoRoomError,
    PrivateCopy,
    RefusedError,
    TooLargeError,
    combined_digest,
    is_pattern,
    private_copy,
)
from policycheck.model import EvidenceFile, Source, SourceState, TableSchema
from policycheck.rowfiles import MAX_STREAM_BYTES, RawRows, read_rows, suffix_of
from policycheck.rows import Row, RowReader, compile_row_reader
from policycheck.source import Place
from policycheck.streams import Progress, TextCheck

BULK = "parquet"
STREAMS = ("ndjson", "csv")
BULK_BYTES = 16 << 20
"""NDJSON and CSV sources with more bytes than this are left to an engine, as Parquet is."""


class Loaded(Struct):
    """A source, its rows and its bulk files."""

    source: Source
    rows: list[tuple[str, int, Row]] = field(default_factory=list)  # path, line, row
    bulk: list[tuple[str, PrivateCopy, Fault | None]] = field(default_factory=list)  # what no row can mend


class SourceError(Exception):
    """Ends the reading of one source: its state, the reason, a fault code, and the faults in its files."""

    def __init__(
        self, state: SourceState, code: str, reason: str, help: str, path: str = "",
        faults: Sequence[Fault] = (),
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.state, self.code, self.reason, self.help, self.path = state, code, reason, help, path
        self.faults = tuple(faults)

    def ended(self, source: Source) -> Source:
        """The source as one that cannot be used."""
        reason = f"{self.path}: {self.reason}" if self.path else self.reason
        return replace(source, state=self.state, reason=reason)

    def told(self, source: Source) -> list[Fault]:
        """What the run says of it: the faults in the files, and that of the source."""
        words = f"source `{source.evidence_id}`: {self.reason}"
        return [*self.faults, Fault(self.code, words, source.place, self.help)]


def unreadable(faults: Sequence[Fault]) -> SourceError:
    """A source with a file that cannot be read as rows."""
    first = min(faults, key=lambda fault: (fault.place, fault.code, fault.message))
    hint = "mend the file, or collect it again"
    reason = f"{first.place}: {first.message}"
    return SourceError(SourceState.UNREADABLE, "PC408", reason, hint, faults=faults)


def miscounted(rows: int, expected: int | None) -> SourceError:
    """A source that has not as many rows as the manifest says. INVARIANT: rows that were read count."""
    reason = f"{rows} rows were read, and the manifest says {expected}"
    hint = "collect it again; rows were lost or added"
    return SourceError(SourceState.COUNT_MISMATCH, "PC410", reason, hint)


def unknown_column(reader: RowReader, name: str, path: str, line: int) -> SourceError:
    """A source with a row that has a column the table has not."""
    words = f"`{name}` is not a column of `{reader.schema.name}`"
    hint = nearest(name.rpartition(".")[2], reader.names)
    fault = Fault("PC409", words, Place(path, line), hint)
    return SourceError(SourceState.INVALID, "PC409", words, hint, path, [fault])


class SourceReader:
    """Reads the sources of one folder."""

    def __init__(
        self, folder: Folder, tables: Mapping[str, TableSchema], as_of: datetime, faults: FaultList,
        progress: Progress | None = None,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.tables = tables
        self.as_of = as_of
        self.faults = faults
        self.progress = progress
        self.readers: dict[str, RowReader] = {}

    def reader(self, table: str) -> RowReader:
        if table not in self.readers:
            moment = self.as_of.replace(tzinfo=None)
            self.readers[table] = compile_row_reader(self.tables[table], moment)
        return self.readers[table]

    def files_of(self, source: Source) -> list[str] | None:
        """The paths that a source stands for; None when its path is refused, which `load` reports."""
        if not is_pattern(source.path):
            return [source.path]
        try:
            return self.folder.match(source.path)
        except (RefusedError, OSError):
            return None

    def load(self, source: Source, paths: list[str] | None) -> Loaded:
        """Verifies a source and reads its rows; never raises for what is wrong with it."""
        loaded = Loaded(source)
        if source.state is not SourceState.OK:
            return loaded
        try:
            self._read(loaded, paths)
        except SourceError as error:
            self.faults.extend(error.told(source))
            loaded.source = error.ended(loaded.source)
            loaded.rows, loaded.bulk = [], []
        return loaded

    def _read(self, loaded: Loaded, paths: list[str] | None) -> None:
        source = loaded.source
        paths = self.folder_match(source) if paths is None else paths
        if self._is_bulk(source, paths):
            self._read_bulk(loaded, paths)
        else:
            self._read_small(loaded, paths)
        self._check_moment(source)

    def _is_bulk(self, source: Source, paths: list[str]) -> bool:
        kind = suffix_of(source.path)
        if kind not in STREAMS or self.tables[source.table].children:  # rows with lists stay whole
            return kind == BULK
        total = 0
        for path in paths:
            with explained(path):
                total += self.folder.size(path)
        return total > BULK_BYTES

    def folder_match(self, source: Source) -> list[str]:
        """The paths again, this time with the reason why there are none."""
        with explained(source.path):
            return self.folder.match(source.path)

    def _check_moment(self, source: Source) -> None:
        if source.collected_at is not None and source.collected_at > self.as_of:
            reason = f"collected at {_shown(source.collected_at)}, after this run's {_shown(self.as_of)}"
            hint = "judge at a later moment, or correct the clock of the collector"
            raise SourceError(SourceState.FUTURE, "PC411", reason, hint)

    def _digested(self, loaded: Loaded, files: list[tuple[str, str, int]]) -> None:
        """Notes the files that were read and compares their digest with the manifest's."""
        source = loaded.source
        pairs = [(path, digest) for path, digest, _ in files]
        whole = combined_digest(pairs) if is_pattern(source.path) else pairs[0][1]
        noted = tuple(EvidenceFile(path, digest, size, -1) for path, digest, size in files)
        loaded.source = replace(source, digest=whole, files=noted)
        if whole == source.file_sha256:
            return
        if not files:
            hint = "collect it again, or correct the path"
            raise SourceError(SourceState.MISSING, "PC406", f"no file matches `{source.path}`", hint)
        reason = f"the bytes have the digest {whole[:12]}..., the manifest says {source.file_sha256[:12]}..."
        hint = "collect it again; a changed file is not evidence"
        raise SourceError(SourceState.TAMPERED, "PC407", reason, hint)

    def _read_small(self, loaded: Loaded, paths: list[str]) -> None:
        limit = MAX_STREAM_BYTES if suffix_of(loaded.source.path) in STREAMS else MAX_BYTES
        read: list[FileBytes] = []
        for path in paths:
            with explained(path):
                read.append(self.folder.read(path, limit))
        self._digested(loaded, [(file.path, file.digest, len(file.data)) for file in read])
        source = loaded.source
        noted = []
        for file, known in zip(read, source.files, strict=True):
            raw = self._raw_rows(source, file)
            self._type_rows(loaded, file.path, raw)
            noted.append(replace(known, rows=len(raw.rows)))
        total = sum(file.rows for file in noted)
        loaded.source = replace(source, files=tuple(noted), rows=total)
        if total != source.row_count:
            raise miscounted(total, source.row_count)

    def _raw_rows(self, source: Source, file: FileBytes) -> RawRows:
        broken = FaultList()
        raw = read_rows(file.path, file.data, broken, single=is_pattern(source.path))
        if raw is not None:
            return raw
        raise unreadable(broken.faults)

    def _type_rows(self, loaded: Loaded, path: str, raw: RawRows) -> None:
        reader = self.reader(loaded.source.table)
        for row in raw.rows:
            unknown = reader.unknown(row.values)
            if unknown:
                raise unknown_column(reader, unknown[0], path, 1 if raw.from_text else row.line)
            loaded.rows.append((path, row.line, reader.read(row.values, raw.from_text)))

    def _read_bulk(self, loaded: Loaded, paths: list[str]) -> None:
        files = []
        for path in paths:
            check = TextCheck(path) if suffix_of(path) in STREAMS else None
            with explained(path):
                fd = self.folder.open(path)
                try:
                    copy = private_copy(fd, self._looking(path, fd, check))
                finally:
                    os.close(fd)
            loaded.bulk.append((path, copy, check.close() if check is not None else None))
            files.append((path, copy.digest, copy.size))
        loaded.source = replace(loaded.source, rows=-1 if files else 0)
        self._digested(loaded, files)
        if not files and loaded.source.row_count:
            reason = (
                f"no file matches `{loaded.source.path}`, the manifest says {loaded.source.row_count} rows"
            )
            raise SourceError(SourceState.COUNT_MISMATCH, "PC409", reason, "collect it again")

    def _looking(self, path: str, fd: int, check: TextCheck | None) -> Callable[[bytes], None]:
        """What is done with each piece of a file while it is copied."""
        total, done = os.fstat(fd).st_size, 0

        def look(piece: bytes) -> None:
            nonlocal done
            done += len(piece)
            if check is not None:
                check.feed(piece)
            if self.progress is not None:
                self.progress(f"copying {path}", done, total)

        return look


class explained:  # noqa: N801 a context manager that reads like a verb
    """Turns what opening a file raises into the state of its source."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RefusedError):
            hint = "keep evidence as plain files inside the evidence folder"
            raise SourceError(SourceState.REFUSED, "PC405", f"refused: {error}", hint, self.path) from None
        if isinstance(error, AbsentError):
            hint = "collect it again, or correct the path"
            raise SourceError(SourceState.MISSING, "PC406", str(error), hint, self.path) from None
        if isinstance(error, TooLargeError):
            hint = "split it into part files, or write Parquet"
            raise SourceError(SourceState.UNREADABLE, "PC408", str(error), hint, self.path) from None
        if isinstance(error, NoRoomError):
            hint = "make room there, or name a folder on a larger disk in the environment variable TMPDIR"
            raise SourceError(SourceState.UNREADABLE, "PC408", str(error), hint, self.path) from None
        if isinstance(error, OSError):
            reason = f"cannot be read: {error.strerror or 'the system refuses it'}"
            hint = "let this user read the file"
            raise SourceError(SourceState.UNREADABLE, "PC408", reason, hint, self.path) from None


def _shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
