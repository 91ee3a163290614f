"""Gateways to be killed: a program that forks one for each port it reads, in milliseconds.

Each is what ``crm-pipelines gateway`` serves; it answers with the process id of each.
"""

from __future__ import annotations

import os
import sys
import traceback

import uvicorn

from crm_pipelines.gateway.app import create_app
from crm_pipelines.gateway.heads import BoundedHeads
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.faults.push_worker import reap


def main() -> int:
    """Until standard input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                serve(int(line))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        reap()
    return 0


def serve(port: int) -> None:
    """Until it is told to end, or killed."""
    app = create_app(Wiring(os.environ))
    uvicorn.run(app, host="127.0.0.1", port=port, http=BoundedHeads, access_log=False)


if __name__ == "__main__":
    sys.exit(main())
