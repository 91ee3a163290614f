"""The keeper: a small process beside a local program that stops it when nobody needs it.

There is one for each program and home, in a session of its own, so that the Ctrl-C that ends
a user of the program does not end the program for the others. It starts the program again if
it dies while in use. A keeper that is killed leaves its program running, and the next user
puts a new keeper beside it.
"""

import math
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from crm_pipelines.local import locks
from crm_pipelines.local.locks import Lock
from crm_pipelines.local.orders import Orders
from crm_pipelines.local.process import Process, end_process, find_process
from crm_pipelines.local.program import LOG, STATE, write_record

POLL_SECONDS = 0.2
LOG_BYTES = 10_000_000


def say(message: str) -> None:
    """Write a line to the keeper's log, which is its standard error."""
    # A full disk is no reason to leave the program alone.
    with suppress(OSError):
        sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z [{os.getpid()}] {message}\n")
        sys.stderr.flush()


class Keeper:
    """Keeps one program, as its parent or in place of a keeper that was killed."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.folder = Path(orders.folder)
        # Open from the start: they stay the locks of this program if the folder is deleted.
        self.start = Lock(self.folder / locks.START)
        self.lease = Lock(self.folder / locks.LEASE)
        self.child: subprocess.Popen[bytes] | None = None
        self.process: Process | None = None
        self.told_to_end = False
        signal.signal(signal.SIGTERM, self._on_term)

    def keep(self) -> None:
        """Stay until the program has been stopped or is not worth another start."""
        if self.orders.program_lock is None:
            self._adopt()
            began_at = -math.inf
        else:
            self._spawn(self.orders.program_lock)
            began_at = time.monotonic()
        while not self._watch():
            if time.monotonic() - began_at < self.orders.steady_seconds or self.lease.is_free():
                return
            say("still in use: starting it again")
            with Lock(self.folder / locks.PROGRAM) as lock:
                if not lock.take(self.orders.stop_seconds):
                    say("parts of it are still running: not started again")
                    return
                began_at = time.monotonic()
                self._spawn(lock.descriptor)

    def _spawn(self, program_lock: int) -> None:
        output = os.open(self.folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            self.child = subprocess.Popen(  # noqa: S603 - the command of our own caller
                self.orders.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(program_lock,),
            )
        finally:
            os.close(output)
        self.process = find_process(self.child.pid)
        if program_lock == self.orders.program_lock:
            os.close(program_lock)
        if self.process is not None:
            say(f"started process {self.process.pid}")
            self._record(self.process)

    def _record(self, process: Process) -> None:
        record = {"pid": process.pid, "began": process.began, "argv": self.orders.argv}
        try:
            write_record(self.folder / STATE, record)
        except OSError as error:
            # The program tells the same about itself once it is ready.
            say(f"cannot write {STATE}: {error}")

    def _adopt(self) -> None:
        assert self.orders.adopted is not None
        self.process = find_process(self.orders.adopted)
        say(f"looking after process {self.orders.adopted}")

    def _is_alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        return self.process is not None and self.process.is_same()

    def _watch(self) -> bool:
        """Wait until the program was stopped for want of users (True) or ended by itself."""
        unused_since: float | None = None
        while self._is_alive():
            now = time.monotonic()
            if not self.lease.is_free():
                unused_since = None
            elif unused_since is None:
                unused_since = now
            elif now - unused_since >= self.orders.grace_seconds and self._stop_unused():
                return True
            if self.told_to_end:
                self._stop()
                return True
            self._rotate_log()
            time.sleep(min(POLL_SECONDS, max(self.orders.grace_seconds / 4, 0.01)))
        say("the program has ended by itself")
        return False

    def _stop_unused(self) -> bool:
        """Stop the program unless somebody has come to use it, or is just coming."""
        if not self.start.take():
            return False
        # Held until this process ends: whoever comes now waits, then starts anew.
        if self.lease.is_free():
            say("nobody needs it any more")
            self._stop()
            return True
        self.start.release()
        return False

    def _stop(self) -> None:
        assert self.process is not None
        signals, seconds = self.orders.stop_signals, self.orders.stop_seconds
        ended = end_process(self.process, signals, seconds)
        say("stopped" if ended else f"process {self.process.pid} does not end")
        if ended and self.child is not None:
            self.child.wait()

    def _rotate_log(self) -> None:
        """Move a long log aside; the program goes on writing to the same file, now empty."""
        log = self.folder / LOG
        try:
            if log.stat().st_size > LOG_BYTES:
                log.with_suffix(".log.1").write_bytes(log.read_bytes())
                os.truncate(log, 0)
        except FileNotFoundError:
            return
        except OSError as error:
            say(f"cannot shorten {log}: {error}")

    def _on_term(self, *_: object) -> None:
        self.told_to_end = True


def main() -> None:
    """Leave the starter's session, then keep the program."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    # A shell's background job ignores these, and the program would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    Keeper(Orders.from_json(sys.argv[1])).keep()


if __name__ == "__main__":
    main()
