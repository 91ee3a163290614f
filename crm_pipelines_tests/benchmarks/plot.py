"""The figures as a picture: lines over the number of contacts, as SVG written by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from crm_pipelines_tests.benchmarks.promises import load_seconds

_WIDTH, _HEIGHT, _GAP = 400, 300, 70
_COLOURS = {
    "whole first load": "#1b6ca8",
    "transform, validate, upsert": "#d1495b",
    "re-sync, nothing changed": "#2e8b57",
    "raw COPY": "#666666",
    "pandas + SQLAlchemy": "#b7791f",
}
_GRID, _INK = "#e3e6ea", "#333"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One set of axes; ``limits`` are lines across, by what they mean."""

    title: str
    lines: Mapping[str, Points]
    limits: Mapping[str, float]
    logarithmic: bool = False

    @property
    def top(self) -> float:
        """The end of the upright axis."""
        values = [y for points in self.lines.values() for _, y in points]
        most = max([*values, *self.limits.values(), 1e-9])
        if self.logarithmic:
            return float(10 ** math.ceil(math.log10(most)))
        step = 10 ** math.floor(math.log10(most)) / 2
        return float(math.ceil(most * 1.05 / step) * step)

    @property
    def bottom(self) -> float:
        """Its beginning."""
        if not self.logarithmic:
            return 0.0
        values = [y for points in self.lines.values() for _, y in points if y > 0]
        return float(10 ** math.floor(math.log10(min(values, default=1.0))))


def picture(found: dict[str, Any]) -> str:
    """An SVG document; the empty text when nothing with a size was measured."""
    sizes = found["contacts"]
    if not sizes:
        return ""
    panels = [_beside_floor(sizes), _speed(sizes), _memory(sizes)]
    width = len(panels) * (_WIDTH + _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT + 150}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        left = _GAP + number * (_WIDTH + _GAP)
        parts += [f'<g transform="translate({left}, 40)">', *_drawn(panel), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _beside_floor(sizes: list[dict[str, Any]]) -> Panel:
    def ratio(seconds: Any) -> list[tuple[float, float]]:
        return [
            (s["contacts"], seconds(s["measured"]) / s["measured"]["floor"]["seconds"])
            for s in sizes
        ]

    lines = {
        "whole first load": ratio(lambda f: f["first"]["seconds"]),
        "transform, validate, upsert": ratio(load_seconds),
        "re-sync, nothing changed": ratio(lambda f: f["same"]["seconds"]),
    }
    limits = {"promised: whole": 2.0, "promised: load": 1.5}
    return Panel("Seconds, as multiples of a raw COPY", lines, limits)


def _speed(sizes: list[dict[str, Any]]) -> Panel:
    names = {
        "floor": "raw COPY",
        "first": "whole first load",
        "same": "re-sync, nothing changed",
        "obvious": "pandas + SQLAlchemy",
    }
    lines = {
        title: points
        for name, title in names.items()
        if (points := _points(sizes, name, "rows_per_second"))
    }
    return Panel("Contacts per second", lines, {}, logarithmic=True)


def _memory(sizes: list[dict[str, Any]]) -> Panel:
    lines = {
        "whole first load": _points(sizes, "first", "peak_mb"),
        "re-sync, nothing changed": _points(sizes, "same", "peak_mb"),
    }
    return Panel("Peak memory, MB", lines, {"promised": 400.0})


def _points(sizes: list[dict[str, Any]], name: str, key: str) -> list[tuple[float, float]]:
    return [(s["contacts"], s["measured"][name][key]) for s in sizes if key in s["measured"][name]]


def _drawn(panel: Panel) -> Iterator[str]:
    across = _across([x for points in panel.lines.values() for x, _ in points])
    up = _up(panel)
    yield f'<text y="-14" font-size="14" font-weight="bold">{escape(panel.title)}</text>'
    for value in _ticks(panel):
        yield _line(0, up(value), _WIDTH, up(value), _GRID)
        y = up(value) + 4
        yield f'<text x="-8" y="{y:.1f}" text-anchor="end">{_short(value)}</text>'
    for x in sorted({x for points in panel.lines.values() for x, _ in points}):
        yield _line(across(x), _HEIGHT, across(x), _HEIGHT + 5, _INK)
        at = f'x="{across(x):.1f}" y="{_HEIGHT + 20}"'
        yield f'<text {at} text-anchor="middle">{_short(x)}</text>'
    for name, value in panel.limits.items():
        yield _line(0, up(value), _WIDTH, up(value), "#999", 'stroke-dasharray="5 4"')
        y = up(value) - 5
        yield f'<text x="{_WIDTH}" y="{y:.1f}" text-anchor="end" fill="#777">{escape(name)}</text>'
    for number, (name, points) in enumerate(panel.lines.items()):
        colour = _COLOURS[name]
        where = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        yield f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in points:
            yield f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"/>'
        y = _HEIGHT + 45 + number * 18
        yield _line(0, y - 4, 22, y - 4, colour, 'stroke-width="3"')
        yield f'<text x="30" y="{y}">{escape(name)}</text>'


def _across(values: Sequence[float]) -> Any:
    low, high = math.log10(min(values)), math.log10(max(values))
    if low == high:
        return lambda _: _WIDTH / 2
    inner = _WIDTH - 60
    return lambda x: 30 + (math.log10(x) - low) / (high - low) * inner


def _up(panel: Panel) -> Any:
    bottom, top = panel.bottom, panel.top
    if panel.logarithmic:
        span = math.log10(top) - math.log10(bottom)
        return lambda y: _HEIGHT - (math.log10(y) - math.log10(bottom)) / span * _HEIGHT
    return lambda y: _HEIGHT - (y - bottom) / (top - bottom) * _HEIGHT


def _ticks(panel: Panel) -> list[float]:
    if panel.logarithmic:
        first, last = round(math.log10(panel.bottom)), round(math.log10(panel.top))
        return [10.0**power for power in range(first, last + 1)]
    return [panel.top * part / 5 for part in range(6)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'
    )


def _short(number: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"
