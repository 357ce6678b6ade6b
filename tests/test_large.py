"""What only large evidence does: packed answers, views with wanted columns, bulk rows checked by SQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

import policycheck.engines.duckdb
from policycheck.assessment import assess
from policycheck.cells import CellError, compile_cell
from policycheck.columns import wanted_columns
from policycheck.engines import ASKED, bulk, duckdb_views, failed, plans, stored
from policycheck.engines.duckdb import DuckDBSession
from policycheck.engines.duckdb_errors import OUT_OF_MEMORY
from policycheck.engines.judgements import FetchedJudgement
from policycheck.engines.stored import PER_WORD, StoredJudgement, stored_judgement
from policycheck.errors import EngineError
from policycheck.evidence import rows_as_evidence
from policycheck.loading import load
from policycheck.model import BulkFile, Column, ColumnType, Status, TableData, TableSchema
from policycheck.pack import load_pack
from small_pack import AS_OF, BOXES, CONTROL, compile_folder, judge, write_pack

T = ColumnType
HEADER = "-- base: boxes\n"
ROWS: list[dict[str, Any]] = [
    {"box_id": f"b{i:03}", "locked": [True, False, None][i % 3], "bits": [None, 64, 128, 256][i % 4]}
    for i in range(40)
]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any evidence counts as large."""
    monkeypatch.setattr(policycheck.engines.duckdb, "FETCH_LIMIT", 0)


# --- packed answers ---------------------------------------------------------------------------------


QUESTIONS = [
    "subject.locked",
    *(f"subject.bits > {8 * i}" for i in range(PER_WORD + 5)),
    "box_id < 'b020'",
    "subject.box_id = 'b003' AND locked",
    "(SELECT any_true(o.locked) FROM boxes o WHERE o.bits = subject.bits)",
    "EXISTS (SELECT 1 FROM boxes o WHERE o.box_id > subject.box_id AND o.bits = 64)",
]
LAST = len(QUESTIONS) - 1
TOGETHER = [
    (0,),
    (1, 2),
    (PER_WORD - 1, PER_WORD),
    (PER_WORD + 3, 0, 5),
    (LAST, LAST - 3),
    (LAST - 2, 1, LAST - 1, 0),
    tuple(range(len(QUESTIONS))),
]


@pytest.mark.parametrize(
    ("cost", "most", "grouped"),
    [(1e9, 1.0, set()), (-1.0, 1.0, set(range(LAST + 1))), (1.0, 0.5, {*range(PER_WORD + 6), LAST - 1})],
)
def test_stored_answers_are_those_of_the_rows(
    cost: float, most: float, grouped: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRUE, FALSE and NULL of more expressions than one number holds, of every row, of combinations, and of
    both, in groups across all borders."""
    monkeypatch.setattr(plans, "GROUPING", cost)
    monkeypatch.setattr(plans, "MOST", most)
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        few = session.judge("boxes", "boxes", ("box_id",), QUESTIONS, ("bits",))
        plan, many = stored_judgement(session, 1, "boxes", ("box_id",), QUESTIONS, ("bits",), len(ROWS))
        assert isinstance(few, FetchedJudgement)
        assert set(plan.grouped) == grouped
        for columns in TOGETHER:
            patterns = few.patterns(columns)
            assert sorted(many.patterns(columns), key=str) == sorted(patterns, key=str)
            assert len(patterns) > 1
            for answers, source, count in patterns:
                wanted = [(answers, source)]
                assert many.rows(columns, wanted, None) == few.rows(columns, wanted, None)
                for in_key_order in (True, False):  # which these rows are
                    many.in_key_order = in_key_order
                    assert many.rows(columns, wanted, 2) == few.rows(columns, wanted, 2)
                    assert len(list(many.stream(columns, wanted))) == count
            assert many.named(columns, {3, 9}, "", set()) == few.named(columns, {3, 9}, "", set())
            assert many.rows(columns, [], None) == []


def test_combinations_with_one_number_are_not_told_apart_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then every row is asked."""
    monkeypatch.setattr(plans, "GROUPING", 0.0)
    monkeypatch.setattr(stored, "_combination", lambda plan: "0")
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        few = session.judge("boxes", "boxes", ("box_id",), ["locked"], ())
        plan, many = stored_judgement(session, 1, "boxes", ("box_id",), ["locked"], (), len(ROWS))
        assert plan.grouped == ()
        assert sorted(many.patterns([0]), key=str) == sorted(few.patterns([0]), key=str)


def test_large_evidence_is_stored(tmp_path: Path, large: None) -> None:
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        assert isinstance(session.judge("boxes", "boxes", ("box_id",), ["locked"], ()), StoredJudgement)
        assert session.plans == ["boxes: 1 question, 1 of every row in one pass"]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["sample", "sums_0", "judged_1", "combinations_1"])
