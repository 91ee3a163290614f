"""The figures as tables."""

from __future__ import annotations

import os
import platform
from typing import Any

from rich.table import Table

from crm_pipelines_tests.benchmarks.promises import LOAD, load_seconds

PHASES = ("fetch", *LOAD)
_CONTACTS = (
    *("s", "rows/s", "x floor", *PHASES, "load x floor", "peak MB", "WAL MB", "WAL %", "written"),
    "sandbox CPU s",
)
_PERSONS = ("s", "rows/s", *PHASES, "peak MB", "WAL MB", "written", "tokens", "sandbox CPU s")


def contacts_table(size: dict[str, Any]) -> Table:
    """One size, with ratios to the floor of the same rounds."""
    measured = size["measured"]
    title = (
        f"{size['contacts']:,} contacts x {size['columns']} columns, {size['csv_mb']:,.0f} MB as "
        f"CSV, {size['wire_mb']:,.0f} MB on the wire, medians of {measured['first']['rounds']} "
        "rounds"
    )
    return _table(title, _CONTACTS, measured, floor=measured["floor"]["seconds"])


def persons_table(size: dict[str, Any]) -> Table:
    """One size."""
    measured = size["measured"]
    rounds = measured["first"]["rounds"]
    title = f"{size['persons']:,} persons of Pipedrive, medians of {rounds} rounds"
    return _table(title, _PERSONS, measured, floor=None)


def growth_table(sizes: list[dict[str, Any]]) -> Table:
    """What a row costs, and what memory it takes, from size to size."""
    table = Table(title="growth from size to size", title_justify="left")
    headings = ("contacts", "floor µs/row", "first load µs/row", "of that load", "re-sync µs/row")
    for heading in (*headings, "peak MB", "re-sync peak MB"):
        table.add_column(heading, justify="right")
    for size in sizes:
        found, number = size["measured"], size["contacts"]
        seconds = [
            found["floor"]["seconds"],
            found["first"]["seconds"],
            load_seconds(found),
            found["same"]["seconds"],
        ]
        cells = [f"{each / number * 1e6:.1f}" for each in seconds]
        peaks = [str(found[name]["peak_mb"]) for name in ("first", "same")]
        table.add_row(f"{number:,}", *cells, *peaks)
    return table


def promises_table(verdicts: list[dict[str, Any]]) -> Table:
    """What is promised, and whether it was kept."""
    table = Table(title="promises", title_justify="left")
    for heading in ("of", "figure"):
        table.add_column(heading)
    for heading in ("measured", "promised", ""):
        table.add_column(heading, justify="right")
    for each in verdicts:
        limit = f"{'≥' if each['at_least'] else '≤'} {each['limit']:,g}"
        verdict = "[green]kept[/green]" if each["kept"] else "[red]BROKEN[/red]"
        table.add_row(each["subject"], each["name"], f"{each['figure']:,.4g}", limit, verdict)
    return table


def machine() -> dict[str, Any]:
    """Where this was measured."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _table(
    title: str, headings: tuple[str, ...], measured: dict[str, Any], floor: float | None
) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    wal = measured["first"]["wal_mb"]
    for row in measured.values():
        if row["rounds"]:
            cells = _cells(row, floor, wal)
            table.add_row(row["name"], *(cells.get(heading, "") for heading in headings))
    return table


def _cells(row: dict[str, Any], floor: float | None, wal: float) -> dict[str, str]:
    cells = {"s": f"{row['seconds']:.2f}", "rows/s": f"{row['rows_per_second']:,}"}
    if "wal_mb" in row:
        cells |= {"WAL MB": f"{row['wal_mb']:,}", "WAL %": f"{100 * row['wal_mb'] / wal:.1f}"}
    if "peak_mb" in row:
        cells["peak MB"] = str(row["peak_mb"])
    if "sandbox_cpu_seconds" in row:
        cells["sandbox CPU s"] = f"{row['sandbox_cpu_seconds']:.2f}"
    if floor:
        cells["x floor"] = f"{row['seconds'] / floor:.2f}"
    if "phases" in row:
        phases = row["phases"]
        cells |= {name: f"{phases.get(name, 0):.2f}" for name in PHASES}
        if floor:
            cells["load x floor"] = f"{sum(phases.get(name, 0) for name in LOAD) / floor:.2f}"
        cells["peak MB"] = f"{row['peak_mb']} ({row['before_mb']} at rest)"
        cells["written"] = f"{row['written']:,}"
        cells["tokens"] = f"{row['outcome']['tokens']:,}"
    return cells
