"""How a run ends that comes to no verdict: words for each way, and one exit code.

Goes in: whatever a command raises. Comes out: words on standard error, exit code 2, never a traceback that
nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from policycheck.cli.screen import INTERNAL, discard_stdout, say, say_faults
from policycheck.errors import PolicycheckError


@contextmanager
def guarded(debug: bool = False, passing: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
    """Turns every way a run can end badly into words and exit code 2; INVARIANT: a crash is not a pass.

    Raises SystemExit with that code, and whatever is `passing`, which is no bad end. `debug` shows where in
    the code a defect arose.
    """
    try:
        yield
    except passing:
        raise
    except PolicycheckError as error:
        say_faults(error.faults)
    except KeyboardInterrupt:
        say("interrupted: there is no verdict")
    except BrokenPipeError:
        # The reader of the report went away, so nobody has seen the verdict.
        discard_stdout()
        say("error[PC603]: standard output was closed before the report was written")
    except Exception as error:
        _say_defect(error, debug)
    else:
        return
    raise SystemExit(INTERNAL)


def _say_defect(error: Exception, debug: bool) -> None:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}error[PC604]: {error.strerror}")
        say("  help: check the path, its permissions and the free space")
    elif isinstance(error, MemoryError):
        say("error[PC604]: the memory is not enough\n  help: give the run more memory, or use --only")
    else:
        say(f"error[PC901]: this is a defect of policycheck: {type(error).__name__}: {error}")
        say("  help: run `policycheck --debug ...` for the place in the code and report it; "
            "there is no verdict")  # fmt: skip
    if debug:
        import traceback

        say(traceback.format_exc())
