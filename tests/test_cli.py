"""The command line: exit codes, what goes to which stream, and that nothing bad ends in exit code 0."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from policycheck.assessment import assess
from policycheck.cli import VERSION
from policycheck.cli.answering import judged
from policycheck.cli.commands import COMMANDS, cli
from policycheck.cli.plain import plain_gate
from policycheck.cli.run import Engine, Inputs, Run, read, shipped_pack
from policycheck.explanation import explain_control, explain_subject
from policycheck.reporters.document import TOOL_VERSION

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ["--pack", str(ROOT / "controls"), "--evidence", str(ROOT / "evidence"), "--as-of", "manifest"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "policycheck", *arguments],
        env=ENVIRONMENT, capture_output="stdout" not in options, timeout=120, check=False, **options,
    )  # fmt: skip


class Small:
    """What `policycheck init` wrote, with edits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pack = folder / "controls"
        self.evidence = folder / "evidence"
        self.reports = folder / "reports"

    @property
    def inputs(self) -> list[str]:
        return ["--pack", str(self.pack), "--evidence", str(self.evidence)]

    def check(self, *more: str) -> Result:
        output = [] if "--output" in more else ["--output", str(self.reports)]
        return run("check", *self.inputs, *output, *more)

    def write_rows(self, text: str) -> None:
        """Puts other rows in place, with a manifest that describes them."""
        rows = self.evidence / "backups.yaml"
        rows.write_text(text, encoding="utf-8")
        manifest = self.evidence / "manifest.yaml"
        digest = hashlib.sha256(rows.read_bytes()).hexdigest()
        changed = re.sub(r"file_sha256: \w+", f"file_sha256: {digest}", manifest.read_text())
        manifest.write_text(re.sub(r"row_count: \d+", f"row_count: {text.count('backup_id')}", changed))

    def edit_control(self, old: str, new: str) -> None:
        path = self.pack / "BK" / "BK-1.1.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


FAILING = "- {backup_id: backup-1, encrypted: false, kept_days: 3}\n"
UNDECIDED = "- {backup_id: backup-1, kept_days: 3}\n"
MIXED = (
    FAILING
    + "- {backup_id: backup-2, kept_days: 3}\n- {backup_id: backup-3, encrypted: true, kept_days: 3}\n"
)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    made = run("init", str(tmp_path / "own"))
    assert made.exit_code == 0, made.output
    return Small(tmp_path / "own")


# --- the gate and its exit codes ---


def test_what_init_writes_opens_the_gate(small: Small) -> None:
    result = small.check()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("gate open")


@pytest.mark.parametrize(("rows", "code"), [(FAILING, 1), (UNDECIDED, 3), (MIXED, 1), ("[]\n", 3)])
def test_exit_codes(small: Small, rows: str, code: int) -> None:
    small.write_rows(rows)
    result = small.check()
    assert result.exit_code == code
    assert result.stdout.splitlines()[-1].endswith(f"exit code {code}")


def test_a_fail_below_the_threshold_leaves_the_gate_open_and_is_stated(small: Small) -> None:
    small.write_rows(FAILING)
    result = small.check("--fail-on", "critical")
    assert result.exit_code == 0
    assert "1 gap of lower severity" in result.stdout
    assert small.check("--fail-on", "high").exit_code == 1


def test_changed_evidence_is_unknown(small: Small) -> None:
    (small.evidence / "backups.yaml").write_text(FAILING)
    result = small.check()
    assert result.exit_code == 3
    assert "evidence_tampered" in result.stdout


@pytest.mark.parametrize("rows", [MIXED, FAILING, UNDECIDED])
def test_all_formats_agree_with_the_exit_code(small: Small, rows: str) -> None:
    small.write_rows(rows)
    result = small.check()
    report = json.loads((small.reports / "report.json").read_bytes())
    counts = report["controls"][0]["counts"]
    assert report["gate"]["exit_code"] == result.exit_code
    page = (small.reports / "report.html").read_text()
    assert f'data-status="{report["controls"][0]["status"]}"' in page
    assert f'data-counts="{" ".join(str(counts[name]) for name in counts)}"' in page
    assert (
        f"subjects       {sum(counts.values())}: {counts['pass']} pass, {counts['fail']} fail"
        in result.stdout
    )