def test_no_table_of_a_pack_is_taken_for_scratch(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "GROUPING", -1.0)
    folder = write_pack(tmp_path, {f"tables/{name}.schema.json": BOXES})
    compiled, session = compile_folder(folder)
    with session:
        evidence = rows_as_evidence({"boxes": ROWS, name: ROWS[:5]}, compiled.pack.tables, AS_OF)
        load(compiled, evidence, session)
        before = session.fetch(f'SELECT * FROM "{name}" ORDER BY _row')
        assert session.judge("boxes", "boxes", ("box_id",), ["locked", "bits > 1"], ()).patterns([0, 1])
        session._same_rows("boxes", "boxes", ("box_id",))
        assert session.fetch(f'SELECT * FROM "{name}" ORDER BY _row') == before


# --- views ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    "select",
    [
        "b._row, b._source, 'b' AS box_id, b.locked",
        "b._row, b._source + 1 AS _source, b.box_id, b.locked",
        "b._row + 1 AS _row, b._source, b.box_id, b.locked",
        "b._row - 1 AS _row, b._source, b.box_id, b.locked",
    ],
)
def test_a_row_that_takes_another_name_decides_nothing(select: str, tmp_path: Path) -> None:
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        session.define_view("shown", f"SELECT {select} FROM boxes b")
        session.compute_views({"shown": {"box_id", "locked"}})
        with pytest.raises(EngineError, match="keeps"):
            session.judge("shown", "boxes", ("box_id",), ["subject.locked"], ())


@pytest.mark.usefixtures("large")
def test_one_row_lost_and_one_doubled_decide_nothing(tmp_path: Path) -> None:
    files = {
        "views/shown.sql": HEADER + "SELECT b.* FROM boxes b JOIN keys k ON k.box_id = b.box_id\n",
        "BX/BX-1.yaml": {**CONTROL, "subject": "shown"},
    }
    keys = [{"key_id": f"k{i}", "box_id": "b000"} for i in range(2)]
    (result,) = judge(write_pack(tmp_path, files), {"boxes": ROWS[:2], "keys": keys}).controls
    assert result.status is Status.UNKNOWN


@pytest.mark.usefixtures("large")
def test_a_view_that_is_not_wanted_is_not_there(tmp_path: Path) -> None:
    """Its shape has no rows, and would pass for a view in which nothing was found."""
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        session.define_view("wanted", "SELECT b._row, b.box_id, b.locked, b.bits FROM boxes b")
        session.define_view("other", "SELECT b.box_id FROM boxes b")
        session.compute_views({"wanted": {"locked"}})
        assert session.fetch("SELECT count(*) FROM wanted") == [(40,)]
        assert [row[0] for row in session.fetch("DESCRIBE wanted")] == ["_row", "locked"]
        with pytest.raises(EngineError, match="other"):
            session.fetch("SELECT count(*) FROM other")
        session.compute_views({"wanted": {"bits"}, "other": {"*"}})
        assert [row[0] for row in session.fetch("DESCRIBE wanted")] == ["_row", "locked", "bits"]
        assert session.fetch("SELECT count(*) FROM other") == [(40,)]


