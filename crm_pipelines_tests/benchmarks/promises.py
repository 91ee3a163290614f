"""What is promised of speed and memory, and whether the figures keep it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

LOAD = ("transform", "validate", "upsert")
Figures = dict[str, Any]
"""``measured`` of a summary: what was measured, by name."""


@dataclass(frozen=True)
class Promise:
    """One figure with its limit; ``at_least`` where more is better."""

    name: str
    figure: Callable[[Figures], float]
    limit: float
    at_least: bool = False


@dataclass(frozen=True)
class Verdict:
    """A promise held against what was measured; ``subject`` says of what."""

    subject: str
    name: str
    figure: float
    limit: float
    at_least: bool
    kept: bool


def _ratio(above: Callable[[Figures], float], below: Callable[[Figures], float]) -> Any:
    return lambda found: above(found) / below(found)


def _value(name: str, key: str) -> Callable[[Figures], float]:
    return lambda found: float(found[name][key])


def load_seconds(found: Figures) -> float:
    """The phases behind the download."""
    return float(sum(found["first"]["phases"][name] for name in LOAD))


def per_ten_thousand(found: Figures) -> float:
    """Tokens that 10,000 persons cost."""
    return float(found["first"]["outcome"]["tokens"] * 10_000 / found["first"]["rows"])


def _times(way: str) -> Callable[[Figures], float]:
    """How many times as fast as that way."""
    speed = "rows_per_second"
    ratio: Callable[[Figures], float] = _ratio(_value("first", speed), _value(way, speed))
    return ratio


_FLOOR, _FIRST = _value("floor", "seconds"), _value("first", "seconds")
_ROWS = _value("first", "rows")

CONTACTS = (
    Promise("transform, validate and upsert x floor", _ratio(load_seconds, _FLOOR), 1.5),
    Promise("whole first load x floor", _ratio(_FIRST, _FLOOR), 2.0),
    Promise("x pandas + executemany, 1,000 a time", _times("obvious"), 10.0, at_least=True),
    Promise("x pandas + one statement per 1,000", _times("values"), 10.0, at_least=True),
    Promise("x pandas to_sql, 1,000 a time", _times("to_sql"), 10.0, at_least=True),
    Promise("x pandas + record by record", _times("one_by_one"), 10.0, at_least=True),
    Promise("peak memory, MB", lambda f: max(f[n]["peak_mb"] for n in ("first", "same")), 400.0),
    Promise("unchanged re-sync x first load", _ratio(_value("same", "seconds"), _FIRST), 0.6),
    Promise("rows written by it", _value("same", "written"), 0.0),
    Promise(
        "its WAL, % of the first load's",
        lambda f: 100 * f["same"]["wal_mb"] / f["first"]["wal_mb"],
        5.0,
    ),
    Promise(
        "rows written with some changed, % of all",
        lambda f: 100 * f["some"]["written"] / f["some"]["rows"],
        0.0,  # replaced by what was changed
    ),
)
PERSONS = (
    Promise("persons per second", _value("first", "rows_per_second"), 5_000.0, at_least=True),
    Promise("peak memory, MB", _value("first", "peak_mb"), 200.0),
    Promise("tokens per 10,000", per_ten_thousand, 200.0),
    Promise("rows written by an unchanged re-sync", _value("same", "written"), 0.0),
)
STEADY = 10.0
"""Per cent by which memory may differ from 100,000 contacts on."""


def judge(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Every promise that was measured."""
    verdicts: list[Verdict] = []
    for size in found["contacts"]:
        subject = f"{size['contacts']:,} contacts"
        verdicts += _judge(subject, CONTACTS[:-1], size["measured"])
        share = Promise(
            CONTACTS[-1].name, CONTACTS[-1].figure, 100 * size["changed"] / size["contacts"]
        )
        verdicts += _judge(subject, (share,), size["measured"])
    for size in found["persons"]:
        verdicts += _judge(f"{size['persons']:,} persons", PERSONS, size["measured"])
    return [asdict(each) for each in (*verdicts, *_steady(found["contacts"]))]


def _judge(subject: str, promises: tuple[Promise, ...], found: Figures) -> Iterator[Verdict]:
    for promise in promises:
        try:
            figure = round(promise.figure(found), 3)
        except (KeyError, ZeroDivisionError):
            continue  # that was not measured this time
        kept = figure >= promise.limit if promise.at_least else figure <= promise.limit
        yield Verdict(subject, promise.name, figure, promise.limit, promise.at_least, kept)


def _steady(sizes: list[dict[str, Any]]) -> Iterator[Verdict]:
    """Memory must not grow with the number of records."""
    large = [size for size in sizes if size["contacts"] >= 100_000]
    if len(large) < 2:
        return
    least, most = (
        max(size["measured"][n]["peak_mb"] for n in ("first", "same"))
        for size in (large[0], large[-1])
    )
    subject = f"{large[0]['contacts']:,} to {large[-1]['contacts']:,} contacts"
    growth = round(100 * (most - least) / least, 1)
    yield Verdict(subject, "growth of peak memory, %", growth, STEADY, False, growth <= STEADY)
