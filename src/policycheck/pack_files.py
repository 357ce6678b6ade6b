"""The files of a pack as bytes, and the digest that names their content.

Goes in: a folder. Comes out: its files in path order, without a look inside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from policycheck.errors import FaultList, InputError
from policycheck.source import Place

FILE_LIMIT = 8 * 1024 * 1024
IGNORED = ("README.md",)


class PackFile(Struct, frozen=True):
    """A file of the pack: its path for messages, its path inside the pack, and its bytes."""

    path: str
    inside: str
    data: bytes

    @property
    def stem(self) -> str:
        """The file name without its kind: `DP-3.7` of `DP/DP-3.7.yaml`."""
        name = self.inside.rsplit("/", 1)[-1]
        for suffix in (".schema.json", ".yaml", ".sql"):
            name = name.removesuffix(suffix)
        return name


def pack_digest(files: Iterable[PackFile]) -> str:
    """SHA-256 over one line `<sha256>  <path>` a file, in path order: independent of where it stands."""
    lines = [f"{hashlib.sha256(file.data).hexdigest()}  {file.inside}\n" for file in files]
    return hashlib.sha256("".join(sorted(lines, key=lambda line: line[66:])).encode()).hexdigest()


def read_pack_files(folder: Path, faults: FaultList) -> list[PackFile]:
    """Every file of the pack, in path order. Raises InputError PC301 where there is no folder."""
    if not folder.is_dir():
        hint = "name the pack folder with --pack, or make one with `policycheck init DIR`"
        faults.add("PC301", f"`{folder}` is not a folder", Place(str(folder)), hint)
        raise InputError(faults.faults)
    files = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if any(part.startswith(".") or part == "__pycache__" for part in Path(inside).parts):
            continue
        if path.is_symlink():
            faults.add("PC302", "a pack holds no symbolic links", Place(str(path)), "copy the file instead")
        elif path.is_file() and path.name not in IGNORED:
            if path.stat().st_size > FILE_LIMIT:
                faults.add("PC302", f"the file is larger than {FILE_LIMIT} bytes", Place(str(path)))
            else:
                files.append(PackFile(str(path), inside, path.read_bytes()))
    return files
