"""Puts reports into a folder, all of them or none.

Goes in: paths and the bytes for each. Comes out: files that took the place of earlier ones in one step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from policycheck.cli.screen import say
from policycheck.errors import Fault, InputError
from policycheck.source import Place

STDOUT = "-"


def write_files(files: Mapping[Path, bytes], folder: Path, quiet: bool) -> None:
    """Writes the files, which stand in `folder`. Raises InputError PC604."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        waiting = [(_beside(path, data), path) for path, data in files.items()]
        for temporary, path in waiting:
            temporary.replace(path)
    except OSError as error:
        words = f"the report cannot be written: {error.strerror}"
        hint = "name another folder with --output, or `--output -` with one --format"
        raise InputError([Fault("PC604", words, Place(str(folder)), hint)]) from error
    if not quiet:
        for _, path in waiting:
            say(f"report: {path}")


def _beside(target: Path, data: bytes) -> Path:
    """The data in a file with a name of its own, complete and on disk."""
    import tempfile  # nothing is published where the report goes to standard output

    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", dir=target.parent)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), 0o644)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return path
