"""Results of query jobs on disk: one file of CSV rows, and where each row begins in it."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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


def write_lines(
    path: Path, header: Sequence[str], lines: Iterable[bytes], dialect: tuple[str, str]
) -> int:
    """Write header and lines; returns how many lines. ``dialect``: delimiter, line end."""
    delimiter, ending = dialect
    starts, end = array("Q", [0]), ending.encode()
    with path.open("wb") as file:
        at = file.write(delimiter.join(f'"{name}"' for name in header).encode() + end)
        for line in lines:
            starts.append(at)
            at += file.write(line + end)
        starts.append(at)
    with index_of(path).open("wb") as index:
        starts.tofile(index)
    return len(starts) - 2


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
