"""How the files of bulk jobs may be spelled, and how they travel."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

DELIMITERS = {
    "COMMA": ",",
    "TAB": "\t",
    "PIPE": "|",
    "SEMICOLON": ";",
    "CARET": "^",
    "BACKQUOTE": "`",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, compressed on the way."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()
