"""What the documents mention exists: paths, links, make targets; and nothing in them names an index host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
LOCKS = ["requirements.txt", "requirements-dev.txt"]
TOP = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"reports"}


def _prose(page: Path) -> str:
    """A page without its fenced blocks: those hold examples, whose paths are the reader's."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.S | re.M)


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", _prose(page)) if "://" not in t]
    assert [t for t in targets if t and not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_paths_of_the_repository_exist(page: Path) -> None:
    """A word in backticks that begins with a folder of the repository is a path in it."""
    words = re.findall(r"`([\w./-]+)`", _prose(page))
    paths = [word for word in words if "/" in word and word.split("/")[0] in TOP]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z]+)`", page.read_text("utf-8"))) <= targets


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_pins_every_package(lock: str) -> None:
    """It installs from any index, and only what was reviewed."""
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]
    assert packages
    assert [p.splitlines()[0] for p in packages if "--hash=sha256:" not in p or "==" not in p] == []


def test_the_locks_agree_and_cover_what_the_project_asks_for() -> None:
    pins = [
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text("utf-8"), re.M)) for lock in LOCKS
    ]
    assert pins[0].items() <= pins[1].items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    for asked, pinned in (
        (project["dependencies"], pins[0]),
        ([*extras["dev"], *extras["tls"]], pins[1]),
    ):
        names = {re.split(r"[^\w.-]", name)[0].lower() for name in asked}
        assert names <= pinned.keys()


def test_decisions_are_numbered_without_a_gap_and_have_one_form() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        heads = re.findall(r"^## (.*)$", page.read_text("utf-8"), re.M)
        assert heads == ["Context", "Decision", "Consequences"], page.name


def test_the_map_of_the_code_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    package = ROOT / "src" / "policycheck"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    folders = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    assert {name for name in modules if f"`{name}`" not in text} == set()
    assert {name for name in folders if f"`{name}/`" not in text} == set()