@pytest.mark.usefixtures("large")
def test_a_view_that_fails_leaves_its_controls_unknown(tmp_path: Path) -> None:
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        session.define_view("shown", "SELECT b.*, CAST(b.box_id AS BIGINT) AS n FROM boxes b")
        session.compute_views({"shown": {"n", "box_id"}})
        assert "b0" in session.broken_views()["shown"]
        with pytest.raises(EngineError):
            session.judge("shown", "boxes", ("box_id",), ["subject.locked"], ())


def _kinds(session: DuckDBSession) -> dict[str, str]:
    sql = "SELECT table_name, table_type FROM information_schema.tables WHERE table_name LIKE '%er_view'"
    return {name: "view" if kind == "VIEW" else "table" for name, kind in session.fetch(sql)}


INNER = "SELECT b._row, b.box_id, b.locked, b.bits FROM boxes b"
OUTER = "SELECT i._row, i.box_id, i.bits > 128 AS is_long FROM inner_view i"


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("outer", "asked", "kind"),
    [
        (OUTER, set(), "view"),
        (OUTER, {ASKED}, "table"),
        (OUTER + " JOIN inner_view j ON j.box_id = i.box_id", set(), "table"),
    ],
)
def test_a_view_that_is_read_in_one_place_is_computed_there(
    outer: str, asked: set[str], kind: str, tmp_path: Path
) -> None:
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        session.define_view("inner_view", INNER)
        session.define_view("outer_view", outer)
        session.compute_views(
            {"inner_view": {"box_id", "bits"} | asked, "outer_view": {"box_id", "is_long", ASKED}}
        )
        assert _kinds(session) == {"inner_view": kind, "outer_view": "table"}
        assert session.fetch("SELECT count(*), count(is_long) FROM outer_view") == [(40, 30)]
        # What a later selection asks itself is written down then.
        session.compute_views({"inner_view": {"locked", ASKED}, "outer_view": {"box_id", ASKED}})
        assert _kinds(session) == {"inner_view": "table", "outer_view": "table"}
        assert [row[0] for row in session.fetch("DESCRIBE inner_view")][-2:] == ["locked", "bits"]


@pytest.mark.usefixtures("large")
def test_a_view_that_fails_where_it_is_read_is_the_one_that_is_named(tmp_path: Path) -> None:
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        session.define_view("inner_view", "SELECT b.*, CAST(b.box_id AS BIGINT) AS bits_more FROM boxes b")
        session.define_view(
            "outer_view", "SELECT i._row, i.box_id, i.bits_more > 1 AS is_long FROM inner_view i"
        )
        session.compute_views(
            {"inner_view": {"box_id", "bits_more"}, "outer_view": {"box_id", "is_long", ASKED}}
        )
        assert list(session.broken_views()) == ["inner_view"]
        assert session.fetch("SELECT count(*) FROM outer_view") == [(0,)]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("fits", [True, False])
def test_a_view_that_does_not_fit_into_memory_is_computed_in_pieces(
    fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policycheck.engines.duckdb, "PIECE", 7)
    monkeypatch.setattr(policycheck.engines.duckdb, "SAMPLED", 1)
    compiled, session = compile_folder(write_pack(tmp_path))
    execute = session._views._execute
    said: list[str] = []

    def failing(sql: str) -> Any:
        said.append(sql)
        if (
            '"new outer_view"' in sql
            and "SELECT" in sql
            and (" WHERE " not in sql or not (fits or len(said) < 5))
        ):
            raise failed(OUT_OF_MEMORY)
        return execute(sql)

    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        session.define_view("outer_view", "SELECT b.*, b.bits > 128 AS is_long FROM boxes b")
        session._views._execute = failing
        session.compute_views({"outer_view": {"box_id", "is_long", ASKED}})
        pieces = [sql for sql in said if sql.startswith("INSERT")]
        rows = session.fetch("SELECT _row, box_id, is_long FROM outer_view ORDER BY 1")
        if fits:
            assert len(pieces) == 5
            assert rows == session.fetch("SELECT _row, box_id, bits > 128 FROM boxes ORDER BY 1")
        else:
            assert rows == []
            assert session.broken_views()["outer_view"] == OUT_OF_MEMORY


