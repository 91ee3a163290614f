"""Somebody who does what changes of stage have set off, to be killed; forked for each line read."""

from __future__ import annotations

import os
import sys
import time
import traceback

from crm_pipelines.store.history import database_time
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.faults.push_worker import reap

SECONDS = 60.0


def main() -> int:
    """Until standard input ends."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = work()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        reap()
    return 0


def work() -> int:
    """Says that it is ready, by its process id; then turn by turn, until killed."""
    until = time.monotonic() + SECONDS
    wiring = Wiring(os.environ)
    stages = wiring.stages("default")
    database_time(wiring.database)
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    while time.monotonic() < until:
        if not stages.run_waiting(run="worker"):
            time.sleep(0.02)
    wiring.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
