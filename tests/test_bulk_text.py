"""Large NDJSON and CSV mean what small ones mean: the same values, faults and refusals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import policycheck.folder
from policycheck import sources, streams
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import FaultList
from policycheck.evidence import load_evidence
from policycheck.loading import fill
from policycheck.model import Pack, TableData
from policycheck.pack import load_pack
from policycheck.parameters import Resolved, find_profile, resolve_parameters
from small_pack import AS_OF, BOXES, write_pack

THINGS = {
    **BOXES,
    "title": "Things",
    "x-key": ["thing_id", "part"],
    "required": ["thing_id", "part", "owner", "tags"],
    "properties": {
        "thing_id": {"type": "string", "minLength": 1, "description": "Its name.", "examples": ["thing-1"]},
        "part": {"type": "string", "format": "date", "description": "When.", "examples": ["2026-01-01"]},
        "owner": {"type": "string", "description": "Whose.", "examples": ["o"],
                  "x-references": "boxes.box_id"},
        "note": {"type": ["string", "null"], "description": "A text."},
        "digest": {"type": ["string", "null"], "pattern": "^[0-9a-f]{4}$", "description": "A digest."},
        "kind": {"enum": ["128", "true", "a;b", "é", None], "description": "A word."},
        "bits": {"type": ["integer", "null"], "minimum": -5, "maximum": 4096, "description": "Bits."},
        "count": {"type": ["integer", "null"], "description": "Any number."},
        "locked": {"type": ["boolean", "null"], "description": "Locked."},
        "until": {"type": ["string", "null"], "format": "date", "x-may-be-future": True, "description": "D."},
        "born": {"type": ["string", "null"], "format": "partial-date", "description": "A part of a date."},
        "seen_at": {"type": ["string", "null"], "format": "instant", "description": "A moment."},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "description": "T.",
                 "examples": [["x"]]},
        "colours": {"type": ["array", "null"], "items": {"enum": ["red", "green", "blå"]},
                    "uniqueItems": True, "description": "Colours."},
        "names": {"type": ["array", "null"], "items": {"type": "string", "minLength": 2},
                  "uniqueItems": True, "description": "Names."},
    },
}  # fmt: skip
COLUMNS = list(THINGS["properties"])
GOOD = {
    "thing_id": "t1", "part": "2026-01-01", "owner": "box-1", "note": "a, note", "digest": "0af3",
    "kind": "128", "bits": 7, "count": 123456789, "locked": True, "until": "2027-01-01", "born": "1990-02",
    "seen_at": "2026-03-01T06:00:00Z", "tags": ["x", "a"], "colours": ["red"], "names": ["xy", "ab"],
}  # fmt: skip

Outcome = tuple[Any, ...]


Things = tuple[Pack, Resolved, DuckDBSession]


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    pack = load_pack(write_pack(tmp_path_factory.mktemp("pack"), {"tables/things.schema.json": THINGS}))
    resolved = resolve_parameters(pack, find_profile(pack, None), FaultList())
    with DuckDBSession() as session:  # one for all: to make one takes longer than most cases
        session.define_tables(pack.tables.values())
        session.load_bulk(TableData(pack.tables["things"], {}, []), AS_OF)  # settles what `seal` locks
        yield pack, resolved, session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _evidence(folder: Path, files: dict[str, bytes], rows: int) -> None:
    """A manifest with the files as part files of one source."""
    suffix = next(iter(files)).rpartition(".")[2]
    for path in folder.glob("part*"):
        path.unlink()
    lines = ""
    for name, data in sorted(files.items()):
        (folder / name).write_bytes(data)
        lines += f"{hashlib.sha256(data).hexdigest()}  {name}\n"
    source = {
        "evidence_id": "things", "table": "things", "path": f"part*.{suffix}", "source_system": "test",
        "collector": "test", "collector_version": "1", "collected_at": "2026-03-01T06:00:00Z",
        "evidence_kind": "observed", "population_complete": True, "row_count": rows,
        "file_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }  # fmt: skip
    boxes = {**source, "evidence_id": "boxes", "table": "boxes", "path": "boxes.yaml", "row_count": 1}
    data = b"- {box_id: box-1}\n"
    (folder / "boxes.yaml").write_bytes(data)
    boxes["file_sha256"] = hashlib.sha256(data).hexdigest()
    manifest = {"organisation": "Test", "sources": [source, boxes]}
    (folder / "manifest.yaml").write_text(json.dumps(manifest))


def _outcome(folder: Path, things: Things, bulk: bool, piece: int) -> Outcome:
    """Everything that an assessment can see of the evidence, but for the numbers of rows."""
    pack, resolved, session = things
    with pytest.MonkeyPatch.context() as patch:
        if piece:
            patch.setattr(streams, "BATCH_BYTES", piece)
            patch.setattr(policycheck.folder, "CHUNK", piece)
        patch.setattr(sources, "BULK_BYTES", -1 if bulk else 1 << 30)
        evidence = load_evidence(folder, pack.tables, AS_OF)
        if bulk and evidence.sources[0].usable:
            assert evidence.tables["things"].bulk
        session.clear()
        filled = fill(pack, resolved, evidence, session)
    stored = session.fetch(f"SELECT {', '.join(COLUMNS)} FROM things ORDER BY ALL")
    faults = sorted((str(f.place), f.table, f.column, f.code, f.words) for f in filled.row_faults)
    seen = [(s.state, s.reason, s.rows, s.digest, s.files) for s in filled.sources]
    said = sorted((str(f.place), f.place.excerpt, f.code, f.message, f.help) for f in filled.faults)
    return stored, faults, seen, [words for words in said if words[2] != "PC420"]


def _same(folder: Path, things: Things, files: dict[str, bytes], rows: int, piece: int = 0) -> Outcome:
    _evidence(folder, files, rows)
    small = _outcome(folder, things, False, piece)
    large = _outcome(folder, things, True, piece)
    for one, other in zip(small, large, strict=True):
        assert one == other
    return large


def _lines(rows: Sequence[Any]) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


# --- JSON ---------------------------------------------------------------------------------------------

VALUES: list[str] = [
    "null", "true", "false", "0", "-0", "7", "-5", "-6", "4097", "1.0", "0.5", "1e2", "01", "+1", "NaN",
    "-Infinity",
    "Infinity", "nan", "inf", "123456789012345678", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808",
    "1234567890123456789012345678901234567890123", '""', '"x"', '"128"', '"true"', '"null"', '"a;b"', '"é"',
    '"e\u0301"', '"\u0301x"', '" x "', '"0af3"', '"0AF3"', '"0af3\\n"', '"x\\ty"', '"\\u0000"', '"\\u00e9"',
    '"\\ud83d"',
    '"\\/"', '"\\x"', '"a\\"b"', '"a\tb"', '"a\x7fb"', '"\u2028"', '"\ufeff"', '"😀"', '"a-0"', '" -0"',
    '":-0"',
    '",}"', '", ]"', '"\\\\"', '"1990"', '"1990-02"', '"1990-13"', '"1990-00"', '"2026-02-30"',
    '"2026-03-02"',
    '"2026-03-03"', '"1899-12-31"', '"1900-01-01"', '"2999-12-31"', '"3000-01-01"', '"2999"', '"2026"',
    '"0001-01-01"',
    '"2026-03-02T12:00:00Z"', '"2026-03-02T12:00:00.000001Z"', '"2026-03-02T11:59:59.123456Z"',
    '"2026-03-02T11:59:59.1234567Z"', '"2026-03-01T06:00:00"', '"2026-03-01T06:00:00+05:30"',
    '"2026-03-01T06:00:00-19:59"', '"2026-03-01T06:00:00+24:00"', '"2026-03-01t06:00:00Z"',
    '"2026-03-01 06:00:00Z"',
    '"2026-03-01T24:00:00Z"', '"2026-03-01T23:59:60Z"', '"2026-02-29T06:00:00Z"',
    '"1899-12-31T23:30:00-01:00"',
    '"1900-01-01T00:30:00+01:00"', '"2999-12-31T23:30:00-01:00"', '"2026-03-01T06:00:00.Z"', '"2026-3-1"',
    '"２０２６-03-01"',
    "[]", "[null]", '["x"]', '["x","x"]', '["red","green"]', '["red", "blå"]', '["grey"]', '[""]', '["x",""]',
    '["x",]', '["x" , ]', '["x",5]', '["x",null]', '["x",["y"]]', '["a\\"b"]', '["x","y,z"]',
    '["a","\\",\\"b"]', '["z","a"]',
    '["x"', "[5]", "{}", '{"a":1}', "[NaN]", '["ab","c"]', '["ab","abc"]', '["e\u0301","é"]', '[ "x" ]',
    '["😀","\uffff"]',
    '" "', "[,]", "", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    '"[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{"',
]  # fmt: skip
FRAMES: list[str] = [
    "{%s}", " {%s}", "{%s} ", "\t{%s}", "{%s}\r", "\r{%s}", "{%s,}", "{%s }", "{ %s }", "{%s, }", "{%s}x",
    "{%s}{}", "{%s",
    '{"note":"y",%s}', '{%s,"note":"y"}', '{%s,"note":null}', '{%s,"Note":"y"}', '{%s,"unknown":1}',
    '{%s,"unknown":null}',
    '{%s,"":1}', '{%s,"note" :"y"}', '{%s, "note" : "y"}', '{%s,"no\\u0074e":"y"}', '{%s,"note":{"bits":1}}',
    "[{%s}]", "{%s}}", "\ufeff{%s}", "{%s}\x00", "/**/{%s}", "{%s}//", "{%s};", "\x0c{%s}", "\u00a0{%s}",
    "{%s}\x1f",
    '{%s,"note":"y","note":"z"}', "{%s,'note':1}", "{%s,note:1}", '{%s,,"note":"y"}', '{%s "note":"y"}',
    '{"note":"a\\":b",%s}',
]  # fmt: skip
WHOLE: list[bytes] = [
    b"", b" ", b"\r", b"null", b"[]", b"{}", b"5", b'"x"', b"{", b"}", b"true", b"\xff", b"{}\xc3", b"\x00",
    b"NaN",
]  # fmt: skip


def _line(changes: dict[str, str], frame: str = "{%s}", without: str = "", gap: str = ",") -> bytes:
    cells = {name: json.dumps(value, ensure_ascii=False) for name, value in GOOD.items() if name != without}
    inside = gap.join(f'"{name}":{value}' for name, value in {**cells, **changes}.items())
    return (frame % inside).encode()


def test_every_value_in_every_column_means_the_same(folder: Path, things: Things) -> None:
    """Each line in the middle of two good ones, so that a broken one is seen by itself."""
    for column in COLUMNS:
        rows = [_line({column: value, **({"thing_id": f'"k{n}"'} if column != "thing_id" else {})})
                for n, value in enumerate(VALUES)]  # fmt: skip
        sound = [row for row in rows if _is_read(folder, row)]
        assert len(sound) > len(VALUES) // 2
        stored, faults, _, _ = _same(folder, things, {"part.ndjson": _lines(sound)}, len(sound))
        assert stored
        assert faults
    for value in VALUES:
        row = _line({"note": value})
        if not _is_read(folder, row):
            _same(folder, things, {"part.ndjson": _lines([_line({"thing_id": '"a"'}), row])}, 2)


def _is_read(folder: Path, row: bytes) -> bool:
    return sources.read_rows("x.ndjson", row, FaultList()) is not None


@pytest.mark.parametrize("frame", FRAMES)
def test_every_frame_means_the_same(frame: str, folder: Path, things: Things) -> None:
    first, last = _line({"thing_id": '"a"'}), _line({"thing_id": '"z"'})
    for without in ("", "note"):
        rows = [first, _line({}, frame, without), last]
        _same(folder, things, {"part.ndjson": _lines(rows)}, 3)
    _same(folder, things, {"part.ndjson": _lines([_line({}, frame)])}, 1)


@pytest.mark.parametrize("line", WHOLE)
@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n", b"\n\n"])
def test_every_odd_line_means_the_same(line: bytes, end: bytes, folder: Path, things: Things) -> None:
    for before in (b"", b"\xef\xbb\xbf", _line({}) + b"\n", b"\xef\xbb\xbf" + _line({}) + b"\r\n"):
        _same(folder, things, {"part.ndjson": before + line + end}, before.count(b"\n") + 1)


CELLS = st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(VALUES), max_size=4)
MANY = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@st.composite
def _ndjson(draw: st.DrawFn) -> list[bytes]:
    made = []
    for n in range(draw(st.integers(1, 5))):
        row = _line(
            {"thing_id": f'"t{draw(st.integers(0, 2)) * draw(st.booleans()) or n}"', **draw(CELLS)},
            draw(st.sampled_from(["{%s}"] * 12 + FRAMES)),
            draw(st.sampled_from(["", *COLUMNS])),
            draw(st.sampled_from([",", ", ", " ,"])),
        )
        if draw(st.integers(0, 9)) == 0:
            at = draw(st.integers(0, len(row)))
            row = (
                row[:at]
                + draw(st.sampled_from([b'"', b"\\", b",", b"}", b"\xc3", b"\r", b"", b"0"]))
                + row[at + 1 :]
            )
        made.append(row)
    return made


@MANY
@given(parts=st.lists(_ndjson(), min_size=1, max_size=2), piece=st.sampled_from([0, 7, 700]))
def test_ndjson_of_any_size_means_the_same(
    parts: list[list[bytes]], piece: int, folder: Path, things: Things
) -> None:
    files = {f"part{n}.ndjson": _lines(rows) for n, rows in enumerate(parts)}
    _same(folder, things, files, sum(len(rows) for rows in parts), piece)


# --- CSV ----------------------------------------------------------------------------------------------

FIELDS: list[str] = [
    "", " ", "x", "7", "-0", "-5", "007", "+7", "1.0", "1e2", "123456789012345678", "9223372036854775808",
    "٣",
    "true", "false", "True", "null", "128", '"x"', '"a,b"', '"a\nb"', '"a\r\nb"', '"a""b"', '""', '"x',
    'x"y', '"x"y',
    "a;b", "a;a", "a; b", " a", "a ", "a;", ";", "a;;b", "red;green", "blå", "red;blå", "\u00a0a",
    "a\u2003;b", "z;a",
    "2026-02-30", "2026-03-03", "2026-03-02", "1990", "1990-02", "2026-03-01T06:00:00Z",
    "2026-03-01T06:00:00.5+01:00",
    "2026-03-02T12:00:01Z", "x\x1fy", "x\x1ey", "é", "e\u0301", "ab;cd", "ab", "a\rb", "a\x00b", "0af3",
    "#x", "\ufeff",
    "\u2028", "\x85", "\x0c", "'a,b'",
]  # fmt: skip


def _csv_good() -> dict[str, str]:
    def field(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return ";".join(value) if isinstance(value, list) else str(value)

    return {name: f'"{field(value)}"' if name == "note" else field(value) for name, value in GOOD.items()}


def _csv_record(changes: dict[str, str], columns: Sequence[str] = COLUMNS) -> str:
    cells = {**_csv_good(), **changes}
    return ",".join(cells.get(name, "y") for name in columns)


def test_every_field_in_every_column_means_the_same(folder: Path, things: Things) -> None:
    header = ",".join(COLUMNS)
    for column in COLUMNS:
        for end in ("\n", "\r\n"):
            rows = [_csv_record({"thing_id": f"k{n}", column: field}) for n, field in enumerate(FIELDS)]
            sound = [row for row in rows if _is_csv(f"{header}\n{row}\n")]
            assert len(sound) > len(FIELDS) // 2
            data = end.join([header, *sound, ""]).encode()
            stored, faults, _, _ = _same(folder, things, {"part.csv": data}, len(sound))
            assert stored
            assert faults or column == "note"


def _is_csv(text: str) -> bool:
    return sources.read_rows("x.csv", text.encode(), FaultList()) is not None


HEADERS = [
    COLUMNS, COLUMNS[::-1], [*COLUMNS, "unknown"], COLUMNS[:-1], [*COLUMNS, "note"], [*COLUMNS, ""],
    COLUMNS[1:], [], [""],
    ["thing_id"], ["thing_id", "part", "owner", "tags"], ["Thing_id", *COLUMNS[1:]],
    ["\ufeffthing_id", *COLUMNS[1:]],
    ['"thing_id"', *COLUMNS[1:]], ['"a\nb"', *COLUMNS], ['"x'],
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_every_header_means_the_same(header: list[str], bom: bytes, folder: Path, things: Things) -> None:
    for records in ([], [_csv_record({}, header)], [_csv_record({}, header), "x"], [""], ["", ""], ['"']):
        for end in ("\n", ""):
            data = bom + ("\n".join([",".join(header), *records]) + end).encode()
            _same(folder, things, {"part.csv": data}, len(records))


@st.composite
def _csv_file(draw: st.DrawFn) -> bytes:
    header = draw(st.sampled_from([COLUMNS] * 8 + HEADERS))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    cells = st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(FIELDS), max_size=3)
    records = [
        _csv_record({"thing_id": f"t{n if draw(st.booleans()) else 0}", **draw(cells)}, header)
        + draw(st.sampled_from([""] * 30 + [",", ',"', "\n", "\r"]))
        for n in range(draw(st.integers(0, 6)))
    ]
    last = draw(st.sampled_from([b"", b"\n", b"\n\n", b"\xff"]))
    return end.join([",".join(header), *records]).encode() + last


@MANY
@given(
    parts=st.lists(_csv_file(), min_size=1, max_size=2),
    rows=st.integers(0, 9),
    piece=st.sampled_from([0, 7, 300]),
)
def test_csv_of_any_size_means_the_same(
    parts: list[bytes], rows: int, piece: int, folder: Path, things: Things
) -> None:
    _same(folder, things, {f"part{n}.csv": data for n, data in enumerate(parts)}, rows, piece)
