"""Statements by name: ``sql/queries/area.sql`` holds blocks headed ``-- name: statement``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

_PACKAGED = Path(__file__).parents[1] / "sql"
_CHECKOUT = Path(__file__).parents[2] / "sql"
FOLDER = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
"""The SQL folder, in an installed package or in a checkout."""

_HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def load(area: str) -> dict[str, str]:
    """Every statement of one file. Raises ``FileNotFoundError``."""
    parts = _HEADER.split((FOLDER / "queries" / f"{area}.sql").read_text())
    return {
        name: text.strip().rstrip(";") for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def query(name: str) -> LiteralString:
    """The statement called ``area.name``; it is ours, so it counts as a literal."""
    area, _, statement = name.partition(".")
    return load(area)[statement]
