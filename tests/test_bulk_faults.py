"""What is wrong with large text files is said with its place, decides nothing, and leaves nothing behind."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import policycheck.folder
from policycheck import sources, streams
from policycheck.cli import screen
from policycheck.cli.commands import cli
from policycheck.engines import bulk_text, watching
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import EngineError, Fault
from policycheck.evidence import load_evidence
from policycheck.loading import load
from policycheck.source import Place
from small_pack import AS_OF, CONTROL, compile_folder, write_pack

SRC = Path(__file__).resolve().parents[1] / "src"
ROWS = 3000
PASSED, FAILED, UNKNOWN = 0, 1, 3


def box(number: int) -> bytes:
    return b'{"box_id": "b%d", "locked": true, "bits": 256}\n' % number


def ndjson(rows: int = ROWS) -> list[bytes]:
    return [box(number) for number in range(rows)]


def csv(rows: int = ROWS) -> list[bytes]:
    return [b"box_id,locked,bits\n", *(b"b%d,true,256\n" % number for number in range(rows))]


class Boxes:
    """A pack of boxes with a large file of them."""

    def __init__(self, folder: Path) -> None:
        self.pack = write_pack(folder / "pack", {"BX/BX-1.yaml": {**CONTROL, "examples": []}})
        self.evidence = folder / "evidence"
        self.evidence.mkdir()

    @property
    def arguments(self) -> list[str]:
        folders = ["--pack", str(self.pack), "--evidence", str(self.evidence)]
        return ["check", *folders, "--as-of", "2026-03-02T12:00:00Z", "--no-cache", "--output", "-"]

    def write(self, name: str, data: bytes, rows: int = ROWS) -> None:
        (self.evidence / name).write_bytes(data)
        self.describe(name, hashlib.sha256(data).hexdigest(), rows)

    def describe(self, name: str, digest: str, rows: int) -> None:
        source = {
            "evidence_id": "boxes", "table": "boxes", "path": name, "source_system": "test",
            "collector": "test", "collector_version": "1", "collected_at": "2026-03-01T06:00:00Z",
            "evidence_kind": "observed", "population_complete": True, "row_count": rows,
            "file_sha256": digest,
        }  # fmt: skip
        keys = {**source, "evidence_id": "keys", "table": "keys", "path": "keys.yaml", "row_count": 0}
        (self.evidence / "keys.yaml").write_bytes(b"[]\n")
        keys["file_sha256"] = hashlib.sha256(b"[]\n").hexdigest()
        manifest = {"organisation": "Test", "sources": [source, keys]}
        (self.evidence / "manifest.yaml").write_text(json.dumps(manifest))

    def check(self) -> tuple[int, str, dict[str, Any]]:
        """Exit code, standard error and report."""
        result: Result = CliRunner().invoke(cli, [*self.arguments, "--format", "json"])
        assert result.exit_code != 2, result.stderr
        report = json.loads(result.stdout) if result.exit_code in (PASSED, FAILED, UNKNOWN) else {}
        return result.exit_code, result.stderr, report

    def refused(self) -> dict[str, Any]:
        """The boxes of a run that must decide nothing."""
        code, _, report = self.check()
        assert code == UNKNOWN
        (control,) = report["controls"]
        assert control["status"] == "unknown"
        assert not {"pass", "fail"} & {status for status, count in control["counts"].items() if count}
        source = next(source for source in report["evidence"] if source["evidence_id"] == "boxes")
        assert source["state"] != "ok"
        return dict(source)


@pytest.fixture
def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Boxes:
    monkeypatch.setattr(sources, "BULK_BYTES", 10_000)
    monkeypatch.setattr(streams, "BATCH_BYTES", 20_000)
    return Boxes(tmp_path)


# --- what the user reads ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "rows"), [("a.ndjson", ndjson()), ("a.csv", csv())])
def test_sound_rows_pass_without_the_strict_reader(
    name: str, rows: list[bytes], boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be right and ten times slower."""
    monkeypatch.setattr(bulk_text._Reading, "_take_strictly", lambda *_: pytest.fail("a plain row"))
    boxes.write(name, b"".join(rows))
    code, _, report = boxes.check()
    assert code == PASSED, report
    assert report["controls"][0]["counts"]["pass"] == ROWS
    (file,) = next(source for source in report["evidence"] if source["evidence_id"] == "boxes")["files"]
    assert file["rows"] == ROWS


