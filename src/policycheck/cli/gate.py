"""One assessment, its reports and the gate: what `policycheck check` does, whoever read its arguments.

Goes in: what is to be judged and how it is to be told. Comes out: reports, words on standard error, and the
exit code.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from policycheck.cli import VERSION
from policycheck.cli.answering import Engines
from policycheck.cli.document import lay_beside
from policycheck.cli.publishing import STDOUT, write_files
from policycheck.cli.run import Engine, Inputs, Reading, read
from policycheck.cli.screen import say, write_stdout
from policycheck.errors import Fault, FaultList, InputError, nearest
from policycheck.model import Severity
from policycheck.reporters import REPORTERS
from policycheck.showing import counted
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.cli.run import Run
    from policycheck.model import Control
    from policycheck.outcomes import Assessment, Finding

    Overflow = Callable[[Control, Iterator[Finding]], None]

REPORT = "report"
REPORTS = "reports"  # where they go by default
FINDINGS = "findings"  # the folder of full lists, beside the reports
RUN = "run.json"
SCREEN = "text"  # the format a person reads on the spot; the others become files


class Wish(Struct, frozen=True):
    """What is asked of a run beside its inputs. `output` is a folder, or `-` for the one format there is."""

    fail_on: Severity = Severity.LOW
    only: tuple[str, ...] = ()
    formats: tuple[str, ...] = tuple(REPORTERS)
    compare: bool = False
    output: str = REPORTS
    document: Path | None = None
    cross_check: bool = False
    explain_plan: bool = False


class RunRecord(Struct, frozen=True):
    """How the answers came about, which changes none of them: kept beside the reports, and not in them."""

    engine: Engine
    plans: tuple[str, ...] = ()
    cross_checked_by: Engine | None = None

    def to_json(self, reports: Mapping[Path, bytes]) -> bytes:
        """`run.json`, beside these reports: by their digests it is known of which run they are."""
        versions = {"policycheck": VERSION, "python": ".".join(map(str, sys.version_info[:3]))}
        loaded = {name: sys.modules[name] for name in ("duckdb", "pyspark") if name in sys.modules}
        versions |= {name: str(vars(module)["__version__"]) for name, module in loaded.items()}
        digests = {path.name: hashlib.sha256(data).hexdigest() for path, data in reports.items()}
        known = {**asdict(self), "versions": versions, "sha256": digests}
        return msgspec.json.format(msgspec.json.encode(known), indent=1) + b"\n"


def run_gate(inputs: Inputs, wish: Wish) -> int:
    """Judges, writes the reports and says how the gate stands. Answers the exit code: 0, 1 or 3.

    Raises InputError where there is no verdict; then no report has been written.
    """
    folder = None if wish.output == STDOUT else Path(wish.output)
    try:
        lists = _FindingLists(folder)
        assessment, rendered, about = _judge(inputs, wish, lists)
        screen = rendered.pop(wish.formats[0] if folder is None else SCREEN, None)
        if folder is not None:
            files = {_path(folder, name): data for name, data in rendered.items()}
            files[folder / RUN] = about.to_json(files)
            write_files(files, folder, inputs.quiet)
            lists.publish(inputs.quiet)
    except BaseException:
        _warn_of_earlier(folder, wish.formats)
        raise
    _tell(assessment, screen, SCREEN in wish.formats, inputs.quiet)
    return assessment.gate.exit_code


def _judge(
    inputs: Inputs, wish: Wish, lists: _FindingLists
) -> tuple[Assessment, dict[str, bytes], RunRecord]:
    """The assessment, its reports, all rendered before any is written, and how they came about."""
    from policycheck.assessment import assess

    reading = read(inputs)

    def judge(run: Run, overflow: Overflow | None) -> Assessment:
        wanted = _selected(run, wish.only) if wish.only else None
        suspicion = lay_beside(run.compiled.pack, wish.document)[1] if wish.document is not None else None
        return assess(
            run.compiled, run.evidence, run.session, fail_on=wish.fail_on, only=wanted, asked=wish.only,
            overflow=overflow, suspicion=suspicion,
        )  # fmt: skip

    def assessed(
        engines: Engines, reading: Reading, overflow: Overflow | None = None
    ) -> tuple[Assessment, RunRecord]:
        assessment = engines.judged(reading, lambda run: judge(run, overflow))
        about = RunRecord(engines.used, tuple(engines.plans))  # of the profile that was asked for
        if wish.compare or reading.is_small:
            assessment = _compared(engines, reading, assessment)
        return assessment, about

    with Engines() as engines:
        overflow = lists.keep if lists.folder is not None else None
        assessment, about = assessed(engines, reading, overflow)
        if wish.cross_check:
            from policycheck.agreement import disagreements

            second, beside = engines.second_opinion(reading, about.engine, assessed)
            faults = disagreements(assessment, second, (about.engine, beside.engine))
            if faults:
                raise InputError(faults)
            about = replace(about, cross_checked_by=beside.engine)
    _tell_engine(about, wish.explain_plan, inputs.quiet)
    return assessment, {name: REPORTERS[name].render(assessment) for name in wish.formats}, about


def _tell_engine(about: RunRecord, explain_plan: bool, quiet: bool) -> None:
    if not quiet:
        checked = f", cross-checked by {about.cross_checked_by}" if about.cross_checked_by else ""
        say(f"answered by the {about.engine} engine{checked}")
    if explain_plan:
        for line in about.plans or ("every question is asked of every row",):
            say(f"plan: {line}")


def _compared(engines: Engines, reading: Reading, assessment: Assessment) -> Assessment:
    """The assessment beside the other profiles of the pack, of what may differ there."""
    from policycheck.assessment import assess
    from policycheck.comparison import affected, compared

    shown = {result.control.id for result in assessment.controls}
    others = {}
    for name in reading.kept.pack.profiles:
        other = reading.under(name) if name != assessment.profile.name else None
        if other is not None:
            wanted = affected(reading.compiled, other.compiled.resolved) & shown

            def work(run: Run, wanted: set[str] = wanted) -> Assessment:
                return assess(run.compiled, run.evidence, run.session, only=wanted)

            others[name] = engines.judged(other, work)
    return compared(assessment, others)


class _FindingLists:
    """Full lists of controls with more findings than a report shows: one Parquet file each, beside it."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder / FINDINGS if folder is not None else None
        self._waiting: dict[Path, Path] = {}

    def keep(self, control: Control, findings: Iterator[Finding]) -> None:
        """Writes a list under a name of its own, until the reports are in place."""
        from policycheck.engines.findings_file import write_findings
        from policycheck.showing import json_value

        if self.folder is None:
            return
        path = self.folder / f"{control.id}.parquet"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            waiting = path.with_name(f".{path.name}.new")
            write_findings(waiting, findings, json_value)
        except OSError as error:
            words = f"the list of findings cannot be written: {error}"
            raise InputError(
                [Fault("PC604", words, Place(str(path)), "name another folder with --output")]
            ) from error
        self._waiting[waiting] = path

    def publish(self, quiet: bool) -> None:
        """Puts the lists in place, and takes those of earlier runs away."""
        if self.folder is None or not self.folder.is_dir():
            return
        for waiting, path in self._waiting.items():
            waiting.replace(path)
            if not quiet:
                say(f"all findings of {path.stem}: {path}")
        for old in set(self.folder.glob("*.parquet")) - set(self._waiting.values()):
            old.unlink()


