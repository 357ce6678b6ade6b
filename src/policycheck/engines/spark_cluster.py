"""A connection to a Spark cluster: opened in a bounded time or not at all, watched while it is used.

Goes in: the address of a master. Comes out: tables of answers, or EngineError where these rows have no
answer, or EngineLostError where the cluster is gone. Nothing here knows what is asked.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from policycheck.engines import failed
from policycheck.errors import EngineLostError, Fault, InputError
from policycheck.source import Place

CONNECT_SECONDS = 5.0
WORKER_SECONDS = 60.0
"""How long to wait for a first worker."""
LOST_SECONDS = 45.0
"""How long to wait for another worker where all are lost."""

_MASTER = re.compile(
    r"local\[(?:[1-9][0-9]?|\*)\]|spark://[A-Za-z0-9.-]+:[0-9]{1,5}(?:,[A-Za-z0-9.-]+:[0-9]{1,5})*"
)
_SETTINGS = {
    # What a query means. The driver reads no configuration beside this: see `_without_configuration`.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.ansi.enforceReservedKeywords": "false",
    "spark.sql.ansi.relationPrecedence": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.crossJoin.enabled": "true",
    "spark.sql.groupByOrdinal": "false",
    "spark.sql.legacy.sizeOfNull": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.variable.substitute": "false",
    # A Parquet footer may lie about minima, maxima and counts, and these would believe it.
    "spark.sql.parquet.filterPushdown": "false",
    "spark.sql.parquet.aggregatePushdown": "false",
    "spark.sql.statistics.fallBackToHdfs": "false",
    # A file that is gone or damaged is no file without rows.
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.optimizer.excludedRules": "",
    "spark.speculation": "false",
    # How it runs.
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Nobody looks at what has been: to write down a plan takes longer than to carry it out.
    "spark.ui.retainedJobs": "1",
    "spark.ui.retainedStages": "1",
    "spark.ui.retainedTasks": "1",
    "spark.sql.ui.retainedExecutions": "1",
    "spark.sql.maxPlanStringLength": "100",
    "spark.sql.debug.maxToStringFields": "2",
    "spark.sql.maxMetadataStringLength": "20",
    "spark.sql.files.maxPartitionBytes": "32m",
    "spark.sql.execution.arrow.localRelationThreshold": "256m",
    "spark.driver.maxResultSize": "0",
    "spark.task.maxFailures": "4",
    "spark.network.timeout": "60s",
    "spark.executor.heartbeatInterval": "5s",
    "spark.log.level": "ERROR",
}
_SMALL = {
    # Few rows stay in one part, so that a question is one task: nothing is sent about between steps.
    "spark.sql.leafNodeDefaultParallelism": "1",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    # To compile a query of a thousand rows takes longer than to walk it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
_LARGE = {
    "spark.sql.leafNodeDefaultParallelism": "2",
    "spark.sql.autoBroadcastJoinThreshold": "10m",
    "spark.sql.shuffle.partitions": "16",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
}


def require_spark() -> None:
    """Raises InputError PC620 where the extra or Java is missing."""
    try:
        import pyarrow
        import pyspark
        import sqlglot
    except ImportError as error:
        words = f"the Spark engine is not installed: {error}"
        hint = "install policycheck with its extra: pip install 'policycheck[spark]'"
        raise InputError([Fault("PC620", words, Place("--engine"), hint)]) from error
    del pyarrow, pyspark, sqlglot
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        hint = "install a Java runtime (on Debian: default-jre-headless)"
        raise InputError([Fault("PC620", "there is no Java to run Spark with", Place("--engine"), hint)])


def check_master(master: str) -> None:
    """Raises InputError for an address that is none, or where nobody listens."""
    if master.startswith("sc://"):
        raise _wrong(
            f"`{master}` is Spark Connect, which is not offered", "name the master itself: spark://HOST:PORT"
        )
    if not _MASTER.fullmatch(master):
        raise _wrong(
            f"`{master}` is no master", "write spark://HOST:PORT, or local[2] for this machine alone"
        )
    if master.startswith("local"):
        return
    words = ""
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            words = str(error)
        else:
            return
    raise _wrong(f"nobody answers at `{master}`: {words}", "start the master, or name another address")


def _wrong(message: str, hint: str) -> InputError:
    return InputError([Fault("PC621", message, Place("--master"), hint)])


class Cluster:
    """One application on a cluster. Raises InputError PC620 to PC622 where it cannot begin."""

    def __init__(self, master: str, *, small: bool = False, settings: dict[str, str] | None = None) -> None:
        """`small`: what comes is a matter of seconds, for which the driver had better not prepare long."""
        require_spark()
        import pyspark
        from pyspark.sql import SparkSession

        check_master(master)
        for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger", "py4j"):
            logging.getLogger(name).disabled = True
        self._folder = Path(tempfile.mkdtemp(prefix="policycheck-spark-"))
        self._is_local = master.startswith("local")
        self._lost = ""
        self._asked = 0
        self._closed = threading.Event()
        self._gateway: Any = None
        conf = pyspark.SparkConf(loadDefaults=False).setMaster(master).setAppName("policycheck")
        if small:
            conf.set("spark.buffer.pageSize", "256k")
            for process in ("driver", "executor"):
                conf.set(f"spark.{process}.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        for name, value in {**_SETTINGS, **_LARGE, **self._own_settings(master), **(settings or {})}.items():
            conf.set(name, value)
        try:
            context = self._start(conf)
            self.spark = SparkSession(context)
            self._context = context
            self._wait_for_worker()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._watch, daemon=True).start()
        gc.freeze()  # what is there stays there, and need not be looked through again and again

    def _own_settings(self, master: str) -> dict[str, str]:
        settings = {
            "spark.sql.warehouse.dir": str(self._folder / "warehouse"),
            "spark.local.dir": str(self._folder),
        }
        if self._is_local or "//127." in master or "//localhost:" in master:
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        return settings

    def _start(self, conf: Any) -> Any:
        """A driver whose words go to a file: standard error is for the words of the run."""
        from pyspark import SparkContext
        from pyspark.java_gateway import launch_gateway

        configured = self._folder / "conf"
        configured.mkdir()
        with (self._folder / "driver.log").open("w") as log, _without_configuration(configured):
            try:
                self._gateway = launch_gateway(conf, {"stdout": log, "stderr": log})
                return SparkContext(conf=conf, gateway=self._gateway)
            except Exception as error:
                words = f"Spark does not start: {_first_line(error)}"
                hint = "look at the master's own log"
                raise InputError([Fault("PC622", words, Place("--master"), hint)]) from error

    def close(self) -> None:
        """Ends the application and its driver. Idempotent."""
        self._closed.set()
        gc.unfreeze()
        context, self._context = getattr(self, "_context", None), None
        if context is not None:
            stopper = threading.Thread(target=_quietly, args=(context.stop,), daemon=True)
            stopper.start()
            stopper.join(20)
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            _forget(gateway)
            _quietly(gateway.shutdown)
            process = gateway.proc
            process.stdin.close()
            try:
                process.wait(10)
            except Exception:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- watching ---

    def workers(self) -> int:
        """How many executors there are, the driver left out."""
        if self._is_local:
            return 1
        return int(self._context._jsc.sc().getExecutorMemoryStatus().size()) - 1

    def _wait_for_worker(self) -> None:
        end = time.monotonic() + WORKER_SECONDS
        while self.workers() < 1:
            if time.monotonic() > end:
                words = f"no worker of the cluster is free within {WORKER_SECONDS:.0f} seconds"
                hint = "start a worker, or wait until one is free"
                raise InputError([Fault("PC622", words, Place("--master"), hint)])
            time.sleep(0.1)

    def _watch(self) -> None:
        """Ends all work where no worker is left: Spark itself would wait for one for ever."""
        seen = time.monotonic()
        while not self._closed.wait(1):
            try:
                if self._context._jsc.sc().isStopped():
                    self._lost = "the master ended the application"
                    return
                if self.workers() > 0:
                    seen = time.monotonic()
                elif time.monotonic() - seen > LOST_SECONDS:
                    self._lost = "all workers are lost"
                    self._context.cancelAllJobs()
                    return
            except Exception as error:
                if not self._closed.is_set():
                    self._lost = f"the driver is gone: {_first_line(error)}"
                return

    # --- asking ---

    def tune(self, *, large: bool) -> None:
        """Settings of speed for what comes."""
        for name, value in (_LARGE if large else _SMALL).items():
            self.spark.conf.set(name, value)

    def query(self, text: str) -> Any:
        """The plan of a query, as a DataFrame; nothing has run yet."""
        return self._guarded(lambda: self.spark.sql(text))

    def rows(self, frame: Any) -> Any:
        """All rows as an Arrow table."""
        self._asked += 1
        if self._asked % 20 == 0:
            gc.collect()  # Python's handles of plans, which hold the plans themselves in the driver
        return self._guarded(lambda: _with_ends_that_may_be_null(frame).toArrow())

    def write(self, frame: Any, folder: Path) -> int:
        """The rows as Parquet in a new folder that the cluster sees; how many the workers have written."""
        from pyspark.sql import Observation
        from pyspark.sql.functions import count, lit

        seen = Observation()

        def written() -> int:
            observed = frame.observe(seen, count(lit(1)).alias("rows"))
            observed.write.mode("errorifexists").parquet(folder.as_uri())
            return int(seen.get["rows"])

        return int(self._guarded(written))

    def expect(self, relation: str, rows: int) -> None:
        """Raises EngineLostError where a stored relation does not hold so many rows, as every worker sees it.

        INVARIANT: a row that storage has lost is not taken for one that was never there.
        """
        found = self.rows(self.query(f"SELECT count(*) FROM `{relation}`"))[0][0].as_py()
        if found != rows:
            raise self._gone(
                f"{found} of {rows} rows of `{relation}` come back from the staging folder, which every "
                "worker has to see"
            )

    def stored(self, folder: Path, schema: Any = None) -> Any:
        """Parquet in a folder that the cluster sees, as a DataFrame."""

        def frame() -> Any:
            reader = self.spark.read if schema is None else self.spark.read.schema(schema)
            return reader.parquet(folder.as_uri())

        return self._guarded(frame)

    def table(self, rows: Any) -> Any:
        """An Arrow table as a DataFrame."""
        return self._guarded(lambda: self.spark.createDataFrame(rows))

    def _guarded(self, work: Any) -> Any:
        if self._lost:
            raise self._gone(self._lost)
        try:
            return work()
        except Exception as error:
            if self._lost:
                raise self._gone(self._lost) from error
            state = _state_of(error)
            # 22: a value of these rows has no answer; 21: too many rows for one.
            if state[:2] in ("22", "21"):
                raise failed(_first_line(error)) from error
            raise self._gone(_first_line(error)) from error

    def _gone(self, words: str) -> EngineLostError:
        fault = Fault("PC623", f"Spark failed: {words}", Place("engine"), "look at the cluster and run again")
        return EngineLostError([fault])


@contextmanager
def _without_configuration(empty: Path) -> Iterator[None]:
    """No file or variable of this machine's changes what a query means, while the driver starts."""
    names = ("SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["SPARK_CONF_DIR"] = str(empty)
    try:
        yield
    finally:
        os.environ.pop("SPARK_CONF_DIR", None)
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _state_of(error: BaseException) -> str:
    """The SQLSTATE of what Spark raised; empty where it has none."""
    try:
        state = error.getSqlState()  # type: ignore[attr-defined]
    except Exception:
        state = None
    if not state:
        found = re.search(r"SQLSTATE: ([0-9A-Z]{5})", str(error))
        state = found.group(1) if found else ""
    return str(state)


def _with_ends_that_may_be_null(frame: Any) -> Any:
    """The frame with intervals whose type does not say that their ends are there: where an interval is NULL,
    Arrow finds none, and then does not take the type."""
    from pyspark.sql.functions import col
    from pyspark.sql.types import StructField, StructType

    columns, found = [], False
    for field in frame.schema:
        column = col(f"`{field.name.replace('`', '``')}`")
        if isinstance(field.dataType, StructType):
            ends = [StructField(end.name, end.dataType, True) for end in field.dataType]
            column, found = column.cast(StructType(ends)).alias(field.name), True
        columns.append(column)
    return frame.select(*columns) if found else frame


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[
        :300
    ]


def _quietly(work: Any) -> None:
    try:
        work()
    except Exception:
        logging.getLogger(__name__).debug("while closing", exc_info=True)


def _forget(gateway: Any) -> None:
    """Frees PySpark's one place for a driver, so that another can be started in this process."""
    from pyspark import SparkContext

    if SparkContext._gateway is gateway:
        SparkContext._gateway = None
        SparkContext._jvm = None