def _replaced(rows: list[bytes], at: int, old: bytes, new: bytes) -> bytes:
    changed = rows[at].replace(old, new)
    assert changed != rows[at]
    return b"".join([*rows[:at], changed, *rows[at + 1 :]])


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "truncated": ("a.ndjson", b"".join(ndjson())[:-20], "a.ndjson:3000:30: broken JSON: it ends too early"),
    "broken line": ("a.ndjson", _replaced(ndjson(), 2500, b"}", b""), "a.ndjson:2501:48: broken JSON"),
    "given twice": (
        *("a.ndjson", _replaced(ndjson(), 2500, b'"bits"', b'"locked"')),
        "a.ndjson:2501:37: the key `locked` is given twice; the first is on line 2501",
    ),
    "no JSON": ("a.ndjson", _replaced(ndjson(), 2500, b"256", b"NaN"), "a.ndjson:2501:45: broken JSON"),
    "unknown": (
        *("a.ndjson", _replaced(ndjson(), 2500, b"bits", b"bolts")),
        "a.ndjson: `bolts` is not a column of `boxes`",
    ),
    "bytes": ("a.ndjson", _replaced(ndjson(), 2500, b"b2", b"\xff2"), "a.ndjson:2501: byte 1"),
    "ragged": ("a.csv", _replaced(csv(), 2500, b",256", b""), "a.csv:2501:1: 2 fields, and the header has 3"),
    "quote": ("a.csv", _replaced(csv(), 2500, b"true", b'"true'), "broken CSV"),
    "CSV bytes": ("a.csv", _replaced(csv(), 2500, b"b2", b"\xff2"), "a.csv:2501: byte"),
    "lone return": ("a.csv", _replaced(csv(), 2500, b"true", b"t\rrue"), "a.csv:2501: a lone carriage"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_broken_deep_inside_decides_nothing(case: str, boxes: Boxes) -> None:
    name, data, words = BROKEN[case]
    boxes.write(name, data)
    assert words in boxes.refused()["reason"]


def test_what_changes_after_the_digest_was_taken_is_not_read(boxes: Boxes) -> None:
    data = b"".join(ndjson())
    boxes.write("a.ndjson", data)
    evidence = load_evidence(boxes.evidence, compile_folder(boxes.pack)[0].pack.tables, AS_OF)
    (boxes.evidence / "a.ndjson").write_bytes(b"{}\n")
    (file,) = evidence.tables["boxes"].bulk
    assert os.pread(file.fd, len(data) + 1, 0) == data
    assert boxes.refused()["state"] == "tampered"


def test_a_wrong_type_deep_inside_is_one_unknown_row(boxes: Boxes) -> None:
    boxes.write("a.ndjson", _replaced(ndjson(), 2500, b"true", b'"yes"'))
    code, _, report = boxes.check()
    assert code == UNKNOWN
    assert report["controls"][0]["counts"] | {"pass": 2999, "unknown": 1} == report["controls"][0]["counts"]
    assert "a.ndjson" in str(report["controls"][0])
    lint = CliRunner().invoke(
        cli, ["lint", "--pack", str(boxes.pack), "--evidence", str(boxes.evidence)], catch_exceptions=False
    )
    assert "a.ndjson:2501: error[PC420]: `locked` of `boxes`: `yes` is not true or false" in lint.output


def test_many_faulty_rows_are_no_evidence_with_a_few_faults(boxes: Boxes) -> None:
    rows = [row.replace(b"256", b"-1") if n >= 1500 else row for n, row in enumerate(ndjson())]
    boxes.write("a.ndjson", b"".join(rows))
    reason = boxes.refused()["reason"]
    assert reason == "a.ndjson: more than 1000 rows are faulty, the first on line 1501"


def test_a_line_that_never_ends_is_refused(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_LINE_BYTES", 50_000)
    boxes.write("a.ndjson", box(1) + b'{"box_id": "' + b"x" * 100_000)
    assert "a.ndjson:2: a line of more than 50000 bytes" in boxes.refused()["reason"]


def test_a_line_of_several_pieces_is_one_row(boxes: Boxes) -> None:
    boxes.write("a.ndjson", box(1) + box(2).replace(b"b2", b"x" * 100_000) + box(3), 3)
    assert boxes.check()[0] == PASSED


def test_rows_that_share_a_key_say_nothing(boxes: Boxes) -> None:
    boxes.write("a.ndjson", _replaced(ndjson(), 2500, b"b2500", b"b7"))
    code, _, report = boxes.check()
    counts = report["controls"][0]["counts"]
    assert (code, counts["pass"], counts["unknown"]) == (UNKNOWN, 2998, 1)


def test_evidence_is_read_again_for_another_profile(boxes: Boxes) -> None:
    """The descriptors stay as long as the evidence does."""
    boxes.write("a.ndjson", _replaced(ndjson(), 2500, b"true", b'"yes"'))
    compiled, session = compile_folder(boxes.pack)
    evidence = load_evidence(boxes.evidence, compiled.pack.tables, AS_OF)
    with session:
        first = load(compiled, evidence, session)
    again, other = compile_folder(boxes.pack)
    with other:
        assert load(again, evidence, other) == first
    before = len(list(Path("/proc/self/fd").iterdir()))
    del evidence, first
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1


# --- no room --------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_source_unread(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(policycheck.folder.os, "write", full)
    boxes.write("a.ndjson", b"".join(ndjson()))
    source = boxes.refused()
    assert source["state"] == "unreadable"
    assert "no private copy of it can be made in /" in source["reason"]
    assert source["reason"].endswith("no space left on device")


@pytest.fixture
def tiny_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False)
    except OSError as error:
        pytest.skip(str(error))
    if made.returncode:
        pytest.skip("cannot mount")
    try:
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk_leaves_the_source_unread_and_itself_empty(tiny_disk: Path, boxes: Boxes) -> None:
    boxes.write("a.ndjson", b"".join(ndjson()))
    assert f"no private copy of it can be made in {tiny_disk}" in boxes.refused()["reason"]
    assert list(tiny_disk.iterdir()) == []


def test_an_engine_without_room_leaves_the_source_unread(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = DuckDBSession.put

    def full(self: DuckDBSession, schema: Any, rows: Any, numbers: Any, columns: Any) -> None:
        if schema.name == "boxes":
            raise EngineError([Fault("PC901", "out of memory", Place("engine"))])
        put(self, schema, rows, numbers, columns)

    monkeypatch.setattr(DuckDBSession, "put", full)
    boxes.write("a.ndjson", _replaced(ndjson(), 2500, b"true", b'"yes"'))
    assert boxes.refused()["reason"] == "`a.ndjson`: out of memory"


# --- interruption and progress ----------------------------------------------------------------------------

WAITS = {
    "while it copies": "import policycheck.sources as s\ns.private_copy = wait\n",
    "while it reads": "import policycheck.engines.bulk_text as b\nb._Reading.take_others = wait\n",
    "while the engine works": "import policycheck.engines.bulk as b\n"
    "b._in_key_order = lambda s, fetch: (print('ready', flush=True),"
    " fetch('SELECT max(hash(range)) FROM range(100000000000)'))\n",
}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
@pytest.mark.parametrize("moment", WAITS)
def test_an_interrupted_reading_leaves_nothing_behind(
    moment: str, sent: signal.Signals, boxes: Boxes, tmp_path: Path
) -> None:
    boxes.write("a.ndjson", b"".join(ndjson()))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    code = (
        "import signal, sys, time, policycheck.sources\npolicycheck.sources.BULK_BYTES = 10000\n"
        # Tests that run in the background ignore SIGINT, and so would their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def wait(*_):\n    print('ready', flush=True)\n    time.sleep(60)\n"
        f"{WAITS[moment]}from policycheck.cli import main\nmain(sys.argv[1:])"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, *boxes.arguments, "--format", "json"],
        env={**os.environ, "PYTHONPATH": str(SRC), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    child.send_signal(sent)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 2
    assert errors.decode().endswith("interrupted: there is no verdict\n")
    assert list(temporary.iterdir()) == []


def test_a_terminal_sees_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(screen.time, "monotonic", lambda: now)
    meter = screen.Meter()
    for now in (0.0, 0.5, 1.0, 2.0):
        meter("reading a\x1b.csv", int(now * 10e6), 100_000_000)
    screen.say("words")
    meter("reading a.csv", 100_000_000, 100_000_000)
    shown = capfd.readouterr().err
    assert "\rreading a[U+001B].csv: 20 % of 100 MB, 10 MB/s, 8 s left\x1b[K\r\x1b[Kwords\n" in shown
    assert shown.endswith("words\n")
    assert screen.meter(quiet=True) is None


def test_a_meter_begins_anew_where_less_is_done_than_before(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    meter, clock = screen.Meter(), iter((0.0, 10.0, 10.1, 12.1, 13.0))
    monkeypatch.setattr(screen.time, "monotonic", lambda: next(clock))
    for done in (0, 90, 0, 40):
        meter("asking", done * 1_000_000, 100_000_000, "M rows")
    assert "asking: 40 % of 100.0 M rows, 20.0 M rows/s, 3 s left" in capfd.readouterr().err
    meter("asking", 1, 1)


def test_a_statement_of_the_engine_is_watched_from_its_start_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "INTERVAL", 0.001)
    told: list[tuple[str, int, int, str]] = []
    seen = threading.Event()

    def progress(what: str, done: int, total: int, unit: str = "MB") -> None:
        told.append((what, done, total, unit))
        if len(told) == 2:
            seen.set()

    shares = iter([-1.0, 25.0])
    with watching.watched(lambda: next(shares, 50.0), progress, "asking", 200, "M rows"):
        assert seen.wait(10)
    assert told[0] == ("asking", 50, 200, "M rows")
    assert told[1] == ("asking", 100, 200, "M rows")
    assert told[-1] == ("asking", 200, 200, "M rows")


def test_no_meter_where_nobody_looks(boxes: Boxes) -> None:
    boxes.write("a.ndjson", b"".join(ndjson()))
    assert "\r" not in boxes.check()[1]


# --- at size ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ten_million_rows_and_the_last_one_cut(tmp_path: Path) -> None:
    boxes, rows, total = Boxes(tmp_path), 10_000_000, hashlib.sha256()
    with (boxes.evidence / "a.ndjson").open("wb") as file:
        for first in range(0, rows, 100_000):
            piece = b"".join(box(number) for number in range(first, first + 100_000))
            piece = piece[:-20] if first == rows - 100_000 else piece
            total.update(piece)
            file.write(piece)
    boxes.describe("a.ndjson", total.hexdigest(), rows)
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "policycheck",
        *boxes.arguments,
        "--format",
        "json",
    ]
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SRC)}, stdout=subprocess.PIPE)
    assert child.stdout is not None
    report = child.stdout.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == UNKNOWN
    assert usage.ru_maxrss < 1024 * 1024
    assert re.search(r"a\.ndjson:10000000:\d+: broken JSON: it ends too early", report)
