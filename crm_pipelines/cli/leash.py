"""Runs a command as the leader of a process group that does not outlive whoever started it.

``python -m crm_pipelines.cli.leash LIFELINE COMMAND...``: this process turns into the command. A
watcher beside it, in a session of its own, waits until the pipe LIFELINE (a descriptor whose
other end the starter holds open) closes, as it does when the starter ends, however it ends; then
it ends the whole group, politely at first. Works alike on Linux and macOS.
"""

from __future__ import annotations

import os
import signal
import sys
import time

POLITE_SECONDS = 6.0
PAUSE_SECONDS = 0.05


def end_group(group: int, seconds: float = POLITE_SECONDS) -> None:
    """SIGTERM to every process of a group, and SIGKILL to those that are there after a while."""
    deadline = time.monotonic() + seconds
    number = signal.SIGTERM
    while _send(group, number) and number != signal.SIGKILL:
        while _send(group, 0) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        number = signal.SIGKILL


def _send(group: int, number: int) -> bool:
    """Whether there is anybody left to send it to."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of mere zombies
        return False
    return True


def _watch(lifeline: int, group: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    while os.read(lifeline, 1):
        pass
    end_group(group)


def main() -> None:
    """Leave a watcher behind, then become the command."""
    lifeline, command, group = int(sys.argv[1]), sys.argv[2:], os.getpid()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            _watch(lifeline, group)
        os._exit(0)
    os.waitpid(child, 0)  # only its own child goes on watching: no zombie is left to the command
    os.close(lifeline)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
