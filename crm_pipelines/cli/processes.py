"""Programs that one command runs side by side: started together, ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crm_pipelines.model.errors import ConfigurationError

START_SECONDS = 90.0
STOP_SECONDS = 8.0
_WATCH = (
    "import os, signal, subprocess, sys, threading, time\n"
    "parent, argv = int(sys.argv[1]), sys.argv[2:]\n"
    "child = subprocess.Popen(argv)\n"
    "for number in (signal.SIGTERM, signal.SIGINT):\n"
    "    signal.signal(number, lambda *_: child.terminate())\n"
    "while child.poll() is None:\n"
    "    if os.getppid() != parent:\n"
    "        child.terminate()\n"
    "    time.sleep(0.3)\n"
    "sys.exit(child.returncode)\n"
)
"""Beside every program: ends it when whoever started it is gone, however that ended."""


@dataclass(frozen=True)
class Wanted:
    """One program; ``port`` is where it will answer, 0 if it does not listen."""

    name: str
    argv: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 0
    setting: str = ""


def refuse_taken_ports(programs: Sequence[Wanted]) -> None:
    """Raise ``ConfigurationError`` naming the setting of a port somebody else has."""
    for program in programs:
        if not program.port:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((program.host, program.port))
            except OSError as error:
                raise ConfigurationError(
                    f"{program.setting}: port {program.port} for the {program.name} cannot be had "
                    f"({error.strerror}); stop what uses it or set another port"
                ) from error


@contextmanager
def running(programs: Sequence[Wanted], logs: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Start the programs, wait until they answer, and end them with the block."""
    logs.mkdir(parents=True, exist_ok=True)
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for program in programs:
            with (logs / f"{program.name}.log").open("wb") as log:
                started[program.name] = subprocess.Popen(  # noqa: S603 (our own command)
                    [sys.executable, "-c", _WATCH, str(os.getpid()), *program.argv],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        for program in programs:
            _await(program, started[program.name], logs)
        yield started
    finally:
        _stop(list(started.values()))


def last_words(name: str, logs: Path, lines: int = 15) -> str:
    """The end of a program's log."""
    text = (logs / f"{name}.log").read_text(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def _await(program: Wanted, process: subprocess.Popen[bytes], logs: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while process.poll() is None:
        if not program.port or _answers(program.host, program.port):
            return
        if time.monotonic() > give_up_at:
            break
        time.sleep(0.1)
    raise ConfigurationError(
        f"the {program.name} did not start; the end of {logs / program.name}.log:\n"
        + last_words(program.name, logs)
    )


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Politely first; then whole process groups, so that no grandchild stays behind."""
    for process in processes:
        process.terminate()
    give_up_at = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, give_up_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            continue
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for process in processes:
        process.wait()
