"""What the benchmark makes of its figures: verdicts, tables, a picture."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from crm_pipelines_tests.benchmarks import plot, promises, report
from crm_pipelines_tests.benchmarks.measured import Measured

OUTCOME = {"created": 0, "updated": 0, "deleted": 0, "tokens": 0}


def figures(name: str, rows: int, seconds: float, peak: int, **outcome: int) -> dict[str, Any]:
    measured = Measured(name, rows)
    for share in (0.9, 1.0, 1.1):
        third = seconds * share / 4
        found = {
            "seconds": seconds * share,
            "phases": dict.fromkeys(("fetch", "transform", "validate", "upsert"), third),
            "outcome": {**OUTCOME, **outcome},
            "before_mb": 100,
            "peak_mb": peak,
        }
        measured.note(found, sandbox=0.1, wal=1_000_000)
    return measured.summary()


def size(number: int, *, seconds: float, peak: int) -> dict[str, Any]:
    floor = Measured("floor", number, [1.0, 3.0, 2.0], [1_000_000] * 3)
    measured = {
        "floor": floor.summary(),
        "first": figures("first load", number, seconds, peak, created=number),
        "same": figures("same", number, seconds / 2, peak),
        "some": figures("some", number, seconds / 2, peak, updated=number // 100),
        "delta": figures("delta", number // 100, 0.5, peak, updated=number // 100),
        "obvious": Measured("obvious", 1_000, [4.0]).summary(),
        "wire": Measured("wire", number, [0.5], sandbox=[0.1]).summary(),
    }
    about = {"columns": 95, "csv_mb": 1.0, "wire_mb": 0.5, "filling_seconds": 1.0}
    return {"contacts": number, "changed": number // 100, **about, "measured": measured}


def persons(number: int, tokens: int) -> dict[str, Any]:
    measured = {
        "first": figures("first load", number, 1.0, 150, created=number, tokens=tokens),
        "same": figures("same", number, 1.0, 150, tokens=tokens),
    }
    return {"persons": number, "changed": 1, "filling_seconds": 1.0, "measured": measured}


@pytest.fixture
def found() -> dict[str, Any]:
    sizes = [size(10_000, seconds=3.0, peak=200), size(100_000, seconds=3.0, peak=300)]
    sizes.append(size(600_000, seconds=5.0, peak=340))
    found: dict[str, Any] = {"contacts": sizes, "persons": [persons(10_000, 200)]}
    return {**found, "promises": promises.judge(found)}


def test_medians_and_highest_peaks(found: dict[str, Any]) -> None:
    floor = found["contacts"][0]["measured"]["floor"]
    assert (floor["seconds"], floor["rounds"], floor["rows_per_second"]) == (2.0, 3, 5_000)
    assert found["contacts"][0]["measured"]["same"]["written"] == 0


def test_verdicts(found: dict[str, Any]) -> None:
    kept = {(v["subject"], v["name"]): v["kept"] for v in found["promises"]}
    assert kept["10,000 contacts", "whole first load x floor"]
    assert not kept["600,000 contacts", "whole first load x floor"]
    assert not kept["600,000 contacts", "transform, validate and upsert x floor"]
    assert kept["100,000 contacts", "unchanged re-sync x first load"]
    assert not kept["100,000 contacts", "its WAL, % of the first load's"]
    assert kept["10,000 contacts", "rows written with some changed, % of all"]
    assert not kept["100,000 to 600,000 contacts", "growth of peak memory, %"]
    assert kept["10,000 persons", "tokens per 10,000"]
    assert len(found["promises"]) == 3 * 8 + 4 + 1


def test_what_was_not_measured_has_no_verdict() -> None:
    one = size(10_000, seconds=3.0, peak=200)
    one["measured"]["obvious"] = Measured("obvious", 0).summary()
    names = {v["name"] for v in promises.judge({"contacts": [one], "persons": []})}
    assert "x pandas + executemany, 1,000 a time" not in names
    assert "whole first load x floor" in names


def test_tables_and_picture(found: dict[str, Any]) -> None:
    console = Console(width=230, record=True)
    with console.capture() as shown:
        for one in found["contacts"]:
            console.print(report.contacts_table(one))
        console.print(report.growth_table(found["contacts"]))
        console.print(report.persons_table(found["persons"][0]))
        console.print(report.promises_table(found["promises"]))
    assert "BROKEN" in shown.get()
    assert "first load" in shown.get()
    drawing = ElementTree.fromstring(plot.picture(found))
    assert len(drawing.findall(".//{*}polyline")) == 3 + 4 + 2
    assert plot.picture({"contacts": []}) == ""
    json.dumps(found)
