"""Both sides are edited at random with webhooks on: equal in the end, and every echo known.

``SOAK_SECONDS`` sets for how long. Webhooks come twice, late and in no order; two pushes and an
inbox are at work all the time.
"""

from __future__ import annotations

import copy
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from crm_pipelines_tests.integration.push.pushing import Pushing
from crm_pipelines_tests.integration.two_way.edits import Edits
from crm_pipelines_tests.integration.two_way.sides import Sides, two_sides
from crm_pipelines_tests.sandbox_process import Sandbox

SECONDS = float(os.environ.get("SOAK_SECONDS", "20"))
RECORDS = re.compile("/api/v2/(persons|organizations|deals|activities)")
NASTY = {
    "webhook_copies": 2,
    "webhook_shuffle": 5,
    "webhook_delay_milliseconds": 400,
    "daily_tokens": 100_000_000,
}


@contextmanager
def repeating(*works: Callable[[], object]) -> Iterator[None]:
    """Each again and again in a thread of its own, as long as the block lasts."""
    stop, troubles = threading.Event(), list[BaseException]()

    def repeat(work: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:  # told at the end
            troubles.append(error)

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert troubles == []


def pausing(seconds: float, work: Callable[[], object]) -> Callable[[], object]:
    """With a short pause after it."""

    def both() -> None:
        work()
        time.sleep(seconds)

    return both


@pytest.mark.long
def test_both_sides_are_equal_in_the_end(sandbox: Sandbox, environment: dict[str, str]) -> None:
    values = {**environment, "PIPEDRIVE_DAILY_TOKENS": "100000000"}
    sandbox.admin("PATCH", "/pipedrive/limits", NASTY)
    with two_sides(values, sandbox) as sides:
        dice = random.Random(4)
        edits = Edits(sides, dice)
        others = copy.copy(edits)
        others.dice = random.Random(5)
        soak(sides, edits, others, values)
        sides.settle()
        check(sides)


def soak(sides: Sides, here: Edits, there: Edits, values: dict[str, str]) -> None:
    post, taken = sides.post, Counter[str]()
    counted = Counter[str]()
    second = Pushing(values, sides.sandbox)

    def edit_here() -> None:
        here.here()
        counted["here"] += 1

    def edit_there() -> None:
        there.there()
        counted["there"] += 1

    def feed() -> None:
        every = post.receiver.bodies()
        post.put(every[taken["bodies"] :])
        taken["bodies"] = len(every)

    try:
        with repeating(
            pausing(0.05, edit_here),
            pausing(0.05, edit_there),
            pausing(0.02, sides.push.work),
            pausing(0.03, second.work),
            pausing(0.02, feed),
            pausing(0.02, lambda: post.flow.work(seconds=1)),
        ):
            time.sleep(SECONDS)
    finally:
        second.close()
    counted["deliveries"] = taken["bodies"]
    sys.stderr.write(f"{dict(counted)}\n")
    assert min(counted.values()) > SECONDS


def check(sides: Sides) -> None:
    """Equal, every write told of once, and nothing that came from there went back."""
    assert sides.differences() == []
    dead = sides.query("SELECT id, entity, error FROM sync.outbox WHERE status = 'dead'")
    assert dead == []
    balance = sides.balance()
    sys.stderr.write(f"{balance}, {dict(sides.post.states())}\n")
    assert balance.writes == balance.echoes == writes(sides)
    twice = sides.query(
        "SELECT details ->> 'delivery' AS delivery, details ->> 'local_id' AS row, count(*)"
        "  FROM sync.audit_log WHERE action = 'record.take_over' AND details ? 'delivery'"
        " GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert twice == []
    assert sides.query("SELECT DISTINCT trigger FROM sync.outbox") == [{"trigger": "sync"}]


def writes(sides: Sides) -> int:
    """Of records, that the CRM has applied."""
    return sum(
        bool(RECORDS.match(entry["path"])) and entry["status"] < 300
        for entry in sides.push.writes()
    )
