"""The commands, and how click reads the command line.

Each command stands in a module of its own, which is imported when the command is asked for: the time until
`policycheck --help` answers is that of importing click.
"""

from __future__ import annotations

import importlib
from typing import Any

import click
from msgspec import Struct

from policycheck.cli import VERSION
from policycheck.cli.failing import guarded
from policycheck.cli.screen import INTERNAL


class Entry(Struct, frozen=True):
    """Where a command stands, and its line in the list of commands."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "check": Entry("policycheck.cli.check", "check", "Judge every control and open or close the gate."),
    "explain": Entry("policycheck.cli.explain", "explain", "Show how one verdict came about."),
    "trace": Entry("policycheck.cli.trace", "trace", "Lay the policy document beside its controls."),
    "lint": Entry("policycheck.cli.lint", "lint", "Show every fault of a pack and its evidence."),
    "test": Entry("policycheck.cli.test_command", "test", "Run the examples of a pack."),
    "collect": Entry("policycheck.cli.collect", "collect", "Turn the output of other tools into evidence."),
    "evidence": Entry("policycheck.cli.evidence_commands", "evidence", "Look at the sources of evidence."),
    "exceptions": Entry("policycheck.cli.exceptions_command", "exceptions", "Look at the exceptions."),
    "interpretations": Entry(
        "policycheck.cli.interpretations_command", "interpretations", "Show how the document is read."
    ),
    "docs": Entry("policycheck.cli.docs_command", "docs", "Write the reference of a pack."),
    "init": Entry("policycheck.cli.init_command", "init", "Begin a pack and an evidence folder."),
}


class Commands(click.Group):
    """The commands of `COMMANDS`, imported on use. Every way out of a command passes `guarded`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry.module), entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from policycheck.errors import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command `{args[0]}`; {nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        with guarded(ctx.params.get("debug", False), (click.UsageError, click.exceptions.Exit)):
            try:
                return super().invoke(ctx)
            except click.Abort:
                raise KeyboardInterrupt from None
            except click.UsageError:
                raise
            except click.ClickException as error:
                error.show()  # click's own exit code would be 1, which here means that something failed
                ctx.exit(INTERNAL)


EXIT_CODES = """\b
Exit codes of `check`:
  0  the gate is open
  1  at least one control fails
  3  none fails, but at least one is unknown
  2  there is no verdict: wrong usage, a faulty pack, an internal error, an interruption
"""


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(VERSION, prog_name="policycheck")
@click.option("--debug", is_flag=True, help="Show where in the code a defect arose.")
def cli(debug: bool) -> None:
    """Judge evidence against a written policy and report the gaps.

    \b
    policycheck check                        the shipped policy over ./evidence
    policycheck explain DP-3.7               how a verdict came about
    policycheck init my-policy               begin a pack of your own

    No command reads configuration from the working folder or the environment: what is not an option
    has no effect.
    """
