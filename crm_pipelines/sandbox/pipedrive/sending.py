"""One HTTP request to a webhook's address, over a connection that is kept open."""

from __future__ import annotations

import base64
import select
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

LONGEST_ANSWER = 1 << 16
"""Bytes of an answer that are read; only its status matters."""


class Sender:
    """Belongs to one thread. Close it after use."""

    def __init__(self) -> None:
        self._connection: HTTPConnection | None = None
        self._place = ("", "", 0)

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> tuple[int | None, str]:
        """The status of the answer, if one came in time, and what is to be said of it.

        A redirect is an answer like any other: nobody follows it.
        """
        began = time.monotonic()
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection = self._connect(url, seconds)
            connection.request("POST", path, body, dict(headers))
            answer = connection.getresponse()
            rest = answer.read(LONGEST_ANSWER)
            if len(rest) == LONGEST_ANSWER or answer.will_close:
                self.close()
        except (OSError, HTTPException) as error:
            self.close()
            return None, f"{type(error).__name__}: {error}"
        if time.monotonic() - began > seconds:
            return None, "answered too late"
        return answer.status, "delivered" if 200 <= answer.status < 300 else "refused"

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, url: str, seconds: float) -> HTTPConnection:
        parts = urlsplit(url)
        place = (parts.scheme, parts.hostname or "", parts.port or 0)
        if self._connection is not None and (place != self._place or self._is_stale()):
            self.close()
        if self._connection is None:
            self._place = place
            self._connection = _connection(*place)
        self._connection.timeout = seconds
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)
        return self._connection

    def _is_stale(self) -> bool:
        """Whether the other side has hung up, or says what nobody asked."""
        if self._connection is None or self._connection.sock is None:
            return True
        poll = select.poll()
        poll.register(self._connection.sock, select.POLLIN)
        return bool(poll.poll(0))


def basic(user: str | None, password: str | None) -> dict[str, str]:
    """The header that carries Basic credentials; none where no user is set."""
    if not user:
        return {}
    word = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
    return {"Authorization": f"Basic {word}"}


def _connection(scheme: str, host: str, port: int) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, port or 443, context=_trusting())
    return HTTPConnection(host, port or 80)


@lru_cache(maxsize=1)
def _trusting() -> ssl.SSLContext:
    """Certificates that nobody vouches for are refused."""
    return ssl.create_default_context()
