"""Files inside one folder, opened so that nothing leads out of it.

Goes in: a folder and a path relative to it. Comes out: an open descriptor of a regular file, or its
bytes and their SHA-256. Follows no symbolic link and reads each file once, so that what is hashed is
what is read. Never writes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

CHUNK = 1 << 20
MAX_PATH = 512

_BAD_PATH = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|\[\]]')
_BAD_PATTERN = re.compile(r'[\x00-\x1f\x7f\\:"<>|\[\]]')
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class RefusedError(Exception):
    """The path leads out of the folder, or to something that is not a regular file."""


class AbsentError(Exception):
    """There is no such file."""


class TooLargeError(Exception):
    """The file has more bytes than the reader takes."""


class FileBytes(Struct, frozen=True):
    """A file as it was read: its path inside the folder, its bytes and their SHA-256 in hex."""

    path: str
    data: bytes
    digest: str


def is_pattern(path: str) -> bool:
    """Whether the path stands for several files."""
    return "*" in path or "?" in path


def check_path(path: str) -> None:
    """Raises RefusedError unless `path` is relative, plain and inside; `*` and `?` in the name only."""
    parts = path.split("/")
    if not path or len(path) > MAX_PATH:
        raise RefusedError(f"a path has 1 to {MAX_PATH} characters")
    if path.startswith("/"):
        raise RefusedError("an absolute path")
    if any(part in ("", ".", "..") for part in parts):
        raise RefusedError("a path with `..`, `.` or an empty part")
    if any(_BAD_PATH.search(part) for part in parts[:-1]) or _BAD_PATTERN.search(parts[-1]):
        raise RefusedError("a path with characters that file systems treat differently")


class Folder:
    """A folder held open; use as a context manager."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def open(self, path: str) -> int:
        """A descriptor of the regular file at `path`, which the caller closes.

        Raises RefusedError, AbsentError, or OSError for what the system does not allow.
        """
        check_path(path)
        *parents, name = path.split("/")
        directory = self._descend(parents)
        try:
            fd = _open(name, _FILE, directory)
        finally:
            os.close(directory)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise RefusedError("not a regular file")
        return fd

    def _descend(self, parents: list[str]) -> int:
        directory = os.dup(self._fd)
        for parent in parents:
            try:
                inner = _open(parent, _DIRECTORY, directory)
            finally:
                os.close(directory)
            directory = inner
        return directory

    def read(self, path: str, limit: int) -> FileBytes:
        """The bytes of one file; raises TooLargeError past `limit`, and what `open` raises."""
        fd = self.open(path)
        with os.fdopen(fd, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise TooLargeError(f"more than {limit} bytes")
        return FileBytes(path, data, hashlib.sha256(data).hexdigest())

    def size(self, path: str) -> int:
        """How many bytes a file has now; raises what `open` raises."""
        fd = self.open(path)
        try:
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def match(self, pattern: str) -> list[str]:
        """The paths of the files that a pattern stands for, in order; hidden ones are left out."""
        check_path(pattern)
        *parents, name = pattern.split("/")
        try:
            directory = self._descend(parents)
        except AbsentError:
            return []
        try:
            names = os.listdir(directory)  # noqa: PTH208 pathlib takes no descriptor
        finally:
            os.close(directory)
        found = [entry for entry in names if not entry.startswith(".") and fnmatchcase(entry, name)]
        return sorted("/".join([*parents, entry]) for entry in found)

    def walk(self) -> Iterator[str]:
        """Every path in the folder that is not a folder, in order; symbolic links are not followed."""
        for directory, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside = Path(directory).relative_to(self.root)
            links = [name for name in folders if (Path(directory) / name).is_symlink()]
            for name in sorted(names + links):
                if not name.startswith("."):
                    yield (inside / name).as_posix()


def _open(name: str, flags: int, directory: int) -> int:
    try:
        return os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        raise AbsentError("there is no such file") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
            raise RefusedError("a symbolic link, or a file where a folder is expected") from None
        if error.errno in (errno.ENXIO, errno.EISDIR, errno.ENODEV):
            raise RefusedError("not a regular file") from None
        raise


class NoRoomError(Exception):
    """A private copy of a file finds no place; the message names the folder."""


class PrivateCopy:
    """A copy of a file without a name, which nobody else can open or change; gone when nobody holds it.

    `fd` reads the bytes that `digest`, their SHA-256 in hex, and `size` are of.
    """

    def __init__(self, fd: int, digest: str, size: int) -> None:
        self.fd = fd
        self.digest = digest
        self.size = size

    def __del__(self) -> None:
        os.close(self.fd)


def private_copy(fd: int, look: Callable[[bytes], None] | None = None) -> PrivateCopy:
    """Copies what a descriptor reads from its start, in one pass with its digest.

    `look` gets every piece in order. The copy lies in the folder for temporary files (TMPDIR), on disk
    as far as that folder is. Raises NoRoomError where it does not fit there.
    """
    from tempfile import TemporaryFile  # small files need none

    with _room(), TemporaryFile(prefix="policycheck-", buffering=0) as file:
        copy = os.dup(file.fileno())
    try:
        # INVARIANT: what is hashed is what is read; a second look at the original might see other bytes.
        total, offset = hashlib.sha256(), 0
        while chunk := os.pread(fd, CHUNK, offset):
            total.update(chunk)
            with _room():
                _write_all(copy, chunk)
            offset += len(chunk)
            if look is not None:
                look(chunk)
    except BaseException:
        os.close(copy)
        raise
    return PrivateCopy(copy, total.hexdigest(), offset)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


@contextmanager
def _room() -> Iterator[None]:
    """Says of a write that failed where it went: the file that was read is not to blame."""
    try:
        yield
    except OSError as error:
        from tempfile import gettempdir

        why = (error.strerror or "the system refuses it").lower()
        raise NoRoomError(f"no private copy of it can be made in {gettempdir()}: {why}") from None


def digest_of(fd: int) -> tuple[str, int]:
    """SHA-256 in hex and size in bytes of what a descriptor reads from its start."""
    total, size = hashlib.sha256(), 0
    while chunk := os.pread(fd, CHUNK, size):
        total.update(chunk)
        size += len(chunk)
    return total.hexdigest(), size


def combined_digest(files: list[tuple[str, str]]) -> str:
    """The SHA-256 of several files: of the lines `<digest>  <path>` in path order.

    Source: docs/authoring.md, "The manifest".
    """
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()