@pytest.mark.usefixtures("large")
def test_a_view_of_which_no_column_is_named_has_its_rows(tmp_path: Path) -> None:
    """`count(*)` names none."""
    compiled, session = compile_folder(write_pack(tmp_path))
    with session:
        load(compiled, rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF), session)
        session.define_view("other", "SELECT b.box_id FROM boxes b")
        session.compute_views({"other": {"count"}})
        assert session.fetch("SELECT count(*) FROM other") == [(40,)]


def _wanted(tmp_path: Path, views: dict[str, str], **changes: Any) -> dict[str, set[str]]:
    files: dict[str, Any] = {f"views/{name}.sql": HEADER + text for name, text in views.items()}
    compiled, session = compile_folder(
        write_pack(tmp_path, {**files, "BX/BX-1.yaml": {**CONTROL, "subject": "outer_view", **changes}})
    )
    session.close()
    return wanted_columns(compiled, list(compiled.controls.values()))


def test_a_view_is_wanted_with_what_its_readers_name(tmp_path: Path) -> None:
    views = {
        "inner_view": "SELECT b.*, b.bits > 128 AS is_long FROM boxes b\n",
        "outer_view": "SELECT i.*, i.place = 'cloud' AS is_remote FROM inner_view i\n",
        "unused_view": "SELECT b.* FROM boxes b\n",
    }
    found = _wanted(tmp_path, views, expect={"locked": "is_long"})
    columns = {"box_id", "locked", "bits", "place", "made_at", "is_long", "is_remote"}
    assert {name: wanted & columns for name, wanted in found.items()} == {
        "inner_view": {"box_id", "is_long", "place"} | (found["inner_view"] & {"is_remote"}),
        "outer_view": {"box_id", "is_long"},
    }


def test_rows_that_are_told_apart_by_all_columns_keep_them_all(tmp_path: Path) -> None:
    """Two rows that differ in a column nobody names would become one."""
    views = {
        "inner_view": "SELECT b.* FROM boxes b\n",
        "outer_view": "SELECT DISTINCT i.* FROM inner_view i\n",
    }
    found = _wanted(tmp_path, views)
    assert "*" in found["inner_view"]
    assert "*" not in found["outer_view"]


@pytest.mark.usefixtures("large")
def test_a_second_selection_in_one_session_is_answered(tmp_path: Path) -> None:
    files = {
        "views/shown.sql": HEADER + "SELECT b.*, b.bits > 100 AS is_long FROM boxes b\n",
        "BX/BX-1.yaml": {**CONTROL, "subject": "shown"},
        "BX/BX-2.yaml": {**CONTROL, "id": "BX-2", "clauses": ["BX-2"], "subject": "shown",
                         "expect": {"long": "is_long"}, "otherwise": {"long": "{subject} is short"}},
    }  # fmt: skip
    compiled, session = compile_folder(write_pack(tmp_path, files))
    with session:
        evidence = rows_as_evidence({"boxes": ROWS}, compiled.pack.tables, AS_OF)
        evidence = load(compiled, evidence, session)
        first = assess(compiled, evidence, session, only={"BX-1"})
        second = assess(compiled, evidence, session, only={"BX-2"})
    assert [r.counts[Status.FAIL] for r in (*first.controls, *second.controls)] == [13, 10]


FAILS_SOMEWHERE = "SELECT b.*, b.bits * 9000000000000000000 AS n FROM boxes b"
READS_LITTLE = (
    "SELECT b.*, k.big FROM boxes b LEFT JOIN "
    "(SELECT i.box_id, i.n > 5 AS big FROM a_inner i WHERE i.place = 'cloud') k ON k.box_id = b.box_id"
)


