"""The figures as a table, and everything as JSON."""

from __future__ import annotations

import os
import platform
from typing import Any

from rich.table import Table

PHASES = ("fetch", "transform", "validate", "upsert")
LOAD = PHASES[1:]


def contacts_table(found: dict[str, Any]) -> Table:
    """Contacts, with ratios to the floor of the same rounds."""
    rows = found["measured"]
    title = (
        f"{rows[0]['rows']:,} contacts x {found['columns']} columns, {found['csv_mb']:,.0f} MB as "
        f"CSV, {found['wire_mb']:,.0f} MB on the wire, medians of {rows[0]['rounds']} rounds"
    )
    return _table(title, rows, floor=rows[0]["seconds"])


def persons_table(found: dict[str, Any]) -> Table:
    """Persons."""
    rows = found["measured"]
    return _table(f"{rows[0]['rows']:,} persons of Pipedrive", rows, floor=None)


def _table(title: str, rows: list[dict[str, Any]], floor: float | None) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    headings = ["s", "rows/s", "x floor", *PHASES, "load x floor", "peak MB", "WAL MB", "written"]
    if floor is None:
        headings = ["s", "rows/s", *PHASES, "peak MB", "WAL MB", "written", "tokens"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        cells = _cells(row, floor)
        table.add_row(row["name"], *(cells.get(heading, "") for heading in headings))
    return table


def _cells(row: dict[str, Any], floor: float | None) -> dict[str, str]:
    cells = {"s": f"{row['seconds']:.2f}", "rows/s": f"{row['rows_per_second']:,}"}
    if row["wal_mb"] is not None:
        cells["WAL MB"] = f"{row['wal_mb']:,}"
    if floor:
        cells["x floor"] = f"{row['seconds'] / floor:.2f}"
    if "phases" in row:
        phases, outcome = row["phases"], row["outcome"]
        cells |= {name: f"{phases[name]:.2f}" for name in PHASES}
        if floor:
            cells["load x floor"] = f"{sum(phases[name] for name in LOAD) / floor:.2f}"
        cells["peak MB"] = f"{row['peak_mb']} ({row['before_mb']} at rest)"
        written = outcome["created"] + outcome["updated"] + outcome["deleted"]
        cells["written"] = f"{written:,}"
        cells["tokens"] = f"{outcome['tokens']:,}"
    return cells


def machine() -> dict[str, Any]:
    """Where this was measured."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
