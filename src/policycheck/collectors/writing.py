"""Writes a collection into an evidence folder: rows, raw copies, manifest; all of it or nothing.

Rows and raw copies get names that carry their digest and are never written over; the manifest is replaced
last, in one step. Until that step the folder means what it meant before, also after a crash. Every path is
opened one folder at a time without following symbolic links, and one run at a time holds the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

from msgspec import Struct

from policycheck.collectors.collection import Collection, RawDocument, instant_text, refuse
from policycheck.collectors.manifest_text import Entry, new_manifest, with_source
from policycheck.source import Place

MANIFEST = "manifest.yaml"
LOCK_WAIT_S = 30.0
MAX_MANIFEST_BYTES = 8 * 1024 * 1024

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Target(Struct, frozen=True):
    """Where a collection goes and what the person says about it. `organisation` is needed only for a
    folder without a manifest."""

    folder: Path
    evidence_id: str
    source_system: str
    collector: str
    collector_version: str
    organisation: str | None = None
    population_complete: bool = False


class Written(Struct, frozen=True):
    """What a run left in the folder. `replaced_rows` is the row count of the source whose place it took."""

    path: str
    entry: Entry
    replaced: bool
    replaced_rows: int | None


class _Undo:
    """What to take back when a run does not reach its last step: names inside open folders."""

    def __init__(self) -> None:
        self._steps: list[tuple[Callable[..., None], str, int]] = []

    def add(self, action: Callable[..., None], name: str, folder: int) -> None:
        self._steps.append((action, name, os.dup(folder)))

    def close(self, *, take_back: bool) -> None:
        """Takes the steps back, newest first, or forgets them."""
        while self._steps:
            action, name, folder = self._steps.pop()
            try:
                if take_back:
                    action(name, dir_fd=folder)
            except OSError:
                # A leftover that no manifest names is no evidence; the first error is the one to report.
                continue
            finally:
                os.close(folder)


def write_collection(
    collection: Collection, raw: Sequence[RawDocument], target: Target, lock_wait_s: float = LOCK_WAIT_S
) -> Written:
    """Writes `collection` and the raw documents, and enters them in the manifest.

    Raises: InputError PC760 for a bad argument, PC761 for a manifest that cannot be edited, PC762 for a
    folder that is not one or has a symbolic link on the way, PC763 when another run holds it too long,
    PC764 when the disk refuses. The folder is then as it was.
    """
    place = Place(str(target.folder))
    if not _ID.fullmatch(target.evidence_id) or ".." in target.evidence_id:
        hint = "use letters, digits, `.`, `_` and `-`"
        raise refuse("PC760", f"`{target.evidence_id[:80]}` is no evidence id", place, hint)
    try:
        with _locked_folder(target, place, lock_wait_s) as folder:
            # INVARIANT: taking back happens under the lock, or it could take another run's file.
            undo = _Undo()
            try:
                written = _write(folder, collection, raw, target, undo)
            except BaseException:
                undo.close(take_back=True)
                raise
            return written
    except OSError as error:
        words = f"cannot write: {error.strerror or error}"
        raise refuse("PC764", words, place, "check space and permissions; nothing was changed") from error


# --- the folder -----------------------------------------------------------------------------------


@contextmanager
def _locked_folder(target: Target, place: Place, wait_s: float) -> Iterator[int]:
    made = False
    if not target.folder.exists() and not target.folder.is_symlink():
        if target.organisation is None:
            hint = "name a folder that exists, or give --organisation to begin a new one"
            raise refuse("PC762", "there is no such evidence folder", place, hint)
        with suppress(FileExistsError):
            target.folder.mkdir()
            made = True
    try:
        folder = _open_folder(target, place)
        try:
            _lock(folder, place, wait_s)
            yield folder
        finally:
            os.close(folder)  # gives up the lock as well
    except BaseException:
        if made:
            with suppress(OSError):
                target.folder.rmdir()
        raise


def _open_folder(target: Target, place: Place) -> int:
    try:
        return os.open(target.folder, _FOLDER_FLAGS)
    except OSError as error:
        hint = "give the real path of the folder, not a link to it"
        words = f"the evidence folder cannot be opened: {error.strerror}"
        raise refuse("PC762", words, place, hint) from error


def _lock(folder: int, place: Place, wait_s: float) -> None:
    # The lock is on the folder itself, so that no lock file can be left behind or forged.
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                words = f"another run has held the evidence folder for {wait_s:g} s"
                raise refuse("PC763", words, place, "wait for it to end, then collect again") from None
            time.sleep(0.05)


def _sub_folder(parent: int, path: str, undo: _Undo | None) -> int:
    """Opens `a/b` below `parent`, following no symbolic link; makes what is missing if it can be undone."""
    current = os.dup(parent)
    for name in PurePath(path).parts:
        try:
            if undo is not None:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=current)
                    undo.add(os.rmdir, name, current)
            inner = os.open(name, _FOLDER_FLAGS, dir_fd=current)
        except NotADirectoryError as error:
            words = f"`{path}` in the evidence folder is a symbolic link or no folder"
            raise refuse("PC762", words, Place(path), "remove it, then collect again") from error
        finally:
            os.close(current)
        current = inner
    return current


# --- files ----------------------------------------------------------------------------------------


def _write_file(folder: int, name: str, data: bytes, mode: int | None = None) -> None:
    """Puts `data` at `name` in one step: a new file beside it, synced, then renamed."""
    temporary = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        try:
            if mode is not None:
                os.fchmod(file, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _add_file(folder: int, path: str, data: bytes, undo: _Undo) -> dict[str, str]:
    """Writes a file whose name carries its digest; one that is already there stays if it is the same."""
    pure = PurePath(path)
    inner = _sub_folder(folder, str(pure.parent), undo)
    try:
        if _read_file(inner, pure.name, path, len(data)) != data:
            _write_file(inner, pure.name, data)
            undo.add(os.unlink, pure.name, inner)
            os.fsync(inner)
    finally:
        os.close(inner)
    return {"path": path, "file_sha256": hashlib.sha256(data).hexdigest()}


def _read_file(folder: int, name: str, path: str, limit: int) -> bytes | None:
    """The bytes of a regular file, None when there is none. Raises: InputError PC762 for anything else."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        words = f"`{path}` is a symbolic link or cannot be opened: {error.strerror}"
        raise refuse("PC762", words, Place(path), "put a regular file in its place") from error
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise refuse("PC762", f"`{path}` is not a regular file", Place(path), "remove it")
        return stream.read(limit + 1)


