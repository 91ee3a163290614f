"""Connections: one pool per account, one TLS context per process, an end to every request."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from isal import igzip_lib, isal_zlib

from crm_pipelines.model.errors import Truncated
from crm_pipelines.transport.timeouts import Timeouts

_GZIP = isal_zlib.MAX_WBITS | 16

PIECE = 1 << 16
"""Bytes of a file that are sent at a time."""

PACKED = 1 << 14
"""Packed bytes that are unpacked at a time: what comes of them is small enough for the C library to
take from memory it has at hand, instead of asking the system for fresh pages every time."""


def connect(base_url: str, timeouts: Timeouts) -> httpx.Client:
    """A client that keeps its connections open between calls."""
    return httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(timeouts.read_seconds, connect=timeouts.connect_seconds),
        headers={"Accept-Encoding": "gzip", "User-Agent": "crm-pipelines"},
        follow_redirects=False,
        verify=_context(base_url),
    )


def limit(response: httpx.Response, request: httpx.Request, seconds: float) -> None:
    """Make reading the open response fail when the whole request takes longer than that."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    response.stream = _Limited(response.stream, request, time.monotonic() + seconds)


def body(content: bytes | Path | None) -> tuple[bytes | Iterator[bytes] | None, dict[str, str]]:
    """What to send, and the header that tells its length where httpx cannot know it."""
    if isinstance(content, Path):
        return _pieces(content), {"Content-Length": str(content.stat().st_size)}
    return content, {}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def unpacked(response: httpx.Response) -> Iterator[bytes]:
    """The body of an open response as it comes, without compression.

    Raises ``Truncated`` where packed bytes end before they say so, whatever the connection says.
    """
    if response.headers.get("content-encoding", "").strip().lower() != "gzip":
        yield from response.iter_bytes()
        return
    stream = isal_zlib.decompressobj(_GZIP)
    try:
        for piece in _small(response.iter_raw()):
            packed = piece
            while packed:
                stream = isal_zlib.decompressobj(_GZIP) if stream.eof else stream
                yield stream.decompress(packed)
                packed = stream.unused_data
    except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub calls it a value
        raise Truncated(f"the answer cannot be unpacked ({error})") from error
    if not stream.eof:
        raise Truncated("the answer broke off in the middle of what was packed")


def _small(parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        for at in range(0, len(part), PACKED):
            yield part[at : at + PACKED]


class _Limited(httpx.SyncByteStream):
    """Bytes that trickle never count as silence; the clock is looked at between them."""

    def __init__(self, stream: httpx.SyncByteStream, request: httpx.Request, until: float) -> None:
        self._stream, self._request, self._until = stream, request, until

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            if time.monotonic() > self._until:
                raise httpx.ReadTimeout("the whole answer takes too long", request=self._request)
            yield piece

    def close(self) -> None:
        self._stream.close()


def _context(base_url: str) -> ssl.SSLContext:
    if urlsplit(base_url).scheme != "https":
        return _no_tls()
    return _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _tls(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """Loading the trusted certificates takes as long as a call; the variables may change."""
    return httpx.create_ssl_context()


@lru_cache(maxsize=1)
def _no_tls() -> ssl.SSLContext:
    """For plain http; trusts nobody, so that it is no harm elsewhere."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
