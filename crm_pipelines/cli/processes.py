"""Programs that one command runs side by side: started together, ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crm_pipelines.cli import leash
from crm_pipelines.model.errors import ConfigurationError, SystemTrouble

START_SECONDS = 90.0
PAUSE_SECONDS = 0.1
LAST_LINES = 15


@dataclass(frozen=True)
class Wanted:
    """One program; ``port`` is where it will answer, 0 if it does not listen."""

    name: str
    argv: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 0
    setting: str = ""


@dataclass(frozen=True)
class Started:
    """A running program: its process leads a group, and the group ends with the lifeline."""

    wanted: Wanted
    process: subprocess.Popen[bytes]
    lifeline: int
    log: Path

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"The end of {self.log}:", *lines[-LAST_LINES:]])


class Stopped(Exception):
    """Whoever runs us wants an end."""


class Ending:
    """Waits for a wish to end: Ctrl-C, SIGTERM, a closed terminal, the end of our make."""

    def __init__(self) -> None:
        self._wished = False
        self._make = os.getppid() if os.environ.get("MAKELEVEL") else None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)

    def check(self) -> None:
        """Raise ``Stopped`` if it is time."""
        orphaned = self._make is not None and os.getppid() != self._make
        if self._wished or orphaned:
            raise Stopped

    def _note(self, *_: object) -> None:
        self._wished = True


def refuse_taken_ports(programs: Sequence[Wanted]) -> None:
    """Raise ``ConfigurationError`` naming the setting of a port that cannot be had."""
    seen: dict[int, str] = {}
    for program in programs:
        if not program.port:
            continue
        if program.port in seen:
            raise ConfigurationError(
                f"{program.setting} and {seen[program.port]} are both {program.port}: set another"
            )
        seen[program.port] = program.setting
        why = _taken(program.host, program.port)
        if why:
            raise ConfigurationError(
                f"{program.setting}: port {program.port} of {program.host}, meant for the "
                f"{program.name}, cannot be had ({why}). Stop what uses it, maybe another "
                f"`make dev`, or set another port: {program.setting}={program.port + 1} make dev"
            )


def _taken(host: str, port: int) -> str:
    if answers(host, port):
        return "another program answers there"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    programs: Sequence[Wanted], logs: Path, check: Callable[[], None]
) -> Iterator[list[Started]]:
    """Start the programs, wait until all answer, and end them with the block.

    ``check`` is called while waiting and may raise. Raises ``SystemTrouble`` if one fails.
    """
    logs.mkdir(parents=True, exist_ok=True)
    started: list[Started] = []
    try:
        started += [_start(program, logs) for program in programs]
        give_up_at = time.monotonic() + START_SECONDS
        while not all(_ready(one.wanted) for one in started):
            check()
            watch(started)
            if time.monotonic() > give_up_at:
                late = next(one for one in started if not _ready(one.wanted))
                raise SystemTrouble(f"{late.wanted.name} does not answer. {late.last_words()}")
            time.sleep(PAUSE_SECONDS)
        yield started
    finally:
        _stop(started)


def watch(started: Sequence[Started]) -> None:
    """Raise ``SystemTrouble`` with the end of its log if one of them has ended by itself."""
    for one in started:
        code = one.process.poll()
        if code is not None:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            raise SystemTrouble(f"{one.wanted.name} {how}. {one.last_words()}")


def _start(program: Wanted, logs: Path) -> Started:
    path = logs / f"{program.name}.log"
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    there, here = os.pipe()
    try:
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", leash.__name__, str(there), *program.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[there],
            )
    except BaseException:
        os.close(here)
        raise
    finally:
        os.close(there)
    return Started(program, process, here, path)


def _ready(program: Wanted) -> bool:
    return not program.port or answers(program.host, program.port)


def _stop(started: Sequence[Started]) -> None:
    """All at once; when this returns, nothing of their groups is alive."""
    enders = [threading.Thread(target=leash.end_group, args=(one.process.pid,)) for one in started]
    for ender in enders:
        ender.start()
    for one in started:
        one.process.wait()
    for ender in enders:
        ender.join()
    for one in started:
        os.close(one.lifeline)
