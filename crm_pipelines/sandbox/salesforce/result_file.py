"""The rows of a query job as one file of compressed pieces, from which any page is put together.

A piece is ``PIECE`` rows of CSV as raw deflate that refers to nothing before it and ends on a
byte: pieces one after the other are the body of a gzip file. Pages of whole pieces are therefore
copied from disk; only rows at the edges are unpacked and packed again. After the pieces come the
row starts (in the unpacked text), the pieces' places and their checksums, the header, the tail.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from crm_pipelines.sandbox.salesforce.checksums import joined

PIECE = 1_000
"""Rows a piece holds; clients' pages are mostly multiples of this."""

_TAIL = struct.Struct("<QQQQ")
_READ = 1 << 20
_AHEAD = 4
"""Pieces that wait to be compressed: what bounds the memory."""

_GZIP_START = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_LAST_BLOCK = b"\x03\x00"


@dataclass(frozen=True)
class Text:
    """A stretch of text as it travels: unpacked size and checksum beside the packed bytes."""

    packed: Iterable[bytes]
    size: int
    checksum: int


def write_rows(path: Path, header: bytes, lines: Iterable[bytes]) -> int:
    """Write the file; returns how many rows. ``lines`` and ``header`` have their line ends."""
    starts, places, checksums = array("Q", [0]), array("Q", [0]), array("Q")
    with path.open("wb") as file, ThreadPoolExecutor(1) as packer:
        waiting: deque[Future[tuple[bytes, int]]] = deque()

        def write_first() -> None:
            packed, checksum = waiting.popleft().result()
            file.write(packed)
            places.append(places[-1] + len(packed))
            checksums.append(checksum)

        rows = iter(lines)
        while piece := list(islice(rows, PIECE)):
            for line in piece:
                starts.append(starts[-1] + len(line))
            waiting.append(packer.submit(_packed, b"".join(piece)))
            if len(waiting) > _AHEAD:
                write_first()
        while waiting:
            write_first()
        for numbers in (starts, places, checksums):
            file.write(memoryview(numbers))
        file.write(header)
        file.write(_TAIL.pack(len(starts) - 1, len(checksums), places[-1], len(header)))
    return len(starts) - 1


class ResultFile:
    """An open file of results; close it, or use it as a context."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._file.seek(-_TAIL.size, os.SEEK_END)
        numbers: tuple[int, ...] = _TAIL.unpack(self._file.read(_TAIL.size))
        self.rows, self._pieces, self._at, size = numbers
        self._file.seek(-_TAIL.size - size, os.SEEK_END)
        self.header = self._file.read(size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> ResultFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def plain(self, first: int, count: int) -> Iterator[bytes]:
        """Header and ``count`` rows from number ``first`` (from 0), as they are."""
        yield self.header
        for piece, start, end in _cut(first, count):
            yield self._unpacked(piece, start, end)

    def gzipped(self, first: int, count: int) -> Iterator[bytes]:
        """The same as one gzip stream."""
        yield _GZIP_START
        size = checksum = 0
        for text in self._texts(first, count):
            yield from text.packed
            checksum = joined(checksum, text.checksum, text.size)
            size += text.size
        yield _LAST_BLOCK + struct.pack("<LL", checksum, size & 0xFFFFFFFF)

    def _texts(self, first: int, count: int) -> Iterator[Text]:
        yield _text(self.header)
        whole: list[int] = []
        for piece, start, end in _cut(first, count):
            if start == 0 and end == self._rows_of(piece):
                whole.append(piece)
                continue
            yield from self._stored(whole)
            whole = []
            yield _text(self._unpacked(piece, start, end))
        yield from self._stored(whole)

    def _stored(self, pieces: list[int]) -> Iterator[Text]:
        """Pieces side by side, as they lie on disk."""
        if not pieces:
            return
        first, after = pieces[0], pieces[-1] + 1
        checksum = 0
        starts = [self._starts(piece * PIECE, 1)[0] for piece in pieces]
        starts.append(self._starts(min(after * PIECE, self.rows), 1)[0])
        for number, each in enumerate(self._checksums(first, after - first)):
            checksum = joined(checksum, each, starts[number + 1] - starts[number])
        places = self._places(first, after - first + 1)
        yield Text(self._copied(places[0], places[-1]), starts[-1] - starts[0], checksum)

    def _copied(self, at: int, end: int) -> Iterator[bytes]:
        while at < end:
            self._file.seek(at)
            read = self._file.read(min(_READ, end - at))
            at += len(read)
            yield read

    def _unpacked(self, piece: int, start: int, end: int) -> bytes:
        places = self._places(piece, 2)
        self._file.seek(places[0])
        text = zlib.decompressobj(-15).decompress(self._file.read(places[1] - places[0]))
        starts = self._starts(piece * PIECE, end + 1)
        return text[starts[start] - starts[0] : starts[end] - starts[0]]

    def _rows_of(self, piece: int) -> int:
        return min(PIECE, self.rows - piece * PIECE)

    def _starts(self, first: int, count: int) -> array[int]:
        return self._numbers(first, count)

    def _places(self, first: int, count: int) -> array[int]:
        return self._numbers(self.rows + 1 + first, count)

    def _checksums(self, first: int, count: int) -> array[int]:
        return self._numbers(self.rows + 1 + self._pieces + 1 + first, count)

    def _numbers(self, first: int, count: int) -> array[int]:
        found = array("Q")
        self._file.seek(self._at + first * 8)
        found.frombytes(self._file.read(count * 8))
        return found


def _cut(first: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Pieces that hold the rows, each with the first row and the one after the last within it."""
    after = first + count
    while first < after:
        piece, start = divmod(first, PIECE)
        end = min(PIECE, after - piece * PIECE)
        yield piece, start, end
        first = piece * PIECE + end


def _text(plain: bytes) -> Text:
    packed, checksum = _packed(plain)
    return Text([packed], len(plain), checksum)


def _packed(plain: bytes) -> tuple[bytes, int]:
    """Raw deflate at its fastest, open at the end, with the checksum of what went in."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH), zlib.crc32(plain)
