"""Finding a local program that runs already, or starting it; then holding on to it.

Safe with any number of processes at once and after any of them was killed: every decision
hangs on locks that die with their holders, never on a file that says something is alive.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from crm_pipelines.local import locks
from crm_pipelines.local.errors import LocalProgramError, explain_os_error
from crm_pipelines.local.orders import Orders
from crm_pipelines.local.process import end_process, find_process
from crm_pipelines.local.program import LOG, STATE, Details, Program, read_record

GRACE_SECONDS = 5.0
LOG_LINES = 15
LOW_DISK_BYTES = 32_000_000


class Running:
    """A running program that stays up at least until this is closed or the process ends."""

    def __init__(self, folder: Path, program: Program, details: Details, lease: locks.Lock):
        self.details = details
        self.folder = folder
        self._program = program
        self._lease = lease

    @property
    def argv(self) -> tuple[str, ...]:
        """The command it was started with, maybe by another process with other options."""
        return tuple((read_record(self.folder / STATE) or {}).get("argv", ()))

    def close(self, *, stop: bool = False) -> None:
        """Need it no more; with `stop`, end it now if nobody else needs it, without grace."""
        self._lease.close()
        if stop:
            stop_unused(self.folder, self._program)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def ensure_running(
    home: Path, program: Program, *, grace_seconds: float = GRACE_SECONDS
) -> Running:
    """Return the program of this home, started if need be, ready to be used.

    `grace_seconds` is how long it stays up after its last user has gone; the first to start it
    decides. Raises LocalProgramError if it cannot be had, with the end of its log.
    """
    folder = home.absolute() / program.name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _start_lock(folder, program):
            details = _Search(folder, program, grace_seconds).run()
            return Running(folder, program, details, locks.share_lock(folder / locks.LEASE))
    except OSError as error:
        raise explain_os_error(error, f"start the local {program.name} in {folder}") from error


def stop_unused(folder: Path, program: Program) -> bool:
    """End the program now if nobody uses it; returns whether it is down."""
    with _start_lock(folder, program):
        if not locks.is_free(folder / locks.LEASE):
            return False
        if not _end(folder, program):
            return False
        keeper = locks.wait_lock(folder / locks.KEEPER, program.stop_seconds)
        if keeper is not None:
            keeper.close()
        return True


class _Search:
    """One attempt to get hold of a program, while the start lock is held."""

    def __init__(self, folder: Path, program: Program, grace_seconds: float) -> None:
        self.folder = folder
        self.program = program
        self.grace_seconds = grace_seconds
        self.deadline = time.monotonic() + program.start_seconds
        self.started = False

    def run(self) -> Details:
        while True:
            details = self._find()
            if details is not None:
                self._give_keeper(details)
                return details
            self._start()
            if time.monotonic() > self.deadline:
                self._give_up()
            time.sleep(locks.PAUSE_SECONDS)

    def _find(self) -> Details | None:
        if locks.is_free(self.folder / locks.PROGRAM):
            return None
        details = self.program.look(self.folder)
        return details if details is not None and self.program.answers(details) else None

    def _start(self) -> None:
        """Start the program, unless it is alive or its keeper is just about to start it."""
        keeper = locks.try_lock(self.folder / locks.KEEPER)
        if keeper is None:
            return
        with keeper:
            alive = locks.try_lock(self.folder / locks.PROGRAM)
            if alive is None:
                return
            with alive:
                if self.started:
                    raise _error(self.folder, self.program, "did not start")
                self.started = True
                self._spawn(keeper, alive, None)

    def _give_keeper(self, details: Details) -> None:
        keeper = locks.try_lock(self.folder / locks.KEEPER)
        if keeper is not None:
            with keeper:
                self._spawn(keeper, None, int(details["pid"]))

    def _give_up(self) -> None:
        """Something is alive that cannot be used: end it if it is lost, else leave it be."""
        if self.program.look(self.folder) is not None:
            raise _error(self.folder, self.program, "runs but does not answer")
        if not _end(self.folder, self.program):
            raise _error(self.folder, self.program, "runs, cannot be found, and does not end")
        self.deadline = time.monotonic() + self.program.start_seconds

    def _spawn(self, keeper: locks.Lock, alive: locks.Lock | None, adopted: int | None) -> None:
        orders = Orders(
            folder=str(self.folder),
            argv=list(self.program.argv),
            stop_signals=[int(number) for number in self.program.stop_signals],
            stop_seconds=self.program.stop_seconds,
            grace_seconds=self.grace_seconds,
            keeper_lock=keeper.descriptor,
            program_lock=None if alive is None else alive.descriptor,
            adopted=adopted,
        )
        command = [sys.executable, "-P", "-m", "crm_pipelines.local.keeper"]
        package_parent = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
        passed = [lock.descriptor for lock in (keeper, alive) if lock is not None]
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        output = os.open(self.folder / "keeper.log", flags, 0o600)
        try:
            # Returns as soon as the keeper has forked away from the process started here.
            subprocess.run(  # noqa: S603 - our own module
                [*command, json.dumps(asdict(orders))],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=passed,
                check=False,
            )
        finally:
            os.close(output)


def _start_lock(folder: Path, program: Program) -> locks.Lock:
    patience = program.start_seconds + program.stop_seconds * len(program.stop_signals)
    lock = locks.wait_lock(folder / locks.START, patience)
    if lock is None:
        raise _error(folder, program, "is being started or stopped by another process, endlessly")
    return lock


def _end(folder: Path, program: Program) -> bool:
    """End the program if anything of it is alive; returns whether it is gone."""
    record = program.look(folder) or read_record(folder / STATE)
    process = None if record is None else find_process(record["pid"])
    alive = folder / locks.PROGRAM
    if process is None or locks.is_free(alive):
        return locks.is_free(alive)
    return end_process(process, program.stop_signals, program.stop_seconds, alive)


def _error(folder: Path, program: Program, what: str) -> LocalProgramError:
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    parts = [f"The local {program.name} {what}."]
    if free < LOW_DISK_BYTES:
        parts.append(f"The disk of {folder} is full ({free:,} bytes left): free some space.")
    for name in (LOG, "keeper.log"):
        lines = _last_lines(folder / name)
        if lines:
            parts.append("\n".join([f"The end of {folder / name}:", *lines]))
    return LocalProgramError("\n".join(parts))


def _last_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8_000))
        return file.read().decode(errors="replace").splitlines()[-LOG_LINES:]
