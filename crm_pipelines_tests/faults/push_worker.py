"""Workers to be killed: a program that forks a delivering process for each line it reads.

Forking what is imported already makes a worker in milliseconds. Each answers with its process id
and works until nothing is due, or until it is killed.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.wiring import Wiring

ROUNDS = 1_000


def main(work: Callable[[int], int]) -> int:
    """Until standard input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = work(int(line))
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        reap()
    return 0


def deliver(most: int) -> int:
    """Deliver in rounds of so many commands until there are none."""
    wiring = Wiring(os.environ)
    push = wiring.push("default")
    try:
        for _ in range(ROUNDS):
            try:
                if not push.work(most=most, failed_too=True):
                    time.sleep(0.05)
            except SystemTrouble as trouble:
                sys.stderr.write(f"{trouble}\n")
                return 1
    finally:
        push.close()
        wiring.close()
    return 0


def reap() -> None:
    """Let those go that have ended."""
    while True:
        try:
            child, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return


if __name__ == "__main__":
    sys.exit(main(deliver))
