"""What was changed of deals before the sandbox was first started, so that their logs agree."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from crm_pipelines.sandbox.pipedrive.change_log import Line
from crm_pipelines.sandbox.pipedrive.population.entities import STAGES, USERS
from crm_pipelines.sandbox.pipedrive.schema import Record

LONG = 700
"""Changes of a deal that somebody's program keeps writing to: more than fit on a page."""


def changes(seed: int, deals: Iterable[Record]) -> Iterator[Line]:
    """The log of every deal, oldest first; it ends with what the deal is now."""
    rng = random.Random(f"{seed}/changes")
    for deal in deals:
        yield from _of_deal(rng, deal)


def _of_deal(rng: random.Random, deal: Record) -> Iterator[Line]:
    added = _moment(deal["add_time"])
    moved = deal["stage_change_time"] and _moment(deal["stage_change_time"])
    last = moved or (_moment(deal["update_time"]) if deal["update_time"] else added)
    fields: list[tuple[datetime, str, str, str]] = []
    if moved:
        stages = _stages(rng, deal)
        times = sorted(_between(rng, added, moved) for _ in stages[2:])
        for at, (old, new) in zip([*times, moved], pairwise(stages), strict=True):
            fields.append((at, "stage_id", str(old), str(new)))
    fields += _values(rng, deal, added, last)
    fields.sort(key=lambda one: one[0])
    for at, key, before, after in fields:
        stamp = f"{at:%Y-%m-%d %H:%M:%S}"
        yield Line(deal["id"], key, before, after, rng.randint(1, USERS), stamp)


def _stages(rng: random.Random, deal: Record) -> list[int]:
    """From the stage it was made in to the one it is in; now and then from another pipeline."""
    found = [deal["stage_id"]]
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        pipeline = rng.choice(list(STAGES)) if rng.random() < 0.1 else deal["pipeline_id"]
        found.append(rng.choice([one for one in STAGES[pipeline] if one != found[-1]]))
    return found[::-1]


def _values(
    rng: random.Random, deal: Record, added: datetime, last: datetime
) -> list[tuple[datetime, str, str, str]]:
    count = LONG if deal["id"] % 23 == 0 else rng.choice((0, 0, 1, 3))
    amounts = [str(rng.randrange(100_000)) for _ in range(count)]
    now = deal["value"]
    amounts.append(str(int(now)) if float(now).is_integer() else repr(now))
    times = sorted(_between(rng, added, last) for _ in range(count))
    return [
        (at, "value", old, new) for at, (old, new) in zip(times, pairwise(amounts), strict=True)
    ]


def _between(rng: random.Random, start: datetime, end: datetime) -> datetime:
    """Some second of that time."""
    return start + timedelta(seconds=rng.randint(0, max(0, int((end - start).total_seconds()))))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
