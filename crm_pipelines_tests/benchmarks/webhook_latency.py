"""``python -m crm_pipelines_tests.benchmarks.webhook_latency``: from a change in the simulated CRM
to the row of the mirror, by webhook.

Needs ``crm-pipelines dev`` in the same CRM_HOME, its webhooks, and a first sync of Pipedrive.
"""

from __future__ import annotations

import os
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import psycopg
import typer
from rich.console import Console
from rich.table import Table

from crm_pipelines import home

WIDTH = 130
LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 90.0
NAMED = {"persons": "name", "organizations": "name", "deals": "title", "activities": "subject"}
SEEN = " UNION ALL ".join(
    f"SELECT {field} AS mark FROM pipedrive.{name} WHERE {field} = ANY (%(marks)s)"
    for name, field in NAMED.items()
)
ARRIVED = """
SELECT m.mark, min(extract(epoch FROM i.received_at))::float8
  FROM unnest(%(marks)s::text[]) AS m (mark)
  JOIN sync.inbox AS i ON position(convert_to(m.mark, 'UTF8') IN i.body) > 0
 GROUP BY 1
"""


@dataclass
class Change:
    """A change; times in seconds of this machine's clock, 0 until they are known."""

    mark: str
    made_at: float
    arrived_at: float = 0.0
    seen_at: float = 0.0


def main(
    changes: Annotated[int, typer.Option(help="In each round.", min=1)] = 40,
    pause: Annotated[
        list[float] | None,
        typer.Option(help="Seconds between changes, on average: a round for each."),
    ] = None,
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Change records at random moments and wait for their rows."""
    dice, console = random.Random(seed), Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    table = Table(
        "pause s", "changes", "median s", "p95 s", "slowest", "lost", "to inbox s", "load"
    )
    with home.ready() as ready:
        if not ready.sandbox_url:
            raise typer.BadParameter("this changes records: it is for the simulated CRM only")
        with psycopg.connect(ready.wiring.database.url, autocommit=True) as connection:
            for mean in pause or [2.0, 20.0]:
                done = _round(ready.sandbox_url, connection, dice, changes, mean)
                table.add_row(f"{mean:g}", *_figures(done), f"{os.getloadavg()[0]:.1f}")
    console.print(table)


def _round(
    sandbox: str, connection: psycopg.Connection[Any], dice: random.Random, number: int, mean: float
) -> list[Change]:
    made: list[Change] = []
    with _crm(sandbox) as change:
        next_at = time.time()
        while len(made) < number or _waiting(made):
            if len(made) < number and time.time() >= next_at:
                made.append(change(dice))
                next_at = time.time() + dice.expovariate(1 / mean)
            _look(connection, _waiting(made))
            time.sleep(LOOK_SECONDS)
    arrived = connection.execute(ARRIVED, {"marks": [one.mark for one in made]}).fetchall()
    by_mark = dict(arrived)
    for one in made:
        one.arrived_at = by_mark.get(one.mark, 0.0)
    return made


def _waiting(made: list[Change]) -> list[Change]:
    since = time.time() - GIVE_UP_SECONDS
    return [one for one in made if not one.seen_at and one.made_at > since]


@contextmanager
def _crm(sandbox: str) -> Iterator[Callable[[random.Random], Change]]:
    """Makes a change to a record that is picked at random."""
    with httpx.Client(
        base_url=f"{sandbox}/sandbox/pipedrive/records", trust_env=False, timeout=60
    ) as client:
        ids = {
            name: [int(line.split('"id":', 1)[1].split(",")[0]) for line in text.splitlines()]
            for name, text in ((name, client.get(f"/{name}").text) for name in NAMED)
        }

        def change(dice: random.Random) -> Change:
            name = dice.choice(sorted(NAMED))
            mark, made_at = f"latency {uuid.uuid4()}", time.time()
            path = f"/{name}/{dice.choice(ids[name])}"
            client.patch(path, json={NAMED[name]: mark}).raise_for_status()
            return Change(mark, made_at)

        yield change


def _look(connection: psycopg.Connection[Any], waiting: list[Change]) -> None:
    if not waiting:
        return
    marks = [one.mark for one in waiting]
    found = {row[0] for row in connection.execute(SEEN, {"marks": marks}).fetchall()}
    for one in waiting:
        if one.mark in found:
            one.seen_at = time.time()


def _figures(made: list[Change]) -> list[str]:
    took = sorted(one.seen_at - one.made_at for one in made if one.seen_at)
    came = [one.arrived_at - one.made_at for one in made if one.arrived_at]
    if not took:
        return [str(len(made)), "-", "-", "-", str(len(made)), "-"]
    return [
        str(len(made)),
        f"{statistics.median(took):.2f}",
        f"{took[min(len(took) - 1, int(len(took) * 0.95))]:.2f}",
        f"{took[-1]:.2f}",
        str(len(made) - len(took)),
        f"{statistics.median(came):.2f}" if came else "-",
    ]


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
