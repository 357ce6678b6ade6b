"""The options that most commands share: pack, evidence, profile, instant, engine.

Goes in: arguments of the command line. Comes out: `Inputs`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from policycheck.cli.run import EVIDENCE, Engine, Inputs, shipped_pack

LEAST_MEMORY_MB = 200  # the shipped pack compiles within it
_FOLDER = click.Path(path_type=Path)


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options behind `Inputs`, which the command gets as its argument `inputs`."""

    @functools.wraps(command)
    def with_inputs(
        *args: Any, pack_folder: Path | None, evidence_folder: Path, profile: str | None, as_of: str | None,
        engine: str, memory_mb: int | None, master: str | None, staging: Path | None, no_cache: bool,
        quiet: bool, **rest: Any,
    ) -> Any:  # fmt: skip
        now = datetime.now(UTC).replace(microsecond=0)
        inputs = Inputs(
            pack_folder or shipped_pack(), evidence_folder, profile, as_of, now, quiet,
            Engine(engine), keep=not no_cache, master=master, staging=staging, memory_mb=memory_mb,
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
                     help="What answers: Python for small evidence, DuckDB for large, Spark where it is "
                     "asked for.  [default: by size]"),
        click.option("--memory", "memory_mb", type=click.IntRange(min=LEAST_MEMORY_MB), metavar="MB",
                     help="What DuckDB may take before it spills to disk, in megabytes.  [default: by size]"),
        click.option("--master", metavar="URL",
                     help="The Spark cluster of --engine spark: spark://HOST:PORT, or local[2]."),
        click.option("--staging", type=_FOLDER, metavar="DIR",
                     help="An existing folder that the Spark cluster sees.  [default: a temporary one]"),
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


def document_option(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds --document."""
    return click.option("--document", type=click.Path(path_type=Path), metavar="FILE", help=help)
