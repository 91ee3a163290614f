"""The CSV of an uploaded file: whether it is what its job announced, and its rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from crm_pipelines.sandbox.salesforce.schema.objects import SObject

MOST_FIELDS = 5_000
csv.field_size_limit(1 << 30)  # too long a value is an error of its row, not of the file


class BadFile(Exception):
    """A file that fails the whole job; the message is what the job shows."""


def check_lines(path: Path, ending: str) -> None:
    """Lines end as announced, and no quote stays open. Raises ``BadFile``."""
    for row in raw_rows(path):
        if row.count('"') % 2:
            raise BadFile(
                "InvalidBatch : Failed to parse CSV: EOF reached before closing an opened quote"
            )
        if row[len(row.rstrip("\r\n")) :] not in ("", ending):
            current = "LF" if ending == "\n" else "CRLF"
            raise BadFile(
                "ClientInputError : LineEnding is invalid on user data. "
                f"Current LineEnding setting is {current}"
            )


def read_rows(path: Path, delimiter: str) -> Iterator[tuple[list[str], bool]]:
    """Values of each row, the header first, and whether its quotes are where they may be."""
    sign = re.escape(delimiter)
    value = rf'(?:"(?:[^"]|"")*+"|[^"{sign}]*+)'
    good = re.compile(f"{value}(?:{sign}{value})*+")
    for row in raw_rows(path):
        body = row.rstrip("\r\n")
        if '"' in body and good.fullmatch(body) is None:
            yield body.split(delimiter), False
        else:
            yield next(csv.reader((row,), delimiter=delimiter), []), True


def check_header(names: list[str], sobject: SObject, key: str | None) -> None:
    """Every column is a field or a parent's, and the key is there. Raises ``BadFile``."""
    if not any(names):
        raise BadFile("InvalidBatch : Failed to parse CSV: no header row")
    if len(names) > MOST_FIELDS:
        raise BadFile(f"InvalidBatch : Too many fields: {len(names)}, at most {MOST_FIELDS}")
    for name in names:
        head, dot, _ = name.partition(".")
        known = sobject.parents if dot else sobject.by_name
        if head.lower() not in known:
            raise BadFile(f"InvalidBatch : Field name not found : {name}")
    lower = [name.lower() for name in names]
    if key is not None and key.lower() not in lower:
        raise BadFile(f"InvalidBatch : Field name not found : {key}")
    twice = next((name for name in names if lower.count(name.lower()) > 1), None)
    if twice:
        raise BadFile(f"InvalidBatch : Duplicate field name : {twice}")


def raw_rows(path: Path) -> Iterator[str]:
    """Rows as they are written, with the ends of their lines."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        row = ""
        for line in file:
            row += line
            if row.count('"') % 2 == 0:
                yield row
                row = ""
        if row:
            yield row