@pytest.mark.parametrize("only", [{"BX-1"}, {"BX-1", "BX-2"}])
@pytest.mark.parametrize("rows_in_memory", [0, 20_000])
def test_whether_a_view_fails_depends_neither_on_size_nor_on_who_else_asks(
    only: set[str], rows_in_memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It overflows on rows that its reader filters away."""
    monkeypatch.setattr(policycheck.engines.duckdb, "FETCH_LIMIT", rows_in_memory)
    ask = {"expect": {"big": "big IS NULL OR big"}, "otherwise": {"big": "no"}}
    folder = write_pack(
        tmp_path,
        {
            "views/a_inner.sql": HEADER + FAILS_SOMEWHERE,
            "views/b_outer.sql": HEADER + READS_LITTLE,
            "views/c_outer.sql": HEADER + READS_LITTLE,
            "BX/BX-1.yaml": {**CONTROL, "subject": "b_outer", **ask},
            "BX/BX-2.yaml": {**CONTROL, "id": "BX-2", "clauses": ["BX-2"], "subject": "c_outer", **ask},
        },
    )
    rows = [{"box_id": "b1", "bits": 1, "place": "cloud"}] + [
        {"box_id": f"b{i}", "bits": 256, "place": "cellar"} for i in (2, 3)
    ]
    compiled, session = compile_folder(folder)
    with session:
        evidence = load(compiled, rows_as_evidence({"boxes": rows}, compiled.pack.tables, AS_OF), session)
        assessment = assess(compiled, evidence, session, only=only)
    assert [result.status for result in assessment.controls] == [Status.UNKNOWN] * len(only)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT b.* FROM boxes b WHERE EXISTS (SELECT 1 FROM d WHERE d.x = b.x)", False),
        ("SELECT count(*) AS n FROM (SELECT * FROM boxes) b -- 1 + 1", False),
        ("SELECT 'a-b' AS \"c*d\" FROM b", False),
        ("SELECT '--' AS c, a*2 AS d FROM b", True),
        ('SELECT a AS "--", a*2 AS d FROM b', True),
        ("SELECT (a)*2 AS d FROM b", True),
        ("SELECT 'it''s' AS c, a - 1 AS d FROM b", True),
        ("SELECT a::INTEGER AS d FROM b", True),
        ("SELECT (SELECT c FROM d) AS d FROM b", True),
        ("SELECT coalesce((SELECT c FROM d), 1) AS d FROM b", True),
        ("SELECT sum(a) AS d FROM b", True),
        ("SELECT row_number() OVER (ORDER BY a) AS d FROM b", True),
    ],
)
def test_a_view_that_may_fail_or_numbers_rows_is_computed_as_a_whole(sql: str, expected: bool) -> None:
    assert duckdb_views._must_be_whole(sql) is expected


# --- bulk rows --------------------------------------------------------------------------------------

TAGGED = {
    **BOXES,
    "required": ["box_id"],
    "properties": {
        "box_id": BOXES["properties"]["box_id"],
        "place": BOXES["properties"]["place"],
        "note": {"type": ["string", "null"], "description": "What is written on it."},
        "tags": {"type": ["array", "null"], "items": {"enum": ["red", "green", "blue"]},
                 "uniqueItems": True, "description": "Its colours."},
        "names": {"type": ["array", "null"], "items": {"type": "string", "minLength": 1},
                  "uniqueItems": True, "description": "What it is called."},
    },
}  # fmt: skip
TAGGED["properties"]["codes"] = {
    **{"type": ["array", "null"], "items": {"type": "string", "minLength": 2, "pattern": "^[A-Z]+$"}},
    **{"uniqueItems": True, "description": "Its codes."},
}
GOOD = ("'cloud'", "'ok'", "['red']", "['x']", "['AB']")
FAULTS = [
    (0, "'attic'", "place"),
    (0, "'cloud' || chr(0)", "place"),
    (1, "'a' || chr(0) || 'b'", "note"),
    (2, "['grey']", "tags"),
    (2, "['red', 'grey']", "tags"),
    (2, "['red', 'red']", "tags"),
    (2, "['red', NULL]", "tags"),
    (2, "[NULL]", "tags"),
    (3, "['']", "names"),
    (3, "['x', '']", "names"),
    (3, "['x', 'y', 'x']", "names"),
    (3, "[NULL]", "names"),
    (3, "['x', NULL]", "names"),
    (3, "['x', 'y' || chr(0)]", "names"),
    (3, "[chr(0)]", "names"),
    (4, "['A']", "codes"),
    (4, "['AB', 'C']", "codes"),
    (4, "['AB', 'cd']", "codes"),
    (4, "['AB', 'CD' || chr(10)]", "codes"),
]
SOUND = [
    (0, "NULL"),
    (1, "NULL"),
    (2, "NULL"),
    (2, "[]"),
    (2, "['red', 'blue']"),
    (3, "[]"),
    (3, "['y', 'x']"),
    (4, "NULL"),
    (4, "[]"),
    (4, "['CD', 'AB']"),
]


CODED = {
    **TAGGED,
    "properties": {
        **TAGGED["properties"],
        "place": {"enum": ["zoo", "cloud", "it's", None], "description": "Where it stands."},
    },
}


def _loaded(tmp_path: Path, rows: list[tuple[str, ...]]) -> tuple[list[tuple[int, str]], list[Any]]:
    """(row, column) of each fault, and the rows as they stand afterwards."""
    tables = load_pack(write_pack(tmp_path / "pack", {"tables/boxes.schema.json": TAGGED})).tables
    path = tmp_path / "boxes.parquet"
    values = ", ".join(f"('{row[0]}', {', '.join(row[1:])})" for row in rows)
    with duckdb.connect() as connection:
        select = f"SELECT * FROM (VALUES {values}) t(box_id, place, note, tags, names, codes)"
        connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    fd = os.open(path, os.O_RDONLY)
    schema = tables["boxes"]
    data = TableData(schema, {c.name: [] for c in schema.columns}, [])
    data.bulk.append(BulkFile(0, path.name, fd, f"/proc/self/fd/{fd}", -1))
    with DuckDBSession() as session:
        session.define_tables([schema])
        result = session.load_bulk(data, AS_OF)
        assert not result.broken
        stored = session.fetch("SELECT box_id, place, note, tags, names, codes FROM boxes ORDER BY _row")
    return [(fault.row, fault.column) for fault in result.faults], stored


def test_a_faulty_cell_of_a_bulk_row_is_found_and_emptied(tmp_path: Path) -> None:
    rows = [(f"b{i}", *GOOD[:at], cell, *GOOD[at + 1 :]) for i, (at, cell, _) in enumerate(FAULTS)]
    faults, stored = _loaded(tmp_path, rows)
    assert sorted(set(faults)) == [(i, column) for i, (_, _, column) in enumerate(FAULTS)]
    assert [stored[i][1 + at] for i, (at, _, _) in enumerate(FAULTS)] == [None] * len(FAULTS)


def test_a_sound_bulk_row_has_no_fault(tmp_path: Path) -> None:
    rows = [(f"b{i}", *GOOD[:at], cell, *GOOD[at + 1 :]) for i, (at, cell) in enumerate(SOUND)]
    assert _loaded(tmp_path, rows)[0] == []


INSTANTS = [
    *("2026-03-02", "2026-3-2", "2026-02-29", "2024-02-29", "2026-03-02T12:00:00", "2026-03-02T12:00:00Z"),
    *("2026-03-02T12:00:00+01:00", "2026-03-02T12:00:00-19:59", "2026-03-02T12:00:00+20:00"),
    *(
        "2026-03-02T12:00:00+99:99",
        "2026-03-02T12:00:00+01:60",
        "2026-03-02T24:00:00Z",
        "2026-03-02T23:59:60Z",
    ),
    *(
        "2026-03-02T23:60:00Z",
        "2026-03-02T12:00:00.5Z",
        "2026-03-02T12:00:00.123456Z",
        "2026-03-02T12:00:00z",
    ),
    *("2026-03-02 12:00:00Z", " 2026-03-02", "2026-03-02T12:00Z", "2026-02-30T00:00:00Z", "1900-01-01", ""),
    *("1899-12-31T23:30:00-01:00", "1900-01-01T00:30:00+01:00", "2999-12-31T23:30:00-01:00"),
    *("3000-01-01T00:30:00+01:00", "0001-01-01T00:00:00+19:00", "9999-12-31T23:59:59-19:00", "infinity"),
]


def _loaded_moment(item: str, kind: ColumnType, tmp_path: Path) -> Any:
    """What Parquet with this SQL value comes to; `unusable`, or `faulty` where it is emptied."""
    schema = TableSchema(
        "ends",
        "t",
        "t",
        (Column("k", T.TEXT, False), Column("at", kind, True, may_be_future=True)),
        ("k",),
        30,
    )
    path = tmp_path / "ends.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"SET TimeZone='UTC'; COPY (SELECT 'a' AS k, {item} AS \"at\") TO '{path}' (FORMAT parquet)"
        )
    fd = os.open(path, os.O_RDONLY)
    data = TableData(schema, {c.name: [] for c in schema.columns}, [])
    data.bulk.append(BulkFile(0, path.name, fd, f"/proc/self/fd/{fd}", -1))
    with DuckDBSession() as session:
        session.define_tables([schema])
        result = session.load_bulk(data, AS_OF)
        os.close(fd)
        if result.broken:
            return "unusable"
        value = session.fetch('SELECT "at" FROM ends')[0][0]
        if result.faults:
            assert value is None
            return "faulty"
    return (value["lo"], value["hi"]) if isinstance(value, dict) else value


@pytest.mark.parametrize("text", INSTANTS)
def test_an_instant_as_text_in_parquet_means_what_it_means_elsewhere(text: str, tmp_path: Path) -> None:
    """Or it is not read."""
    column = Column("at", T.INSTANT, True)
    try:
        expected = compile_cell(column)(text)
    except CellError:
        assert _loaded_moment(f"'{text}'", T.INSTANT, tmp_path) in ("unusable", "faulty")
    else:
        assert _loaded_moment(f"'{text}'", T.INSTANT, tmp_path) == expected


@pytest.mark.parametrize("end", ["infinity", "-infinity"])
@pytest.mark.parametrize(
    ("kind", "stored"),
    [(T.INSTANT, "TIMESTAMPTZ"), (T.INSTANT, "DATE"), (T.DAY, "DATE"), (T.DAYS, "DATE")],
)
def test_what_has_no_end_is_neither_known_nor_unknown_but_a_fault(
    kind: ColumnType, stored: str, end: str, tmp_path: Path
) -> None:
    assert _loaded_moment(f"'{end}'::{stored}", kind, tmp_path) == "faulty"
    assert _loaded_moment(f"NULL::{stored}", kind, tmp_path) is None


def test_bulk_rows_with_one_key_are_named_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [(key, *GOOD) for key in ("z", "a", "m", "a", "z", "q", "z")]
    faults, stored = _loaded(tmp_path, rows)
    assert faults == [(0, "*"), (1, "*")]
    assert [row[0] for row in stored] == ["z", "a", "m", "q"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0, "a"), (1, "b"), (2, "c")], True),
        ([(0, "b"), (1, "a"), (2, "c")], False),
        ([(0, "a"), (2, "c"), (1, "b")], False),  # as strict rows of a text, read after the plain ones
        ([(1, "a"), (0, "b"), (2, "c")], False),
        ([(0, "a"), (1, "a"), (2, "c")], False),
        ([(0, "a"), (1, None), (2, "c")], False),
        ([(0, None), (1, "b"), (2, "c")], False),
        ([], False),
    ],
)
def test_only_rows_whose_numbers_and_keys_both_rise_are_in_key_order(
    rows: list[tuple[int, str]], expected: bool, tmp_path: Path
) -> None:
    schema = load_pack(write_pack(tmp_path)).tables["boxes"]
    with DuckDBSession() as session:
        session.define_tables([schema])
        for row, key in rows:
            cells = {column.name: [key if column.name == "box_id" else None] for column in schema.columns}
            session.put(schema, [row], [0], cells)
        assert bulk._in_key_order(schema, session.fetch) is expected


@pytest.mark.usefixtures("large")
def test_findings_stand_in_the_order_of_keys_whatever_the_order_of_rows(tmp_path: Path) -> None:
    for keys in (["a", "b", "c"], ["c", "a", "b"]):
        path = tmp_path / "boxes.parquet"
        with duckdb.connect() as connection:
            values = ", ".join(f"('{key}')" for key in keys)
            connection.execute(f"COPY (SELECT * FROM (VALUES {values}) t(box_id)) TO '{path}'")
        compiled, session = compile_folder(write_pack(tmp_path / "".join(keys)))
        with session:
            schema = compiled.pack.tables["boxes"]
            fd = os.open(path, os.O_RDONLY)
            data = TableData(schema, {c.name: [] for c in schema.columns}, [])
            data.bulk.append(BulkFile(0, path.name, fd, f"/proc/self/fd/{fd}", -1))
            assert session.load_bulk(data, AS_OF).in_key_order is (keys == sorted(keys))
            judgement = session.judge("boxes", "boxes", ("box_id",), ["locked"], ())
            for found in (judgement.rows([0], [((None,), 0)], 2), judgement.rows([0], [((None,), 0)], None)):
                assert [row.key[0] for row in found] == ["a", "b", "c"][: len(found)]


def test_members_of_an_enum_compare_as_text_does(tmp_path: Path) -> None:
    """They are held as numbers. What is no member, another case or another column compares as its text."""
    tables = load_pack(write_pack(tmp_path / "pack", {"tables/boxes.schema.json": CODED})).tables
    path = tmp_path / "boxes.parquet"
    with duckdb.connect() as connection:
        values = "('b0', 'zoo'), ('b1', 'cloud'), ('b2', 'it''s'), ('b3', NULL)"
        connection.execute(f"COPY (SELECT * FROM (VALUES {values}) t(box_id, place)) TO '{path}'")
    schema = tables["boxes"]
    data = TableData(schema, {c.name: [] for c in schema.columns}, [])
    fd = os.open(path, os.O_RDONLY)
    data.bulk.append(BulkFile(0, path.name, fd, f"/proc/self/fd/{fd}", -1))
    questions = ["place < 'm'", "place = 'elsewhere'", "place = 'ZOO'", "place IN ('zoo', 'elsewhere')",
                 "place > box_id", "lower(place) = place"]  # fmt: skip
    with DuckDBSession() as session:
        session.define_tables([schema])
        assert not session.load_bulk(data, AS_OF).faults
        listed = ", ".join(questions)
        (kind,), *rest = session.fetch("SELECT DISTINCT typeof(place) FROM boxes")
        assert kind.startswith("ENUM")
        assert not rest
        held = session.fetch(f"SELECT {listed} FROM boxes ORDER BY _row")
        written = session.fetch(
            f"SELECT {listed} FROM (SELECT _row, box_id, place::VARCHAR AS place FROM boxes) ORDER BY _row"
        )
        assert held == written
        assert session.fetch("SELECT min(place), max(place) FROM boxes") == [("cloud", "zoo")]
        assert session.define_view("shown", "SELECT b.place, [b.place] AS all_places FROM boxes b") == [
            ("place", ColumnType.TEXT),
            ("all_places", ColumnType.SET),
        ]


@pytest.mark.parametrize("value", ["Cloud", " cloud", "cloud ", "", "zo", "0"])
def test_what_is_almost_a_member_is_none(value: str, tmp_path: Path) -> None:
    faults, stored = _loaded(tmp_path, [("b0", *GOOD), ("b1", f"'{value}'", *GOOD[1:]), ("b2", *GOOD)])
    assert faults == [(1, "place")]
    assert [row[1] for row in stored] == ["cloud", None, "cloud"]
