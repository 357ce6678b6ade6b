"""A compiled pack that is kept: the same as one compiled anew, and never trusted for being there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import sample_run
from policycheck import codec, precompiled
from policycheck.cli.commands import cli
from policycheck.compiled import CompiledPack
from policycheck.compiler import compile_pack
from policycheck.engines.duckdb import DuckDBSession
from policycheck.errors import FaultList
from policycheck.model import Bound, Reference, Severity
from policycheck.parameters import find_profile, resolve_parameters
from policycheck.precompiled import CLASSES, Precompiled
from policycheck.preparation import PackStore
from policycheck.sqltext import select_of
from small_pack import HEAD, write_pack

INSTANTS = [sample_run.AS_OF, datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)]


# --- values as text -------------------------------------------------------------------------------

plain = st.none() | st.booleans() | st.integers() | st.text() | st.dates() | st.sampled_from(list(Severity))
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.frozensets(st.text())
        | st.dictionaries(st.text().filter(lambda key: not key.startswith("!")), inner)
        | st.builds(Reference, st.text(), st.text(), st.booleans())
        | st.builds(Bound, one_of=st.lists(inner).map(tuple))
    ),
    max_leaves=12,
)


@given(values)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    text = codec.encode(value)
    assert "\n" not in text
    found = codec.decode(text, CLASSES)
    assert found == value
    assert codec.encode(found) == text  # True is not 1, a list is no tuple


class Stranger(Enum):
    HERE = "here"


@pytest.mark.parametrize("value", [1.5, {1}, object(), datetime(2026, 1, 1), {"!x": 1}, {1: 2}, b"x"])
def test_a_value_without_a_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        codec.encode(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"!Path": ["/etc/passwd"]}',
        '{"!system": ["true"]}',
        '{"!Reference": ["only one"]}',
        '{"!Severity": ["no such"]}',
        '{"!date": "2026-13-01"}',
        '{"!tuple": 5}',
        "{",
        "",
    ],
)
def test_text_that_was_not_encoded_here_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a value"):
        codec.decode(text, CLASSES)


def test_a_class_that_was_not_named_is_not_built() -> None:
    with pytest.raises(ValueError, match="not a value"):
        codec.decode(codec.encode(Stranger.HERE), CLASSES)


# --- a kept pack ----------------------------------------------------------------------------------


def compiled_at(moment: datetime, profile: str, *, template: bool) -> tuple[CompiledPack, str]:
    pack, faults = sample_run.shipped_pack(), FaultList()
    resolved = resolve_parameters(pack, find_profile(pack, profile), faults)
    with DuckDBSession() as session:
        compiled = compile_pack(pack, resolved, moment, session, faults, template=template)
        faults.raise_if_any()
        return compiled, precompiled.to_text(compiled, session.parse, "test") if template else ""


@pytest.mark.parametrize("profile", ["interpreted", "literal", "nist_current"])
def test_a_kept_pack_is_the_compiled_pack_under_every_profile_at_every_instant(profile: str) -> None:
    _, text = compiled_at(INSTANTS[0], "interpreted", template=True)
    kept = Precompiled(text)
    for moment in INSTANTS:
        anew, _ = compiled_at(moment, profile, template=False)
        found = kept.compiled(anew.resolved, moment)
        assert replace(found, scope=anew.scope) == anew
        assert "\0" not in repr(found)


def test_every_query_of_a_kept_pack_has_its_tree() -> None:
    template, text = compiled_at(INSTANTS[0], "interpreted", template=True)
    kept = Precompiled(text)
    compiled = kept.compiled(template.resolved, INSTANTS[1])
    views = [view.sql for view in compiled.views.values()]
    asked = list(views)
    for control in compiled.controls.values():
        parts = (control.applies, control.na_when, *control.expectations, *control.advice)
        if control.population is not None:
            parts += (*control.population.questions, control.population.listed)
        asked += [part.sql for part in parts if part is not None]
    asked += [rule.sql for rules in compiled.row_rules.values() for rule in rules]
    selects = {sql.strip().rstrip(";") if sql in views else select_of(sql) for sql in asked}
    assert selects == kept.trees(template.resolved, INSTANTS[1]).keys()


def test_every_changed_byte_is_noticed() -> None:
    _, text = compiled_at(INSTANTS[0], "interpreted", template=True)
    for position in range(0, len(text), len(text) // 50):
        changed = text[:position] + ("x" if text[position] != "x" else "y") + text[position + 1 :]
        with pytest.raises(ValueError):
            Precompiled(changed)


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "policycheck"


def check(folder: Path, *options: str) -> Result:
    arguments = ["--pack", str(folder / "controls"), "--evidence", str(folder / "evidence")]
    return CliRunner().invoke(cli, ["check", *arguments, "--format", "json", "--output", "-", *options])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    assert CliRunner().invoke(cli, ["init", str(folder)]).exit_code == 0
    return folder


def only_file(cache: Path) -> Path:
    (found,) = cache.glob("*")
    return found


def report(result: Result) -> Any:
    """The report but for the instant, which is the present one."""
    assert result.exit_code == 0, result.stderr
    return {k: v for k, v in json.loads(result.stdout).items() if k not in ("as_of", "evidence")}


def test_a_run_leaves_a_file_that_only_its_user_can_write(small: Path, cache: Path) -> None:
    check(small)
    assert only_file(cache).stat().st_mode & 0o777 == 0o600
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_second_run_takes_what_the_first_has_left(small: Path, cache: Path) -> None:
    first = check(small)
    before = only_file(cache).stat()
    assert report(check(small)) == report(first)
    assert only_file(cache).stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_of_another_pack_under_this_name_is_not_taken(small: Path, cache: Path) -> None:
    first = check(small)
    kept = only_file(cache)
    other = kept.read_text("ascii")
    with (small / "controls" / "pack.yaml").open("a", encoding="utf-8") as file:
        file.write("# another pack\n")
    kept.unlink()
    changed = check(small)
    only_file(cache).write_text(other, "ascii")
    assert json.loads(check(small).stdout)["pack"] == json.loads(changed.stdout)["pack"]
    assert json.loads(changed.stdout)["pack"] != json.loads(first.stdout)["pack"]
    assert only_file(cache).read_text("ascii") != other


def test_without_a_cache_nothing_is_left(small: Path, cache: Path) -> None:
    assert report(check(small, "--no-cache")) == report(check(small))
    only_file(cache).unlink()
    check(small, "--no-cache")
    assert not list(cache.glob("*"))


def _cut(path: Path) -> None:
    path.write_text(path.read_text()[:-100])


def _exchange(path: Path) -> None:
    other = path.read_text().replace("at least", "at most")
    path.write_text(other)


def _empty(path: Path) -> None:
    path.write_text("")


def _other_json(path: Path) -> None:
    path.write_text("[]\n")


def _open_to_others(path: Path) -> None:
    path.write_text("{}\n")
    path.chmod(0o666)


def _link(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _open_folder(path: Path) -> None:
    path.write_text("{}\n")
    path.parent.chmod(0o777)


@pytest.mark.parametrize(
    "spoil", [_cut, _exchange, _empty, _other_json, _open_to_others, _link, _open_folder]
)
def test_a_file_that_cannot_be_relied_on_changes_nothing(
    small: Path, cache: Path, spoil: Callable[[Path], None]
) -> None:
    first = check(small)
    spoil(only_file(cache))
    assert report(check(small)) == report(first)


def test_a_file_of_another_user_does_not_count(
    small: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(small)
    name = only_file(cache).name
    assert precompiled.read(cache, name) is not None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert precompiled.read(cache, name) is None


def test_a_changed_pack_does_not_meet_its_former_self(tmp_path: Path) -> None:
    """INVARIANT: a file is named by the content of the pack, not by where or when it was read."""
    names = set()
    for title in ("Boxes are locked", "Boxes are locked.", "Boxes are locked"):
        write_pack(tmp_path / "pack", {"pack.yaml": {**HEAD, "title": title}})
        names.add(PackStore(tmp_path / "pack", None)._name)
    assert len(names) == 2


def test_where_no_file_can_be_kept_a_run_is_the_same(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check(small)
    (tmp_path / "a file").write_text("")
    for place in (str(tmp_path / "a file"), "relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        monkeypatch.setenv("HOME", str(tmp_path / "a file"))
        assert report(check(small)) == report(first)


def test_old_files_make_room(tmp_path: Path) -> None:
    for number in range(precompiled.KEPT + 5):
        precompiled.write(tmp_path, f"{number:03}.pack", "")
        os.utime(tmp_path / f"{number:03}.pack", (number, number))
    kept = sorted(path.name for path in tmp_path.glob("*"))
    assert len(kept) == precompiled.KEPT
    assert kept[-1] == f"{precompiled.KEPT + 4:03}.pack"


def test_days_keep_their_kind() -> None:
    assert codec.decode(codec.encode(date(2024, 2, 29)), CLASSES) == date(2024, 2, 29)
