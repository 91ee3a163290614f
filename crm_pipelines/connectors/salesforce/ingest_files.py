"""From rows to the files of ingest jobs: cut by size, each key once, children by their parents."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from crm_pipelines.connectors.salesforce.ingest_layout import Layout
from crm_pipelines.connectors.salesforce.ingest_results import outcomes
from crm_pipelines.connectors.salesforce.ingest_spelling import as_texts, quoted, spell
from crm_pipelines.connectors.salesforce.ingest_spool import AT_A_TIME, Spool, ground
from crm_pipelines.model.errors import FatalError
from crm_pipelines.model.writing import Fate

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Iterable["pa.Table | pa.RecordBatch"]


@dataclass(frozen=True)
class Cut:
    """A file that was written (``None``: no row of it is left), and the rows left out of it."""

    path: Path | None
    left_out: pa.Table


def cut(rows: Rows, layout: Layout, folder: Path) -> Iterator[Cut]:
    """Write rows into files. Only keys and parents of a file's rows are held in memory."""
    number = 0
    with _open(folder / "part-spool.csv") as file:
        spool = Spool(file, layout.bytes - len(layout.header.encode()))
        for some in _slices(rows):
            lines, refused = _lines(some, layout)
            if refused.num_rows:
                yield Cut(None, refused)
            while (lines := spool.take(lines)).num_rows:
                number += 1
                yield _write(spool, layout, folder / f"part-{number:05}.csv")
        if spool.rows:
            yield _write(spool, layout, folder / f"part-{number + 1:05}.csv")


def read_keys(path: Path, key: str) -> pa.Array:
    """The keys of a file's rows."""
    import pyarrow as pa

    chunks = [batch.column(0) for batch in _read(path, [key])]
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())


def copy_rows(path: Path, key: str, keys: pa.ChunkedArray, target: Path) -> None:
    """Write those rows of a file that have one of the keys into another file."""
    import pyarrow.compute as pc

    wanted = keys.combine_chunks()
    with ground(), target.open("w", encoding="utf-8", newline="") as file:
        with path.open(encoding="utf-8", newline="") as source:
            file.write(source.readline())
        for batch in _read(path):
            chosen = batch.filter(pc.is_in(batch.column(key), value_set=wanted))
            if chosen.num_rows:
                values = [quoted(column) for column in chosen.columns]
                lines = pc.binary_join_element_wise(*values, ",").to_pylist()
                file.writelines(f"{line}\n" for line in lines)


def _read(path: Path, names: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    with path.open(encoding="utf-8", newline="") as file:
        columns = file.readline().rstrip("\n").split(",")
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()),
        include_columns=list(names) or columns,
        strings_can_be_null=False,
    )
    reading = csv.ReadOptions(block_size=4 << 20, use_threads=False)
    parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, reading, parsing, options) as reader:
        yield from reader


def columns_of(rows: Rows) -> tuple[list[str], Rows]:
    """The names of the columns, none if there are no rows; and the rows, all of them still."""
    coming = iter(rows)
    first = next(coming, None)
    if first is None:
        return [], ()
    return list(first.schema.names), chain([first], coming)


def _slices(rows: Rows) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    names = None
    for some in rows:
        names = names or some.schema.names
        if some.schema.names != names:
            raise FatalError("the columns change from one batch of rows to the next")
        table = pa.Table.from_batches([some]) if isinstance(some, pa.RecordBatch) else some
        yield from table.to_batches(max_chunksize=AT_A_TIME)


def _lines(rows: pa.RecordBatch, layout: Layout) -> tuple[pa.Table, pa.Table]:
    """Lines with their keys and parents, and the outcomes of rows that cannot be sent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [rows.column(name) for name in layout.columns]
    spelled = spell(columns, layout.columns, layout.key)
    keys = as_texts(layout.key, rows.column(layout.key))
    parents = [pc.fill_null(as_texts(n, rows.column(n)), "") for n in layout.parents]
    parent = pc.binary_join_element_wise(*parents, "\x00") if parents else pa.nulls(len(keys))
    good = pc.is_null(spelled.code)
    lines = pa.table({"key": keys, "parent": parent.cast(pa.string()), "line": spelled.lines})
    bad = pc.invert(good)
    refused = outcomes(
        keys.filter(bad),
        Fate.REFUSED,
        code=spelled.code.filter(bad),
        message=spelled.message.filter(bad),
        fields=spelled.field.filter(bad),
    )
    return lines.filter(good), refused


def _write(spool: Spool, layout: Layout, path: Path) -> Cut:
    import pyarrow as pa

    rows = pa.concat_tables(spool.rows)
    order, replaced = _once_each(rows["key"], folded=layout.folded)
    if layout.parents:
        order = _by_parent(rows["parent"], order)
    with ground(), path.open("wb") as file:
        file.write(layout.header.encode())
        spool.pour(order, rows["length"], file)
    spool.empty()
    message = "a later row has the same key"
    return Cut(path, outcomes(replaced, Fate.REPLACED, message=message))


def _open(path: Path) -> BinaryIO:
    with ground():
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w+b")


def _once_each(keys: pa.ChunkedArray, *, folded: bool) -> tuple[pa.Array, pa.Array]:
    """Numbers of the rows to send, the last one of each key; and the keys of the others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    told_apart = pc.utf8_lower(keys) if folded else keys
    numbers = pa.array(range(len(keys)), pa.int64())
    grouped = pa.table({"key": told_apart, "row": numbers}).group_by("key")
    last = grouped.aggregate([("row", "max")])["row_max"].combine_chunks()
    last = last.take(pc.sort_indices(last))
    others = pc.invert(pc.is_in(numbers, value_set=last))
    return last, keys.filter(others).combine_chunks()


def _by_parent(parents: pa.ChunkedArray, order: pa.Array) -> pa.Array:
    """Children of one parent next to each other, so that few batches want the same lock."""
    import pyarrow.compute as pc

    return order.take(pc.sort_indices(parents.take(order)))