# --- where things go ---


def test_text_goes_to_standard_output_and_files_to_the_folder(small: Small) -> None:
    result = small.check()
    assert sorted(path.name for path in small.reports.iterdir()) == ["report.html", "report.json", "run.json"]
    assert result.stdout.startswith("policycheck ")
    assert f"report: {small.reports / 'report.json'}" in result.stderr


def test_json_on_standard_output_is_json_alone(small: Small) -> None:
    result = small.check("--format", "json", "--output", "-")
    assert json.loads(result.stdout)["gate"]["exit_code"] == 0
    assert result.stderr.splitlines()[-1] == "gate open: no gap of severity low or higher; exit code 0"
    assert not small.reports.exists()


def test_html_on_standard_output_is_html_alone(small: Small) -> None:
    result = small.check("--format", "html", "--output", "-")
    assert result.stdout.startswith("<!doctype html>") or result.stdout.startswith("<!DOCTYPE html>")


def test_quiet_says_nothing_but_errors(small: Small) -> None:
    small.write_rows(FAILING)
    result = small.check("--format", "json", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "")
    assert "no control" in small.check("--quiet", "--only", "nothing").stderr


def test_two_runs_write_the_same_bytes(small: Small) -> None:
    small.write_rows(MIXED)
    moment = ["--as-of", _collected(small)]
    first = small.check(*moment), _report_bytes(small)
    second = small.check(*moment), _report_bytes(small)
    assert first[0].stdout == second[0].stdout
    assert first[1] == second[1]


def _collected(small: Small) -> str:
    found = re.search(r"collected_at: (\S+)", (small.evidence / "manifest.yaml").read_text())
    assert found is not None
    return found.group(1)


def _report_bytes(small: Small) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in small.reports.iterdir()}


# --- the instant ---


def test_the_instant_of_the_manifest_counts_only_when_asked_for(small: Small) -> None:
    manifest = small.evidence / "manifest.yaml"
    text = manifest.read_text().replace("sources:", "as_of: 2026-01-15T12:00:00Z\nsources:", 1)
    manifest.write_text(re.sub(r"collected_at: \S+", "collected_at: 2026-01-14T12:00:00Z", text))
    # The evidence is long out of date now, whatever the manifest says about the date.
    now = small.check()
    assert now.exit_code == 3
    assert "evidence_stale" in now.stdout
    replay = small.check("--as-of", "manifest")
    assert replay.exit_code == 0
    assert "as of 2026-01-15T12:00:00Z, a replay" in replay.stderr


@pytest.mark.parametrize(
    "text", ["2026-03-02", "yesterday", "2026-03-02T12:00:00", "2999-01-01T00:00:00Z", ""]
)
def test_an_instant_that_is_none_or_lies_ahead_is_refused(small: Small, text: str) -> None:
    result = small.check("--as-of", text)
    assert result.exit_code == 2
    assert "error[PC601]" in result.stderr
    assert "help:" in result.stderr
    assert result.stdout == ""


def test_a_manifest_without_an_instant_is_refused(small: Small) -> None:
    result = small.check("--as-of", "manifest")
    assert result.exit_code == 2
    assert "names no `as_of`" in result.stderr


# --- selection ---


@pytest.mark.parametrize("name", ["BK-1.1", "BK", "backup"])
def test_only_takes_ids_sections_and_tags(small: Small, name: str) -> None:
    result = small.check("--only", name)
    assert result.exit_code == 0
    assert f"only           {name}" in result.stdout


