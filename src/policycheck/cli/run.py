"""What most commands begin with: options for pack, evidence, profile and instant, and reading these.

Goes in: arguments and the clock. Comes out: a compiled pack, verified evidence and a loaded session.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from policycheck.cli.screen import meter, say
from policycheck.errors import EngineError, Fault, FaultList, InputError
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.compiled import CompiledPack
    from policycheck.engines import Session
    from policycheck.engines.direct import DirectSession
    from policycheck.model import Evidence
    from policycheck.precompiled import Precompiled

T = TypeVar("T")
EVIDENCE = Path("evidence")
FROM_MANIFEST = "manifest"
_FOLDER = click.Path(path_type=Path)


class Engine(StrEnum):
    """What answers the questions of the controls. The answers are the same, so AUTO goes by size alone."""

    AUTO = "auto"
    DIRECT = "direct"
    DUCKDB = "duckdb"


class Inputs(Struct, frozen=True):
    """The options every judging command shares. `now` is the one reading of the clock."""

    pack: Path
    evidence: Path
    profile: str | None
    as_of: str | None
    now: datetime
    quiet: bool = False
    engine: Engine = Engine.AUTO
    keep: bool = True  # use and leave compiled packs in the user's cache folder


class Run(Struct):
    """Everything that has been read: evidence is in the session, the session is sealed."""

    compiled: CompiledPack
    evidence: Evidence
    session: Session


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options behind `Inputs`, which the command gets as its argument `inputs`."""

    @functools.wraps(command)
    def with_inputs(
        *args: Any, pack_folder: Path | None, evidence_folder: Path, profile: str | None, as_of: str | None,
        engine: str, no_cache: bool, quiet: bool, **rest: Any,
    ) -> Any:  # fmt: skip
        now = datetime.now(UTC).replace(microsecond=0)
        inputs = Inputs(
            pack_folder or shipped_pack(), evidence_folder, profile, as_of, now, quiet,
            Engine(engine), keep=not no_cache,
        )  # fmt: skip
        return command(*args, inputs=inputs, **rest)

    options = [
        pack_option,
        click.option("--evidence", "evidence_folder", type=_FOLDER, default=EVIDENCE, metavar="DIR",
                     help="Folder with manifest.yaml.  [default: ./evidence]"),
        click.option("--profile", metavar="NAME", help="Parameter values  [default: the pack's own choice]"),
        click.option("--as-of", metavar="INSTANT|manifest",
                     help="Judge as of this instant, for instance 2026-03-02T12:00:00Z, or as of the one "
                     "the manifest names.  [default: now]"),
        click.option("--engine", type=click.Choice([each.value for each in Engine]), default="auto",
                     help="What answers: Python for small evidence, DuckDB for large.  [default: by size]"),
        click.option("--no-cache", is_flag=True,
                     help="Compile the pack anew, and leave no compiled pack in the cache folder."),
        click.option("--quiet", is_flag=True, help="Say nothing on standard error but errors."),
    ]  # fmt: skip
    for option in reversed(options):
        with_inputs = option(with_inputs)
    return with_inputs


def pack_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --pack."""
    option = click.option("--pack", "pack_folder", type=_FOLDER, metavar="DIR",
                          help="The pack to use  [default: the one that comes with policycheck]")  # fmt: skip
    decorated: Callable[..., Any] = option(command)
    return decorated


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


class Engines:
    """What answers about one evidence, under any profile: the direct engine reads it once for all."""

    def __init__(self) -> None:
        self._direct: DirectSession | None = None

    def judged(self, reading: Reading, work: Callable[[Run], T]) -> T:
        """What `work` makes of a run.

        Where the direct engine has no answer for something, `work` is done again with the embedded one, so
        it must leave nothing behind that its second time does not replace.
        """
        if reading.is_direct:
            session = self._direct or _direct_session()
            with suppress(EngineError):  # what the session raises it also notes as unanswered
                done = work(self._loaded(reading, session))
                if not session.unanswered:
                    self._direct = session
                    return done
            self._direct = None
            if not reading.inputs.quiet:
                say(f"note: answered by duckdb instead: {session.unanswered[0]}")
        from policycheck.engines.duckdb import DuckDBSession
        from policycheck.loading import load

        with DuckDBSession(progress=meter(reading.inputs.quiet)) as embedded:
            return work(Run(reading.compiled, load(reading.compiled, reading.evidence, embedded), embedded))

    def _loaded(self, reading: Reading, session: DirectSession) -> Run:
        from policycheck.compiled import parameter_values
        from policycheck.loading import load, load_again

        compiled = reading.compiled
        trees = reading.kept.trees(compiled.resolved, compiled.as_of)
        session.turn_to(trees.__getitem__, parameter_values(compiled.resolved, compiled.as_of))
        fill = load if self._direct is None else load_again
        return Run(compiled, fill(compiled, reading.evidence, session), session)


def judged(reading: Reading, work: Callable[[Run], T]) -> T:
    """What `work` makes of a run, where one run is all that is asked for. See `Engines.judged`."""
    return Engines().judged(reading, work)


def _direct_session() -> DirectSession:
    from policycheck.engines.direct import DirectSession

    return DirectSession()


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
