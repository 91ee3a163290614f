"""Local programs as their users hold them: found or started, kept up, let go.

Safe with any number of processes at once and after any of them was killed: every decision
hangs on locks that die with their holders, never on a file that says something is alive.
"""

import os
from pathlib import Path
from typing import Self

from crm_pipelines.local import locks
from crm_pipelines.local.errors import program_error, system_error
from crm_pipelines.local.locks import Lock
from crm_pipelines.local.program import STATE, Details, Program, read_record
from crm_pipelines.local.search import Search, end_program

GRACE_SECONDS = 5.0


class Running:
    """A running program that stays up at least until this is closed or the process ends."""

    def __init__(self, folder: Path, program: Program, details: Details, lease: Lock) -> None:
        self.details = details
        self._folder = folder
        self._program = program
        self._lease = lease

    @property
    def argv(self) -> tuple[str, ...]:
        """The command it was started with, maybe by another process with other options."""
        return tuple((read_record(self._folder / STATE) or {}).get("argv", ()))

    def close(self, *, stop: bool = False) -> None:
        """Need it no more; with `stop`, end it now unless somebody else needs it."""
        self._lease.close()
        if stop:
            stop_unused(self._folder, self._program)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
        # Root's programs may run as another user, who has to pass through, but sees no names.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        with _start_lock(folder, program):
            lease = Lock(folder / locks.LEASE)
            try:
                # Already now: a keeper may start again what dies just when it was found.
                lease.share()
                details = Search(folder, program, grace_seconds).run()
            except BaseException:
                lease.close()
                raise
            return Running(folder, program, details, lease)
    except OSError as error:
        raise system_error(error, f"start the local {program.name} in {folder}") from error


def stop_unused(folder: Path, program: Program) -> None:
    """End the program now, unless somebody uses it; its keeper is gone afterwards as well."""
    if not folder.exists():
        return  # Deleted while in use; the keeper sees to the rest.
    try:
        with (
            _start_lock(folder, program),
            Lock(folder / locks.LEASE) as lease,
            Lock(folder / locks.KEEPER) as keeper,
        ):
            if not lease.is_free():
                return
            if not end_program(folder, program):
                raise program_error(folder, "does not end")
            keeper.is_free(program.stop_seconds)
    except OSError as error:
        raise system_error(error, f"stop the local {program.name} in {folder}") from error


def _start_lock(folder: Path, program: Program) -> Lock:
    lock = Lock(folder / locks.START)
    patience = program.start_seconds + program.stop_seconds * len(program.stop_signals)
    try:
        taken = lock.take(patience)
    except BaseException:
        lock.close()
        raise
    if not taken:
        lock.close()
        raise program_error(folder, "is being started or stopped by another process, endlessly")
    return lock