# --- one run --------------------------------------------------------------------------------------


def _write(
    folder: int, collection: Collection, raw: Sequence[RawDocument], target: Target, undo: _Undo
) -> Written:
    old = _read_file(folder, MANIFEST, MANIFEST, MAX_MANIFEST_BYTES)
    if old is None and target.organisation is None:
        hint = "give --organisation to begin a manifest"
        raise refuse("PC762", f"the folder has no `{MANIFEST}`", Place(str(target.folder)), hint)
    data = rows_text(collection).encode()
    digest = hashlib.sha256(data).hexdigest()
    path = f"collected/{target.evidence_id}/{collection.table}-{digest[:16]}.ndjson"
    _add_file(folder, path, data, undo)
    attachments = [
        _add_file(folder, f"raw/{target.evidence_id}/{raw_name(document)}", document.data, undo)
        for document in raw
    ]
    entry = _entry(collection, target, path, digest, attachments)
    if old is None:
        text, replaced = new_manifest(target.organisation or "", entry), None
    else:
        text, replaced = with_source(str(target.folder / MANIFEST), old, entry)
    # Someone may edit the manifest by hand meanwhile, and an editor takes no lock.
    if _read_file(folder, MANIFEST, MANIFEST, MAX_MANIFEST_BYTES) != old:
        hint = "collect again"
        raise refuse("PC763", "the manifest changed during the run", Place(str(target.folder)), hint)
    _write_file(folder, MANIFEST, text.encode(), _mode(folder) if old is not None else None)
    # From here on the manifest names the new files: they stay, whatever happens.
    undo.close(take_back=False)
    os.fsync(folder)
    if replaced is not None:
        _remove_replaced(folder, replaced, entry)
    rows = replaced.get("row_count") if replaced else None
    return Written(path, entry, replaced is not None, rows if isinstance(rows, int) else None)


def _mode(folder: int) -> int:
    return stat.S_IMODE(os.stat(MANIFEST, dir_fd=folder, follow_symlinks=False).st_mode)


def rows_text(collection: Collection) -> str:
    """The rows as NDJSON: one object a line, columns in the collector's order."""
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in collection.rows)


def raw_name(document: RawDocument) -> str:
    """A name for a raw copy: its digest, and what is safe of its own name."""
    own = re.sub(r"[^A-Za-z0-9._-]+", "_", PurePath(document.name).name).lstrip(".")[-80:] or "raw"
    return f"{hashlib.sha256(document.data).hexdigest()[:16]}-{own}"


def _entry(
    collection: Collection, target: Target, path: str, digest: str, attachments: list[dict[str, str]]
) -> Entry:
    entry: dict[str, Any] = {
        "evidence_id": target.evidence_id,
        "table": collection.table,
        "path": path,
        "source_system": target.source_system,
        "collector": target.collector,
        "collector_version": target.collector_version,
        "collected_at": instant_text(collection.collected_at),
        "evidence_kind": "attested" if collection.attested else "observed",
        # INVARIANT: whoever asked for more than came back cannot call it complete.
        "population_complete": target.population_complete and not collection.missing,
        "row_count": len(collection.rows),
        "file_sha256": digest,
    }
    unique = {item["path"]: item for item in attachments}
    return {**entry, "attachments": list(unique.values())} if unique else entry


def _remove_replaced(folder: int, replaced: Mapping[str, Any], entry: Entry) -> None:
    """Removes the files of the source that was replaced, if this module wrote them."""
    evidence_id = str(entry["evidence_id"])
    kept = {entry["path"], *(item["path"] for item in entry.get("attachments", []))}
    listed = replaced.get("attachments")
    attached = (
        [item.get("path") for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    )
    for path in [replaced.get("path"), *attached]:
        if not isinstance(path, str) or path in kept:
            continue
        pure = PurePath(path)
        if str(pure.parent) not in (f"collected/{evidence_id}", f"raw/{evidence_id}") or ".." in pure.parts:
            continue
        try:
            inner = _sub_folder(folder, str(pure.parent), None)
            try:
                os.unlink(pure.name, dir_fd=inner)
            finally:
                os.close(inner)
        except OSError:
            # The manifest no longer names the file; a leftover says nothing.
            continue
