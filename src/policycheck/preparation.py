"""The compiled pack of a run: as an earlier run left it, or from its files through the gate.

Goes in: a pack folder, a folder to keep compiled packs in (or none). Comes out: a
`Precompiled`, the same either way.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from policycheck import pack_files, precompiled
from policycheck.errors import FaultList
from policycheck.model import Pack
from policycheck.parameters import Resolved
from policycheck.precompiled import Precompiled


class PackStore:
    """One pack. Its files are read once, so that what is named by its digest is what is
    compiled. Raises InputError (PC3xx) where they cannot be read."""

    def __init__(self, root: Path, folder: Path | None) -> None:
        faults = FaultList()
        self._root = root
        self._files = pack_files.read_pack_files(root, faults)
        faults.raise_if_any()
        self._folder = folder
        self._digest = pack_files.pack_digest(self._files)
        self._name = precompiled.file_name(self._digest, str(root))

    def read(self) -> Precompiled | None:
        """What an earlier run has left of this pack, or None: what is damaged is made again."""
        text = precompiled.read(self._folder, self._name) if self._folder is not None else None
        try:
            kept = Precompiled(text) if text is not None else None
        except ValueError:
            return None
        # A file says itself which pack it is of: one that was copied or renamed is of another.
        return kept if kept is not None and kept.pack.digest == self._digest else None

    def parse(self) -> Pack:
        """The pack from its files, without examples. Raises InputError with every fault."""
        from policycheck.pack import load_pack

        return load_pack(self._root, examples=False, files=self._files)

    def compile(
        self, pack: Pack, resolved: Resolved, moment: datetime, faults: FaultList
    ) -> Precompiled | None:
        """Takes the pack through the gate, and keeps the result for later runs; None and `faults` where
        something is wrong. The engine is sealed before anything of the pack reaches it."""
        from policycheck.compiler import compile_pack
        from policycheck.engines.duckdb import PARSER, DuckDBSession

        with DuckDBSession() as session:
            session.seal()
            template = compile_pack(pack, resolved, moment, session, faults, template=True)
            if len(faults):
                return None
            text = precompiled.to_text(template, session.parse, PARSER)
        if self._folder is not None:
            precompiled.write(self._folder, self._name, text)
        return Precompiled(text)
