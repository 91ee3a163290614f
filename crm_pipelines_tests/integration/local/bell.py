"""A small program to keep: answers on a port, in one of several moods."""

import signal
import socket
import sys
import time
from os import getpid
from pathlib import Path

from crm_pipelines.local import Program, look_in, ports_answer, write_record

RECORD = "bell.json"


def bell(home: Path, mood: str = "fine", *, start_seconds: float = 20) -> Program:
    return Program(
        name="bell",
        argv=(sys.executable, __file__, str(home / "bell" / RECORD), mood),
        look=look_in(RECORD),
        answers=ports_answer,
        start_seconds=start_seconds,
        stop_seconds=0.5,
        steady_seconds=0.5,
    )


def ring(record: Path, mood: str) -> None:
    if mood == "broken":
        sys.exit("no bell today")
    if mood == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mood == "chatty":
        sys.stdout.write("Ding dong.\n" * 1_000_000)
        sys.stdout.flush()
    with socket.create_server(("127.0.0.1", 0)) as server:
        if mood != "mute":
            write_record(record, {"pid": getpid(), "ports": {"bell": server.getsockname()[1]}})
        while True:
            if mood == "mute":
                time.sleep(60)
            server.accept()[0].close()


if __name__ == "__main__":
    ring(Path(sys.argv[1]), sys.argv[2])