def _selected(run: Run, only: Sequence[str]) -> set[str]:
    """The controls asked for. INVARIANT: a name that selects nothing is an error, not an empty run."""
    from policycheck.assessment import select

    faults = FaultList()
    controls = run.compiled.pack.controls.values()
    known = {c.id for c in controls} | {c.section for c in controls} | {t for c in controls for t in c.tags}
    for name in only:
        if name not in known:
            words = f"`{name}` is no control, no section and no tag"
            faults.add("PC602", words, Place("--only"), nearest(name, known))
    faults.raise_if_any()
    return select(run.compiled, only)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{REPORT}{REPORTERS[name].suffix}"


def _warn_of_earlier(folder: Path | None, formats: Sequence[str]) -> None:
    """What an earlier run has left must not be taken for something of this run, which has no report."""
    if folder is None:
        return
    reports = [_path(folder, name) for name in formats if name != SCREEN]
    for path in filter(Path.is_file, [*reports, folder / RUN]):
        say(f"note: {path} is of an earlier run")


def _tell(assessment: Assessment, screen: bytes | None, ends_with_gate: bool, quiet: bool) -> None:
    """The report for standard output, and the gate where that report does not end with it itself."""
    if assessment.faults and not quiet:
        say(f"{counted(len(assessment.faults), 'fault')} in pack and evidence: see `policycheck lint`")
    if screen is not None:
        write_stdout(screen)
    gate = assessment.gate
    if not quiet and not ends_with_gate:
        say(f"gate {gate.words}; exit code {gate.exit_code}")
