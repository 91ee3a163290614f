"""Getting hold of a program while the start lock is held: found alive, or started."""

import os
import subprocess
import sys
import time
from pathlib import Path

from crm_pipelines.local import locks
from crm_pipelines.local.errors import KEEPER_LOG, LocalProgramError, log_sizes, program_error
from crm_pipelines.local.locks import Lock
from crm_pipelines.local.orders import Orders
from crm_pipelines.local.process import Process, end_process, find_process
from crm_pipelines.local.program import STATE, Details, Program, read_record


class Search:
    """One attempt to get hold of a program."""

    def __init__(self, folder: Path, program: Program, grace_seconds: float) -> None:
        self.folder = folder
        self.program = program
        self.grace_seconds = grace_seconds
        self.deadline = time.monotonic() + program.start_seconds
        self.started = False
        self.cleared = False
        self.log_sizes = log_sizes(folder)

    def run(self) -> Details:
        """Return what the program tells about itself, once it answers."""
        while (details := self._find()) is None:
            self._start_if_gone()
            if time.monotonic() > self.deadline:
                self._clear()
            time.sleep(locks.PAUSE_SECONDS)
        with Lock(self.folder / locks.KEEPER) as keeper:
            if keeper.take():
                self._spawn_keeper(keeper, adopted=int(details["pid"]))
        return details

    def _find(self) -> Details | None:
        with Lock(self.folder / locks.PROGRAM) as alive:
            if alive.is_free():
                return None
        details = self.program.look(self.folder)
        return details if details is not None and self.program.answers(details) else None

    def _start_if_gone(self) -> None:
        """Start the program, unless it is alive or its keeper is just about to start it."""
        with (
            Lock(self.folder / locks.KEEPER) as keeper,
            Lock(self.folder / locks.PROGRAM) as alive,
        ):
            if not keeper.take() or not alive.take():
                return
            if self.started:
                raise self._error("did not start")
            self.started = True
            self._spawn_keeper(keeper, alive)

    def _clear(self) -> None:
        """Time is up: end a program that has lost its record; leave be one that is slow."""
        if self.cleared or self.program.look(self.folder) is not None:
            raise self._error("runs but does not answer")
        if not end_program(self.folder, self.program):
            raise self._error("runs, has lost its records, and does not end")
        self.cleared = True
        self.deadline = time.monotonic() + self.program.start_seconds

    def _error(self, what: str) -> LocalProgramError:
        return program_error(self.folder, what, self.log_sizes)

    def _spawn_keeper(
        self, keeper: Lock, alive: Lock | None = None, adopted: int | None = None
    ) -> None:
        orders = Orders(
            folder=str(self.folder),
            argv=list(self.program.argv),
            stop_signals=[int(number) for number in self.program.stop_signals],
            stop_seconds=self.program.stop_seconds,
            steady_seconds=self.program.steady_seconds,
            grace_seconds=self.grace_seconds,
            keeper_lock=keeper.descriptor,
            program_lock=None if alive is None else alive.descriptor,
            adopted=adopted,
        )
        log = os.open(self.folder / KEEPER_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # Returns as soon as the keeper has forked away from the process started here.
            subprocess.run(  # noqa: S603 - a module of our own
                [sys.executable, "-P", "-m", "crm_pipelines.local.keeper", orders.to_json()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.descriptor for lock in (keeper, alive) if lock is not None],
                check=False,
            )
        finally:
            os.close(log)


def end_program(folder: Path, program: Program) -> bool:
    """End the program if it is alive; returns whether it is gone."""
    with Lock(folder / locks.PROGRAM) as alive:
        if alive.is_free():
            return True
    process = _identify(folder, program)
    return process is not None and end_process(process, program.stop_signals, program.stop_seconds)


def _identify(folder: Path, program: Program) -> Process | None:
    """Who the program is: as its keeper wrote it down, else as it tells itself."""
    state = read_record(folder / STATE)
    if state is not None and "began" in state:
        return Process(state["pid"], state["began"])
    details = program.look(folder)
    return None if details is None else find_process(details["pid"])


def _environment() -> dict[str, str]:
    """Ours, with this package importable from any folder."""
    package_parent = str(Path(__file__).parents[2])
    paths = [package_parent, os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
