"""Records that did not pass, as they came, with a reason per field."""

from __future__ import annotations

import json

import msgspec
import pyarrow as pa

from crm_pipelines.model.csv_lines import LINE, to_texts
from crm_pipelines.model.source import RAW
from crm_pipelines.model.stream import KEY
from crm_pipelines.phases.records import PROBLEMS

ROW = "_row"
"""Column of a valid chunk: which row of the raw chunk the record was."""


def as_failures(failed: pa.Table, raw: pa.Table) -> pa.Table:
    """Columns ``record_id``, ``raw``, ``reasons`` and whether the raw record was ``json``.

    ``failed`` needs the key, ``_row`` and ``_problems``; ``raw`` is the chunk as fetched.
    """
    keys = [None if key is None else str(key) for key in failed.column(KEY).to_pylist()]
    records = raw.take(failed.column(ROW))
    return pa.table(
        {
            "record_id": pa.array(keys, pa.string()),
            "raw": pa.array(_texts(records), pa.string()),
            "reasons": failed.column(PROBLEMS),
            "json": pa.array([RAW in raw.column_names] * failed.num_rows, pa.bool_()),
        }
    )


def _texts(raw: pa.Table) -> list[str]:
    if RAW in raw.column_names:
        return [text.decode(errors="replace") for text in raw.column(RAW).to_pylist()]
    return [msgspec.json.encode(row).decode() for row in _rows(raw)]


def _rows(raw: pa.Table) -> list[dict[str, str | None]]:
    """By the CRM's own names; a line that cannot be taken apart stays one."""
    texts, broken = to_texts(raw) if LINE in raw.column_names else (raw, {})
    rows: list[dict[str, str | None]] = texts.to_pylist()
    for row in broken:
        rows[row] = {"*": raw.column(LINE)[row].as_py()}
    return rows


def as_raw(records: list[str], *, as_json: bool) -> pa.Table:
    """A page of raw records again, from the texts that failures keep."""
    if as_json:
        return pa.table({RAW: pa.array([text.encode() for text in records], pa.binary())})
    rows = [json.loads(text) for text in records]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
