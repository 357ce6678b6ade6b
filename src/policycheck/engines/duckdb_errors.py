"""What DuckDB raises, in the terms of this package.

Goes in: an error of DuckDB, or an interruption that it noticed. Comes out: an EngineError with its words, or
the KeyboardInterrupt that it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from policycheck.engines import failed

OUT_OF_MEMORY = "out of memory; `--memory` gives the engine more"
"""What is said where DuckDB gives up, on some joins and groups instead of using the disk."""


@contextmanager
def in_our_terms() -> Iterator[None]:
    """What DuckDB raises as an EngineError; where somebody interrupts it, the run is interrupted."""
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except duckdb.OutOfMemoryException as error:
        raise failed(OUT_OF_MEMORY) from error
    except duckdb.Error as error:
        raise failed(first_line(error)) from error
    except RuntimeError as error:
        # INVARIANT: an interruption is no answer of the engine, and no defect.
        if "interrupted" in str(error):
            raise KeyboardInterrupt from None
        raise


def first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
