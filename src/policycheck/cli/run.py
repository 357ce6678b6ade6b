"""What most commands begin with: reading pack and evidence under a profile, as of an instant.

Goes in: what was asked for, and the clock. Comes out: a compiled pack and verified evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from policycheck.cli.screen import meter, say
from policycheck.errors import Fault, FaultList, InputError
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.compiled import CompiledPack
    from policycheck.engines import Session
    from policycheck.model import Evidence
    from policycheck.precompiled import Precompiled

EVIDENCE = Path("evidence")
FROM_MANIFEST = "manifest"


class Engine(StrEnum):
    """What answers the questions of the controls. The answers are the same, so AUTO goes by size alone."""

    AUTO = "auto"
    DIRECT = "direct"
    DUCKDB = "duckdb"
    SPARK = "spark"


class Inputs(Struct, frozen=True):
    """What every judging command is told. `now` is the one reading of the clock."""

    pack: Path
    evidence: Path
    profile: str | None
    as_of: str | None
    now: datetime
    quiet: bool = False
    engine: Engine = Engine.AUTO
    keep: bool = True  # use and leave compiled packs in the user's cache folder
    master: str | None = None  # of the Spark cluster
    staging: Path | None = None  # where the cluster finds what was read here
    memory_mb: int | None = None  # that DuckDB may take


class Run(Struct):
    """Everything that has been read: evidence is in the session, the session is sealed."""

    compiled: CompiledPack
    evidence: Evidence
    session: Session


def shipped_pack() -> Path:
    """The pack inside the installed package, or the one beside `src/` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "controls"
    beside = package.parents[1] / "controls"
    return beside if not inside.is_dir() and package.parent.name == "src" else inside


def instant_of(inputs: Inputs, manifest_as_of: Callable[[], datetime | None]) -> datetime:
    """The instant of this run in UTC. Raises InputError PC601 for one that is wrong or lies ahead.

    The manifest's own instant counts only where it is asked for: evidence does not choose its date.
    """
    if inputs.as_of is None:
        moment = inputs.now
    elif inputs.as_of == FROM_MANIFEST:
        named = manifest_as_of()
        if named is None:
            hint = "add `as_of:` to manifest.yaml, or give an instant"
            raise _refused("the manifest names no `as_of`", hint)
        moment = named.astimezone(UTC)
    else:
        moment = _parse(inputs.as_of)
    if moment > inputs.now + timedelta(seconds=1):
        raise _refused(
            f"{_shown(moment)} lies ahead: it is {_shown(inputs.now)} now",
            "nobody knows what will be so by then; give the present or an earlier instant",
        )
    if not inputs.quiet:
        replay = "" if moment >= inputs.now else f", a replay: it is {_shown(inputs.now)} now"
        say(f"as of {_shown(moment)}{replay}")
    return moment


def _parse(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or len(text) <= len("2026-03-02"):
        raise _refused(
            f"`{text}` is not an instant",
            "write date, time and offset, for instance 2026-03-02T12:00:00Z; or `manifest`",
        )
    return moment.astimezone(UTC)


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refused(message: str, help: str) -> InputError:
    return InputError([Fault("PC601", message, Place("--as-of"), help)])


DIRECT_LIMIT = 5_000
"""Up to this many rows evidence is small: the direct engine is the faster one, and a second look is cheap."""


class Reading(Struct, frozen=True):
    """Pack and evidence of a run, before an engine has seen them."""

    inputs: Inputs
    kept: Precompiled
    compiled: CompiledPack
    evidence: Evidence

    @property
    def has_bulk(self) -> bool:
        return any(data.bulk for data in self.evidence.tables.values())

    @property
    def is_small(self) -> bool:
        return not self.has_bulk and sum(d.row_total for d in self.evidence.tables.values()) <= DIRECT_LIMIT

    @property
    def is_direct(self) -> bool:
        """Whether the direct engine is to be asked first."""
        asked = self.inputs.engine
        return self.is_small if asked is Engine.AUTO else asked is Engine.DIRECT and not self.has_bulk

    def under(self, profile: str) -> Reading | None:
        """The same under another profile; None where its memos do not license its values."""
        from policycheck.parameters import find_profile, resolve_parameters

        faults, as_of = FaultList(), self.compiled.as_of
        pack = self.kept.pack
        resolved = resolve_parameters(pack, find_profile(pack, profile), faults, today=as_of.date())
        return None if len(faults) else replace(self, compiled=self.kept.compiled(resolved, as_of))


def read(inputs: Inputs) -> Reading:
    """Everything a run needs, verified. Raises InputError with the faults of pack and evidence at once."""
    from policycheck.evidence import load_evidence, manifest_in
    from policycheck.parameters import find_profile, resolve_parameters
    from policycheck.precompiled import default_folder
    from policycheck.preparation import PackStore

    store = PackStore(inputs.pack, default_folder() if inputs.keep else None)
    kept = store.read()
    pack = kept.pack if kept is not None else store.parse()
    faults = FaultList()
    profile = find_profile(pack, inputs.profile)
    # What names the instant is what is judged at it, so it is read once.
    manifest = manifest_in(inputs.evidence, pack.tables) if inputs.as_of == FROM_MANIFEST else None
    moment = instant_of(inputs, lambda: manifest.as_of if manifest is not None else None)
    resolved = resolve_parameters(pack, profile, faults, today=moment.date())
    evidence = None
    try:
        evidence = load_evidence(inputs.evidence, pack.tables, moment, manifest, meter(inputs.quiet))
    except InputError as error:
        faults.extend(error.faults)
    if kept is None:
        kept = store.compile(pack, resolved, moment, faults)
    faults.raise_if_any()
    if evidence is None or kept is None:  # pragma: no cover - their faults were raised above
        raise InputError(faults.faults)
    return Reading(inputs, kept, kept.compiled(resolved, moment), evidence)
