"""Somebody who receives webhooks, for tests: keeps what comes, answers as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    """Answers with the statuses it was told, then 200.

    ``always`` replaces them, ``judge`` decides by path and headers, ``seconds`` is how long each
    answer takes.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.statuses: list[int] = []
        self.answered: list[int] = []
        self.always: int | None = None
        self.judge: Callable[[str, dict[str, str]], int] | None = None
        self.seconds = 0.0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where webhooks are sent to."""
        return f"http://127.0.0.1:{self.port}/in"

    def bodies(self) -> list[dict[str, Any]]:
        """What came, in order."""
        return [body for _, body in list(self.got)]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        headers = dict(self.headers.items())
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        status = self.server.always or status
        if self.server.judge is not None:
            status = self.server.judge(self.path, headers)
        self.server.got.append((headers, json.loads(raw)))
        time.sleep(self.server.seconds)
        self.server.answered.append(status)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """One that listens while the block runs."""
    with Receiver(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def wait_for(condition: Callable[[], Any]) -> None:
    """Until it holds; a minute is for broken code, not for slow machines."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.01)
