"""Thousands of events in no order, doubled, with merges and deletes: the mirror equals the CRM."""

from __future__ import annotations

import logging
import os
import random
import time
from collections import Counter

import pytest

from crm_pipelines.model.event import State
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.integration.inbox.bustle import Bustle
from crm_pipelines_tests.integration.inbox.post import STREAMS, posting, wrong_rows
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

LOG = logging.getLogger(__name__)
EVENTS = int(os.environ.get("CRM_TEST_EVENTS", "2000"))
"""How many events; 20,000 take some minutes (``--log-cli-level=INFO`` tells how long)."""


@pytest.mark.long
def test_mirror_equals_truth_whatever_the_order(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Half of the CRM's events come twice, all of them shuffled, in batches of every size."""
    dice = random.Random(EVENTS)
    for name in STREAMS:
        mirror(f"pipedrive.{name}", mode=Mode.FULL)
    with posting(sandbox, mirror) as post:
        bustle = Bustle(sandbox, seed=EVENTS)
        bustle.go_on(EVENTS)
        bodies = post.bodies()
        assert len(bodies) >= EVENTS
        doubled = [*bodies, *dice.sample(bodies, len(bodies) // 2)]
        dice.shuffle(doubled)
        begun, tokens, done = time.monotonic(), 0, Counter[State]()
        while doubled:
            size = min(len(doubled), dice.choice((1, 40, 400, 2_000)))
            some, doubled = doubled[:size], doubled[size:]
            applied = post.work(some)
            tokens += applied.tokens
            done.update(applied.states)
        took = time.monotonic() - begun
        states = post.states()
    LOG.info("%s events, %.1f s, %s tokens, %s", len(bodies), took, tokens, dict(states))
    assert sum(states.values()) == len(bodies) == sum(done.values())
    assert set(states) <= {"applied", "stale"}
    assert wrong_rows(mirror) == {}
