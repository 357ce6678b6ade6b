"""Which engine answers, and what to do where it cannot.

Goes in: pack and evidence, read; work to be done with a loaded session. Comes out: what the work makes of
it, by the engine that was asked for or by the one that suits the size. No engine changes an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from policycheck.cli.run import Engine, Reading, Run
from policycheck.cli.screen import meter, say
from policycheck.errors import EngineError, Fault, InputError
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.cli.run import Inputs
    from policycheck.engines.direct import DirectSession
    from policycheck.engines.duckdb import DuckDBSession
    from policycheck.engines.spark import SparkEngine
    from policycheck.model import Evidence

T = TypeVar("T")


class Engines:
    """What answers about one evidence, under any profile: the direct engine reads it once for all, and a
    cluster is joined once. To be closed. `used` is what answered last, `plans` how it asked large evidence,
    `answered` are all that have.
    """

    def __init__(self) -> None:
        self._direct: DirectSession | None = None
        self._spark: SparkEngine | None = None
        self._evidence: Evidence | None = None  # as loading it into the cluster left it
        self.used = Engine.AUTO
        self.plans: list[str] = []
        self.answered: set[Engine] = set()

    def __enter__(self) -> Engines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spark is not None:
            self._spark.close()

    def judged(self, reading: Reading, work: Callable[[Run], T]) -> T:
        """What `work` makes of a run.

        Where the direct engine has no answer for something, `work` is done again with the embedded one, so
        it must leave nothing behind that its second time does not replace.
        """
        if reading.inputs.engine is Engine.SPARK:
            return self._on_cluster(reading, work)
        if reading.is_direct:
            session = self._direct or _direct_session()
            with suppress(EngineError):  # what the session raises it also notes as unanswered
                done = work(self._loaded(reading, session))
                if not session.unanswered:
                    self._direct = session
                    self._note(Engine.DIRECT, [])
                    return done
            self._direct = None
            if not reading.inputs.quiet:
                say(f"note: answered by duckdb instead: {session.unanswered[0]}")
        from policycheck.loading import load

        with embedded_session(reading.inputs) as embedded:
            done = work(Run(reading.compiled, load(reading.compiled, reading.evidence, embedded), embedded))
            self._note(Engine.DUCKDB, embedded.plans)
            return done

    def second_opinion(self, reading: Reading, first: Engine, work: Callable[[Engines, Reading], T]) -> T:
        """What `work` makes of the answers of another engine than the `first`, which gave all so far.

        Raises InputError PC606 where there is none, or where the first answers are of more than one engine:
        what an engine has not answered beside another is not checked.
        """
        wanted = Engine.DUCKDB if first is Engine.DIRECT else Engine.DIRECT
        other = Engine.DUCKDB if first is Engine.SPARK and reading.has_bulk else wanted
        if self.answered != {first}:
            hint = "leave --cross-check or --compare-profiles out, and report it"
            raise _unchecked(f"{other} answered a part of it already", hint)
        if other is Engine.DIRECT and reading.has_bulk:
            hint = "check a smaller part of it, as YAML, JSON, NDJSON or CSV below 16 MiB"
            raise _unchecked("the direct engine does not read bulk files", hint)
        with Engines() as asked:
            inputs = replace(reading.inputs, engine=other, quiet=True)
            done = work(asked, replace(reading, inputs=inputs))
            if asked.answered != {other}:
                hint = "leave --cross-check out, and report it"
                raise _unchecked(f"{other} has no answer of its own", hint)
            return done

    def _note(self, engine: Engine, plans: list[str]) -> None:
        self.used, self.plans = engine, plans
        self.answered.add(engine)

    def _on_cluster(self, reading: Reading, work: Callable[[Run], T]) -> T:
        """Spark alone: what it cannot answer ends the run."""
        from policycheck.engines.spark_refusals import check_askable
        from policycheck.loading import load, load_again

        fill = load if self._spark is None else load_again
        if self._spark is None:
            self._spark = _joined(reading)
        check_askable(reading.compiled, self._spark)
        self._evidence = fill(reading.compiled, self._evidence or reading.evidence, self._spark)
        done = work(Run(reading.compiled, self._evidence, self._spark))
        self._note(Engine.SPARK, [])
        return done

    def _loaded(self, reading: Reading, session: DirectSession) -> Run:
        from policycheck.compiled import parameter_values
        from policycheck.loading import load, load_again

        compiled = reading.compiled
        trees = reading.kept.trees(compiled.resolved, compiled.as_of)
        session.turn_to(trees.__getitem__, parameter_values(compiled.resolved, compiled.as_of))
        fill = load if self._direct is None else load_again
        return Run(compiled, fill(compiled, reading.evidence, session), session)


def _unchecked(words: str, hint: str) -> InputError:
    return InputError([Fault("PC606", f"not cross-checked: {words}", Place("--cross-check"), hint)])


def judged(reading: Reading, work: Callable[[Run], T]) -> T:
    """What `work` makes of a run, where one run is all that is asked for. See `Engines.judged`."""
    with Engines() as engines:
        return engines.judged(reading, work)


def _joined(reading: Reading) -> SparkEngine:
    """An engine on the cluster that was named. Raises InputError PC604, PC620 to PC622."""
    inputs = reading.inputs
    if inputs.master is None:
        hint = "name the cluster: --master spark://HOST:PORT, or --master local[2] for this machine alone"
        raise InputError([Fault("PC621", "`--engine spark` needs a master", Place("--master"), hint)])
    from policycheck.engines.spark_cluster import Cluster, require_spark

    require_spark()
    from policycheck.engines.spark import SparkEngine

    cluster = Cluster(inputs.master, small=reading.is_small)
    return SparkEngine(cluster, inputs.staging, embedded_session(inputs))


def embedded_session(inputs: Inputs) -> DuckDBSession:
    """The embedded engine, with the memory and the meter that were asked for. To be closed."""
    from policycheck.engines.duckdb import DuckDBSession

    return DuckDBSession(memory_mb=inputs.memory_mb, progress=meter(inputs.quiet))


def _direct_session() -> DirectSession:
    from policycheck.engines.direct import DirectSession

    return DirectSession()
