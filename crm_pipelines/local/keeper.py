"""The keeper: a small process beside a local program that stops it when nobody needs it.

Started by `running.py`, one for each program and home, in a session of its own, so that the
Ctrl-C that ends a user of the program does not end the program for the others. It starts the
program again if it dies while it is in use. A keeper that is killed leaves its program
running; the next user puts a new keeper beside it.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm_pipelines.local import locks
from crm_pipelines.local.orders import Orders
from crm_pipelines.local.process import Process, end_process, find_process
from crm_pipelines.local.program import LOG, STATE, write_record

POLL_SECONDS = 0.2
LOG_BYTES = 10_000_000
STEADY_SECONDS = 5.0
"""A program that dies sooner than this after its start is not started again."""


class Kept:
    """The program as its keeper sees it: a child, or adopted from a keeper that was killed."""

    def __init__(self, orders: Orders, process: Process, child: subprocess.Popen[bytes] | None):
        self.process = process
        self._child = child
        self._alive = orders.path(locks.PROGRAM)

    def is_alive(self) -> bool:
        """Whether the program runs; a child's end is taken note of, so it leaves no zombie."""
        if self._child is not None:
            return self._child.poll() is None
        return self.process.is_same() and not locks.is_free(self._alive)

    def stop(self, orders: Orders) -> None:
        """End the program in its own clean way, by force if that takes too long."""
        ended = end_process(self.process, orders.stop_signals, orders.stop_seconds, self._alive)
        log("stopped" if ended else f"process {self.process.pid} does not end")
        if self._child is not None and ended:
            self._child.wait()


def log(message: str) -> None:
    """Write a line to the keeper's log, which is its standard error."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z [{os.getpid()}] {message}\n")
    sys.stderr.flush()


def start_program(orders: Orders, program_lock: int) -> Kept | None:
    """Start the program, hand it its lock, and note who it is in `state.json`."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    output = os.open(orders.path(LOG), flags, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - the command of our own caller
            orders.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(program_lock,),
        )
    finally:
        os.close(output)
        os.close(program_lock)
    process = find_process(child.pid)
    if process is None:
        log(f"process {child.pid} ended at once with code {child.wait()}")
        return None
    kept = Kept(orders, process, child)
    record = {"pid": process.pid, "began": process.began, "argv": orders.argv}
    try:
        write_record(orders.path(STATE), record)
    except OSError:
        kept.stop(orders)
        raise
    log(f"started process {process.pid}")
    return kept


def adopt_program(orders: Orders, pid: int) -> Kept | None:
    """Look after a program that another keeper started."""
    process = find_process(pid)
    if process is None:
        return None
    log(f"looking after process {pid}")
    return Kept(orders, process, None)


def watch(orders: Orders, kept: Kept) -> bool:
    """Wait until the program dies by itself (False) or was stopped for want of users (True)."""
    unused_since: float | None = None
    while kept.is_alive():
        if not locks.is_free(orders.path(locks.LEASE)):
            unused_since = None
        elif unused_since is None:
            unused_since = time.monotonic()
        elif time.monotonic() - unused_since >= orders.grace_seconds and stop_unused(orders, kept):
            return True
        rotate_log(orders.path(LOG))
        time.sleep(min(POLL_SECONDS, max(orders.grace_seconds / 4, 0.01)))
    log(f"process {kept.process.pid} ended")
    return False


def stop_unused(orders: Orders, kept: Kept) -> bool:
    """Stop the program unless somebody has come to use it, or is just coming."""
    start = locks.try_lock(orders.path(locks.START))
    if start is None:
        return False
    with start:
        if not locks.is_free(orders.path(locks.LEASE)):
            return False
        log("nobody needs it any more")
        kept.stop(orders)
        return True


def rotate_log(path: Path) -> None:
    """Move a long log aside; the program keeps writing to the same file, now empty."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.with_suffix(".log.1").write_bytes(path.read_bytes())
        os.truncate(path, 0)


def keep(orders: Orders) -> None:
    """Run the program for as long as somebody needs it."""
    program_lock = orders.program_lock
    while True:
        began_at = time.monotonic()
        if program_lock is None:
            assert orders.adopted is not None
            kept = adopt_program(orders, orders.adopted)
        else:
            kept = start_program(orders, program_lock)
        if kept is None:
            return
        if watch(orders, kept):
            return
        if locks.is_free(orders.path(locks.LEASE)):
            return
        if time.monotonic() - began_at < STEADY_SECONDS and kept is not None:
            log("it ended too soon to be started again")
            return
        lock = locks.wait_lock(orders.path(locks.PROGRAM), orders.stop_seconds)
        if lock is None:
            log("parts of it are still running: not started again")
            return
        log("still in use: starting it again")
        program_lock = lock.descriptor


def main() -> None:
    """Leave the starter's process tree and session, then keep the program."""
    fields: dict[str, Any] = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    os.setsid()
    keep(Orders(**fields))


if __name__ == "__main__":
    main()
