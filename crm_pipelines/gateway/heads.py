"""Heads of requests that are too large are turned away: the parser itself would keep them all."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 << 10
_ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedHeads(HttpToolsProtocol):
    """The server's HTTP with a limit on heads; what comes in one piece may be somewhat larger."""

    _reading_head, _head_bytes = False, 0

    def data_received(self, data: bytes) -> None:
        """Called with whatever came."""
        if self._reading_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_BYTES:
                self.transport.write(_ANSWER)
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Called with the first byte of a request."""
        self._reading_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> Any:
        """Called when the head is whole."""
        self._reading_head = False
        return super().on_headers_complete()
