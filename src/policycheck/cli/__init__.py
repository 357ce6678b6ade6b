"""The command line: arguments, clock and exit codes. No logic."""

from __future__ import annotations

import gc
import signal
import sys

VERSION = "0.1.0"


def main(arguments: list[str] | None = None) -> None:
    """The entry of the installed command; never returns."""
    # A run builds large structures that stay until its end: looking through them for cycles finds none.
    gc.set_threshold(2_000_000, 20, 20)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        # A job that is cancelled ends as one that is interrupted: what was put on disk is taken away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            # Text is UTF-8 whatever the locale says, so that a report has the same bytes everywhere.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        from policycheck.cli.failing import guarded

        with guarded():
            from policycheck.cli.plain import plain_gate

            asked = plain_gate(given)
            if asked is not None:
                from policycheck.cli.gate import run_gate

                sys.exit(run_gate(*asked))
        from policycheck.cli.commands import cli

        cli.main(args=given, prog_name="policycheck")
    finally:
        # As it leaves, Python looks for cycles once more, but not in what is frozen. DuckDB's binding needs
        # that look.
        if "_duckdb" not in sys.modules:
            gc.freeze()
