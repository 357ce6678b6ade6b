"""A real standalone Spark cluster on this machine's loopback: a master and some workers as processes.

Each worker starts executors as processes of its own, so that a test can take one away as a power cut would.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
START_SECONDS = 90
EXECUTOR = {"spark.executor.memory": "512m", "spark.driver.memory": "800m", "spark.executor.cores": "1"}


def missing() -> str:
    """Why there can be no cluster here; empty where there can."""
    try:
        import pyspark  # noqa: F401
        import sqlglot  # noqa: F401
    except ImportError as error:
        return str(error)
    return "" if shutil.which("java") else "there is no java"


class StandaloneCluster:
    """A master and its workers. `stop` ends them, and every executor that they started."""

    def __init__(self, workers: int = 2) -> None:
        import pyspark

        self._home = Path(pyspark.__file__).parent
        self._folder = Path(tempfile.mkdtemp(prefix="policycheck-cluster-"))
        self.workers: list[subprocess.Popen[bytes]] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        try:
            self._master_log = self._folder / "master.log"
            self.processes.append(self._start(self._master_log, MASTER, "--port", "0", "--webui-port", "0"))
            self.url = self._wait(r"Starting Spark master at (spark://\S+)", 1)[0]
            for i in range(workers):
                log = self._folder / f"worker-{i}.log"
                options = (
                    "--port",
                    "0",
                    "--webui-port",
                    "0",
                    "-c",
                    "1",
                    "-m",
                    "1g",
                    "-d",
                    str(self._folder / str(i)),
                )
                self.workers.append(self._start(log, WORKER, *options, self.url))
            self.processes += self.workers
            self._wait(r"Registering worker \S+", workers)
        except BaseException:
            self.stop()
            raise

    def _start(self, log: Path, name: str, *options: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "128m",
            "SPARK_DAEMON_JAVA_OPTS": "-Dspark.master.rest.enabled=false -XX:TieredStopAtLevel=1",
        }
        command = [str(self._home / "bin" / "spark-class"), name, "--host", "127.0.0.1", *options]
        with log.open("wb") as out:
            return subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)

    def _wait(self, pattern: str, times: int) -> list[str]:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            found = re.findall(pattern, self._master_log.read_text(errors="replace"))
            if len(found) >= times:
                return found
            if self.processes and self.processes[0].poll() is not None:
                break
            time.sleep(0.2)
        raise RuntimeError(f"no cluster: {self._master_log.read_text(errors='replace')[-2000:]}")

    def wait_for_executors(self, total: int) -> None:
        """Until an application has been given so many executors."""
        self._wait(r"Launching executor \S+", total)

    def kill(self, worker: int) -> None:
        """Takes a worker away with its executors, as a power cut would."""
        kill_family(self.workers[worker])

    def stop(self) -> None:
        for process in reversed(self.processes):
            kill_family(process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> StandaloneCluster:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and all that it started, and waits until they are gone."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        family = []
    for each in family:
        try:
            os.kill(each.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
