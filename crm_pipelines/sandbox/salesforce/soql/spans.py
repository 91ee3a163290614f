"""Dates and times in queries: literals to canonical text, named spans of days to ranges."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from crm_pipelines.sandbox.salesforce.soql.tokens import malformed


def stamp(at: datetime) -> str:
    """The canonical text of a date-time, UTC with milliseconds: it sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def read_moment(text: str) -> datetime:
    """A date-time as Salesforce accepts it; raises ``ValueError``."""
    text = text.upper().replace("Z", "+00:00")
    if len(text) > 5 and text[-5] in "+-" and text[-3] != ":":
        text = f"{text[:-2]}:{text[-2:]}"
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return at.astimezone(UTC)


def day_range(name: str, count: int, today: date) -> tuple[date, date]:
    """First day, and the day after the last, of a named span such as ``LAST_N_DAYS``."""
    one = timedelta(days=1)
    simple = {
        "YESTERDAY": (today - one, today),
        "TODAY": (today, today + one),
        "TOMORROW": (today + one, today + 2 * one),
        "LAST_90_DAYS": (today - 90 * one, today + one),
        "NEXT_90_DAYS": (today + one, today + 91 * one),
        "LAST_N_DAYS": (today - count * one, today + one),
        "NEXT_N_DAYS": (today + one, today + (count + 1) * one),
        "N_DAYS_AGO": (today - count * one, today - (count - 1) * one),
    }
    if name in simple:
        return simple[name]
    for period in ("WEEK", "MONTH", "YEAR"):
        steps = {
            f"LAST_{period}": (-1, 0),
            f"THIS_{period}": (0, 1),
            f"NEXT_{period}": (1, 2),
            f"LAST_N_{period}S": (-count, 0),
            f"NEXT_N_{period}S": (1, count + 1),
        }
        if name in steps:
            low, high = steps[name]
            return _shift(period, today, low), _shift(period, today, high)
    raise malformed(f"unexpected token: '{name}'")


def _shift(period: str, today: date, steps: int) -> date:
    if period == "WEEK":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7)
        return sunday + timedelta(weeks=steps)
    if period == "YEAR":
        return date(today.year + steps, 1, 1)
    months = today.year * 12 + today.month - 1 + steps
    return date(months // 12, months % 12 + 1, 1)


def midnight(at: date) -> str:
    """The canonical text of a day's first moment."""
    return stamp(datetime.combine(at, time(), UTC))
