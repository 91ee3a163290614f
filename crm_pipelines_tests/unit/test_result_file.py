"""Files of results: every page as plain text and as gzip, whatever its edges."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.sandbox.salesforce.checksums import joined
from crm_pipelines.sandbox.salesforce.result_file import PIECE, ResultFile, write_rows

HEADER = b'"Id","Text"\n'


def line(number: int) -> bytes:
    return f'"{number}","{"x" * (number % 7)}\nsecond line of {number}"\n'.encode()


@pytest.mark.parametrize("rows", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 17])
def test_any_page_of_any_file(tmp_path: Path, rows: int) -> None:
    path, lines = tmp_path / "rows", [line(number) for number in range(rows)]
    assert write_rows(path, HEADER, lines) == rows
    with ResultFile(path) as file:
        assert (file.rows, file.header) == (rows, HEADER)
        for size in (1, 7, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, rows or 1):
            for first in {*range(0, rows + 1, size), PIECE - 1, rows}:
                if not 0 <= first <= rows or (size < 100 and first > 100):
                    continue
                count = min(size, rows - first)
                wanted = HEADER + b"".join(lines[first : first + count])
                assert b"".join(file.plain(first, count)) == wanted
                packed = b"".join(file.gzipped(first, count))
                assert gzip.decompress(packed) == wanted
                one = zlib.decompressobj(31)
                assert one.decompress(packed) == wanted
                assert one.eof
                assert not one.unused_data


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_checksums_join(first: bytes, second: bytes) -> None:
    found = joined(zlib.crc32(first), zlib.crc32(second), len(second))
    assert found == zlib.crc32(first + second)


def test_checksums_of_large_texts_join() -> None:
    start, zeros = zlib.crc32(b"start"), bytes(10_000_000)
    assert joined(start, zlib.crc32(zeros), len(zeros)) == zlib.crc32(zeros, start)
