"""Appliers to be killed: a process is forked for each line that is read, and works on the inbox."""

from __future__ import annotations

import os
import sys
import time

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.faults.push_worker import main


def apply(most: int) -> int:
    """Batches of so many deliveries, until killed."""
    wiring = Wiring(os.environ)
    try:
        while True:
            wiring.inbox("default").work(most=most)
            time.sleep(0.02)
    except SystemTrouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1
    finally:
        wiring.close()


if __name__ == "__main__":
    sys.exit(main(apply))