def test_a_name_that_selects_nothing_is_an_error_even_beside_one_that_does(small: Small) -> None:
    result = small.check("--only", "BK", "--only", "BK-1.2")
    assert result.exit_code == 2
    assert "did you mean `BK-1.1`" in result.stderr
    assert not small.reports.exists()


# --- runs without a verdict ---


def test_all_faults_are_shown_at_once_with_place_and_help(small: Small) -> None:
    small.edit_control("encryption: encrypted\n", "encryption: encypted\n")
    small.edit_control("kept_days <= $max_kept_days", "kept_days < $max_kept_day")
    (small.evidence / "manifest.yaml").unlink()
    result = small.check()
    assert result.exit_code == 2
    assert "BK-1.1.yaml:10:" in result.stderr
    assert "BK-1.1.yaml:11:" in result.stderr
    assert "PC401" in result.stderr
    assert "`encrypted`" in result.stderr
    assert "`max_kept_days`" in result.stderr
    assert result.stderr.splitlines()[-1] == "3 faults"
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["chekc"],
        ["check", "--no-such-option"],
        ["check", "--fail-on", "medum"],
        ["check", "--output", "-"],
        ["check", "--output", "-", "--format", "json", "--format", "html"],
        ["check", "--pack", "no-such-folder"],
        ["check", "--evidence", "no-such-folder"],
        ["check", "--profile", "no-such-profile"],
        ["explain"],
        ["evidence", "no-such-command"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


def test_a_failed_run_leaves_no_new_report_and_says_whose_the_old_ones_are(small: Small) -> None:
    small.check()
    before = _report_bytes(small)
    small.edit_control("encryption: encrypted\n", "encryption: encypted\n")
    result = small.check()
    assert result.exit_code == 2
    assert _report_bytes(small) == before
    assert f"{small.reports / 'report.json'} is of an earlier run" in result.stderr


def test_a_report_that_cannot_be_written_is_exit_code_2(small: Small) -> None:
    (small.folder / "taken").write_text("a file")
    result = small.check("--output", str(small.folder / "taken"))
    assert result.exit_code == 2
    assert "PC604" in result.stderr


def test_a_defect_is_exit_code_2_without_a_traceback(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a planted defect")

    monkeypatch.setattr("policycheck.assessment.assess", broken)
    result = small.check()
    assert result.exit_code == 2
    assert "error[PC901]" in result.stderr
    assert "Traceback" not in result.output
    shown = run("--debug", "check", *small.inputs)
    assert shown.exit_code == 2
    assert "Traceback" in shown.stderr


@pytest.mark.parametrize("raised", [KeyboardInterrupt, MemoryError, RecursionError, BrokenPipeError])
def test_no_way_to_end_badly_is_exit_code_0(
    small: Small, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("policycheck.assessment.assess", broken)
    monkeypatch.setattr("policycheck.cli.failing.discard_stdout", lambda: None)
    result = small.check()
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_closed_or_full_standard_output_is_exit_code_2(small: Small) -> None:
    arguments = ["check", *small.inputs, "--format", "json", "--output", "-"]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert process(*arguments, stdout=writer, stderr=subprocess.PIPE).returncode == 2
    finally:
        os.close(writer)
    with Path("/dev/full").open("wb") as full:
        done = process(*arguments, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_an_interrupted_process_has_exit_code_2(small: Small) -> None:
    fifo = small.evidence / "manifest.yaml"
    code = (
        "import policycheck.assessment as a, signal, time, sys\n"
        # Tests that run in the background ignore SIGINT, and so would their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "a.assess = lambda *x, **y: (print('ready', flush=True), time.sleep(60))\n"
        "from policycheck.cli import main\nmain(sys.argv[1:])"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, "check", *small.inputs, "--quiet"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert fifo.exists()
    assert child.returncode == 2
    assert b"interrupted" in errors
    assert b"Traceback" not in errors


def test_evidence_cannot_steer_the_terminal(small: Small) -> None:
    small.write_rows('- {backup_id: "b\\e[2Jx", encrypted: false, kept_days: 3}\n')
    assert small.check().exit_code == 1
    for result in (small.check(), run("explain", "BK-1.1", *small.inputs), run("lint", *small.inputs)):
        assert "\x1b" not in result.output
    (small.evidence / "evil\x1b[31m.txt").write_text("")
    assert "\x1b" not in run("lint", *small.inputs).output


# --- the other commands ---


def test_explain_walks_from_the_clause_to_the_bytes(small: Small) -> None:
    small.write_rows(MIXED)
    digest = hashlib.sha256((small.evidence / "backups.yaml").read_bytes()).hexdigest()
    whole = run("explain", "BK-1.1", *small.inputs)
    assert whole.exit_code == 0
    for words in (
        "max_kept_days = 365 days",
        "bound: at most 365",
        digest,
        "encryption: encrypted",
        "SELECT",
    ):
        assert words in whole.stdout
    failing = run("explain", "BK-1.1", "backup-1", *small.inputs).stdout
    assert "stands at backups.yaml:1" in failing
    assert "encrypted = false" in failing
    assert "answer: false" in failing
    assert "verdict: fail" in failing
    unknown = run("explain", "BK-1.1", "backup-2", *small.inputs).stdout
    assert "left open by: encrypted" in unknown
    assert "verdict: unknown" in unknown
    passing = run("explain", "BK-1.1", "backup-3", *small.inputs).stdout
    assert "verdict: pass" in passing


def test_explain_names_what_is_near(small: Small) -> None:
    control = run("explain", "BK-1.2", *small.inputs)
    subject = run("explain", "BK-1.1", "backup-11", *small.inputs)
    assert (control.exit_code, subject.exit_code) == (2, 2)
    assert "`BK-1.1`" in control.stderr
    assert "`backup-1`" in subject.stderr


def test_explain_says_why_sound_answers_do_not_count(small: Small) -> None:
    manifest = small.evidence / "manifest.yaml"
    text = manifest.read_text()
    manifest.write_text(re.sub(r"collected_at: \S+", "collected_at: 2020-01-14T12:00:00Z", text))
    stale = run("explain", "BK-1.1", "backup-1", *small.inputs).stdout
    assert "verdict: unknown" in stale
    assert "2020-01-14" in stale


def test_lint_tells_faults_of_the_pack_from_faults_of_evidence(small: Small) -> None:
    clean = run("lint", *small.inputs)
    assert (clean.exit_code, clean.stdout) == (0, "0 faults in the pack, 0 in the evidence; 0 warnings\n")
    small.write_rows("- {backup_id: b, encrypted: maybe, kept_days: -1}\n")
    evidence = run("lint", *small.inputs)
    assert evidence.exit_code == 1
    assert evidence.stdout.count("error[PC4") == 2
    small.edit_control("encryption: encrypted\n", "encryption: encypted\n")
    both = run("lint", *small.inputs)
    assert both.exit_code == 2
    assert "did you mean `encrypted`?" in both.stdout
    assert "1 fault in the pack, 2 in the evidence" in both.stdout


def test_lint_warns_of_what_has_no_effect(small: Small) -> None:
    (small.pack / "parameters.yaml").write_text("idle: {value: 3}\n")
    result = run("lint", *small.inputs)
    assert result.exit_code == 0
    assert "warning[PC320]: parameter `idle` is not used" in result.stdout


def test_lint_checks_every_profile(small: Small) -> None:
    (small.pack / "profiles" / "loose.yaml").write_text(
        "name: loose\ntitle: Too loose\nparameters:\n  max_kept_days: {value: 400}\n"
    )
    assert run("lint", *small.inputs, "--profile", "standard").exit_code == 0
    result = run("lint", *small.inputs)
    assert result.exit_code == 2
    assert "PC310" in result.stdout


def test_lint_without_an_evidence_folder(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.pack)
    result = run("lint", "--pack", str(small.pack))
    assert result.exit_code == 0
    assert "only the pack" in result.stderr


def test_evidence_status_and_verify(small: Small) -> None:
    assert "ok             0/30 d" in run("evidence", "status", *small.inputs).stdout
    assert run("evidence", "verify", *small.inputs).exit_code == 0
    (small.evidence / "backups.yaml").write_text(FAILING)
    status = run("evidence", "status", *small.inputs)
    assert (status.exit_code, "tampered" in status.stdout) == (0, True)
    verify = run("evidence", "verify", *small.inputs)
    assert verify.exit_code == 1
    assert hashlib.sha256(FAILING.encode()).hexdigest() in verify.stdout


def test_init_touches_no_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    result = run("init", str(tmp_path))
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_exceptions_of_the_sample() -> None:
    result = run("exceptions", "list", *SAMPLE)
    assert result.exit_code == 0
    assert "EX-2025-02: in_force" in result.stdout
    assert "EX-2025-05: invalid" in result.stdout
    assert "authorised by the person who requested it" in result.stdout
    assert "EX-2025-06: unused" in result.stdout
    assert "ENDS SOON" in result.stdout


def test_the_sample_in_all_formats(tmp_path: Path) -> None:
    result = run("check", *SAMPLE, "--output", str(tmp_path))
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert result.exit_code == report["gate"]["exit_code"] == 1
    assert result.stdout.splitlines()[-1].endswith("exit code 1")
    page = (tmp_path / "report.html").read_text()
    shown = dict(re.findall(r'<section class="control" id="([^"]*)" data-status="([a-z]+)"', page))
    assert shown == {control["id"]: control["status"] for control in report["controls"]}


@pytest.mark.parametrize("engine", [Engine.DIRECT, Engine.DUCKDB])
def test_explanations_and_selections_agree_with_the_whole_run(engine: Engine) -> None:
    def compare(run: Run) -> None:
        whole = assess(run.compiled, run.evidence, run.session)
        exceptions = {item.id: item for item in whole.exceptions}
        for result in whole.controls:
            if result.control.all_of or not result.findings:
                continue
            alone = explain_control(run.compiled, run.evidence, run.session, result.control.id)
            assert (alone.result.status, alone.result.counts) == (result.status, result.counts)
            for item in alone.assessment.exceptions:
                assert item.checks == exceptions[item.id].checks
                assert item.state != "unused" or exceptions[item.id].state == "unused"
            for finding in result.findings[:3]:
                found = explain_subject(run.compiled, run.evidence, run.session, alone, finding.subject)
                assert (found.status, found.exception) == (finding.status, finding.exception)
                assert (found.place, found.verdict.failed) == (finding.place, finding.failed)

    sample = (ROOT / "controls", ROOT / "evidence", None, "manifest", datetime.now(UTC))
    judged(read(Inputs(*sample, quiet=True, engine=engine)), compare)


@pytest.mark.parametrize("format_", ["json", "text", "html"])
def test_the_engine_changes_no_byte(format_: str) -> None:
    """Law 5 of another kind: who answers is nobody's business but the clock's."""
    reports = {
        run("check", *SAMPLE, "--format", format_, "--output", "-", "--engine", engine).stdout_bytes
        for engine in ("auto", "direct", "duckdb")
    }
    assert len(reports) == 1


def test_where_the_pack_stands_changes_no_byte(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "controls", tmp_path / "elsewhere")
    sample = [
        "--evidence",
        str(ROOT / "evidence"),
        "--as-of",
        "manifest",
        "--format",
        "json",
        "--output",
        "-",
    ]
    packs = (ROOT / "controls", tmp_path / "elsewhere")
    first, second = (run("check", "--pack", str(pack), *sample).stdout_bytes for pack in packs)
    assert first == second


# --- help and start-up ---


def test_every_command_has_help_with_an_example() -> None:
    commands = [[name] for name in COMMANDS if name not in ("evidence", "exceptions", "test", "collect")]
    commands += [["evidence", "status"], ["evidence", "verify"], ["exceptions", "list"]]
    for command in commands:
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert f"policycheck {' '.join(command)}" in result.stdout


def test_versions_agree() -> None:
    assert VERSION == TOOL_VERSION
    assert run("--version").stdout == f"policycheck, version {VERSION}\n"


def test_the_pack_beside_the_source_is_found() -> None:
    assert shipped_pack() == ROOT / "controls"


PLAIN = [
    "",
    "--pack p --evidence e",
    "--evidence e --profile literal --as-of manifest --quiet",
    "--as-of 2026-03-02T12:00:00Z --fail-on high --engine direct --no-cache",
    "--only DP-3 --only tag --format json --output -",
    "--format html --format json --format html --compare-profiles",
    "--output a --output b --profile a --profile b",
    "--format json --output - --quiet --quiet",
]
NOT_PLAIN = [
    "--help",
    "--pack",
    "--pack --quiet",
    "--fail-on nothing",
    "--engine fast",
    "--format yaml",
    "--output -",
    "--format json --format html --output -",
    "--format=json",
    "--quiet=1",
    "extra",
    "--only ''",
    "-h",
    "--as-of -1",
]


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_gate_is_read_as_click_reads_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("policycheck.cli.check.run_gate", lambda *given: asked.append(given) or 0)
    assert run("check", *shlex.split(line)).exit_code == 0
    plain = plain_gate(["check", *shlex.split(line)])
    assert plain is not None
    ((inputs, wish),) = asked
    assert plain == (structs.replace(inputs, now=plain[0].now), wish)
    assert abs(plain[0].now - inputs.now) < timedelta(minutes=1)


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_click(line: str) -> None:
    assert plain_gate(["check", *shlex.split(line)]) is None


@pytest.mark.parametrize("arguments", [[], ["--debug", "check"], ["lint"], ["checks"], ["--version"]])
def test_another_command_is_left_to_click(arguments: list[str]) -> None:
    assert plain_gate(arguments) is None


UNUSED = {
    *("click", "duckdb", "_duckdb", "jinja2", "jsonschema", "networkx", "sqlglot", "pyspark", "pyarrow"),
    *("subprocess", "sslyze", "tempfile", "shutil", "random", "difflib", "calendar", "dataclasses"),
}


def test_a_plain_small_gate_imports_nothing_it_does_not_use(small: Small) -> None:
    code = (
        "import sys\nfrom policycheck.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(*sorted(sys.modules.keys()), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "check", *small.inputs]
    command += ["--format", "json", "--output", "-", "--quiet"]
    for _ in range(2):  # the first run compiles the pack
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True, text=True)
    loaded = set(done.stderr.split())
    assert not {name.split(".")[0] for name in loaded} & UNUSED
    assert not {name for name in loaded if name.startswith("policycheck.collectors")}


def test_help_and_json_import_nothing_they_do_not_need(small: Small) -> None:
    code = (
        "import sys\nfrom policycheck.cli.commands import cli\n"
        "try:\n    cli(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(*sorted(set(sys.modules) & {'duckdb','yaml','jinja2','jsonschema','networkx','sslyze',"
        "'policycheck.compiler','policycheck.pack'}), "
        "file=sys.stderr)"
    )

    def imported(*arguments: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=ENVIRONMENT,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stderr.splitlines()[-1].split() if done.stderr.strip() else []

    assert imported("--help") == []
    assert imported("check", "--help") == []
    json_only = ["check", *small.inputs, "--format", "json", "--output", "-"]
    assert imported(*json_only) == ["duckdb", "policycheck.compiler", "policycheck.pack", "yaml"]
    # The second run finds the pack compiled, and its evidence is small.
    assert imported(*json_only) == ["yaml"]
    assert imported(*json_only, "--engine", "duckdb") == ["duckdb", "yaml"]
