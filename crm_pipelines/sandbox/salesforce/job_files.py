"""Results of query jobs on disk: one file of CSV rows, and where each row begins in it."""

from __future__ import annotations

import csv
import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

DELIMITERS = {
    "COMMA": ",",
    "TAB": "\t",
    "PIPE": "|",
    "SEMICOLON": ";",
    "CARET": "^",
    "BACKQUOTE": "`",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_PIECE = 256 * 1024


class RowSink:
    """What a CSV writer writes to: takes one row a call, and notes where it began."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._at = file, 0
        self.starts = array("Q")

    def write(self, text: str) -> None:
        """One row."""
        self.starts.append(self._at)
        self._at += self._file.write(text.encode())


def write_rows(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[str | None]],
    dialect: tuple[str, str],
) -> int:
    """Write header and rows; returns how many rows there are. ``dialect``: delimiter, line end."""
    with path.open("wb") as file:
        sink = RowSink(file)
        delimiter, ending = dialect
        writer = csv.writer(sink, quoting=csv.QUOTE_ALL, delimiter=delimiter, lineterminator=ending)
        writer.writerow(header)
        writer.writerows(rows)
        sink.starts.append(file.tell())
    with index_of(path).open("wb") as file:
        sink.starts.tofile(file)
    return len(sink.starts) - 2


def fetch_rows(
    connection: sqlite3.Connection, sql: str, parameters: Sequence[object]
) -> Iterator[tuple[str | None, ...]]:
    """Rows of a query, a few at a time in memory."""
    cursor = connection.execute(sql, parameters)
    while chunk := cursor.fetchmany(500):
        yield from chunk


def read_page(path: Path, first: int, count: int) -> Iterator[bytes]:
    """The header and ``count`` rows from number ``first`` (from 0), in pieces."""
    with path.open("rb") as file:
        for start, end in (_span(path, 0, 1), _span(path, 1 + first, count)):
            file.seek(start)
            while start < end:
                piece = file.read(min(_PIECE, end - start))
                start += len(piece)
                yield piece


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, compressed on the way."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()


def index_of(path: Path) -> Path:
    """The file of row positions beside a file of rows."""
    return path.with_suffix(".index")


def _span(path: Path, row: int, count: int) -> tuple[int, int]:
    """Where rows begin and end; row 0 is the header."""
    with index_of(path).open("rb") as file:
        file.seek(row * 8)
        start = int.from_bytes(file.read(8), "little")
        file.seek((row + count) * 8)
        return start, int.from_bytes(file.read(8), "little")
