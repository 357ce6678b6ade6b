"""Starts one command, waits for it, prints what it took as JSON. Arguments: output file, patience in
seconds, command.

A process of its own, and a small one: the peak memory that the system tells of a child begins with what
its parent held when it was started. `ru_maxrss` is in KiB on Linux; the times include processes that the
child has waited for.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time


def main() -> None:
    """Runs the command. Its complaints go to the output file with `.errors` at the end."""
    log, patience, *command = sys.argv[1:]
    late = threading.Event()
    with open(log, "wb") as output, open(log + ".errors", "wb") as complaints:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=complaints, start_new_session=True)

        def stop() -> None:
            late.set()
            os.killpg(child.pid, signal.SIGKILL)

        timer = threading.Timer(float(patience), stop)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    told = {
        "seconds": round(seconds, 4),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 4),
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
        "exit_code": child.returncode,
    }
    print(json.dumps(told | {"late": late.is_set()}))


if __name__ == "__main__":
    main()
