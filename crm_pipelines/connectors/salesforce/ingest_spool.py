"""Lines of the file that is being filled, on disk, so that they can be written in any order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING, BinaryIO

from crm_pipelines.model.errors import SystemTrouble

if TYPE_CHECKING:
    import pyarrow as pa

AT_A_TIME = 8_192
"""Rows that are spelled, or written, at a time."""


@contextmanager
def ground() -> Iterator[None]:
    """Turns trouble with a file into ``SystemTrouble``."""
    try:
        yield
    except OSError as error:
        raise SystemTrouble(
            f"the rows to write cannot be put down ({error}): make room, or give another folder, "
            "and run the same again"
        ) from error


class Spool:
    """Lines in the order in which they came, as many as fit into a file of ``most`` bytes.

    ``rows`` are tables of ``key``, ``parent`` and the line's ``length`` in bytes.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._most = self._free = most
        self.rows: list[pa.Table] = []

    def take(self, lines: pa.Table) -> pa.Table:
        """Take what fits, a record at least; returns the rest."""
        import pyarrow as pa
        import pyarrow.compute as pc

        lengths = pc.add(pc.binary_length(lines["line"]).cast(pa.int64()), 1)
        ends = pc.cumulative_sum(lengths)
        fitting = pc.sum(pc.less_equal(ends, self._free)).as_py() or 0
        count = min(max(fitting, 0 if self.rows else 1), lines.num_rows)
        if count:
            texts = lines["line"].slice(0, count).to_pylist()
            with ground():
                self._file.write("\n".join(texts).encode() + b"\n")
            rows = lines.slice(0, count).drop_columns("line")
            self.rows.append(rows.append_column("length", lengths.slice(0, count)))
            self._free -= ends[count - 1].as_py()
        return lines.slice(count)

    def pour(self, order: pa.Array, lengths: pa.ChunkedArray, file: BinaryIO) -> None:
        """Write the lines of these numbers into a file."""
        import pyarrow.compute as pc

        self._file.flush()
        ends = pc.cumulative_sum(lengths)
        starts = pc.subtract(ends, lengths)
        with mmap(self._file.fileno(), 0, access=ACCESS_READ) as written:
            for first in range(0, len(order), AT_A_TIME):
                some = order.slice(first, AT_A_TIME)
                places = zip(
                    starts.take(some).to_pylist(), ends.take(some).to_pylist(), strict=True
                )
                file.writelines(written[start:end] for start, end in places)

    def empty(self) -> None:
        """The next file begins."""
        self._file.seek(0)
        self._file.truncate()
        self.rows, self._free = [], self._most
