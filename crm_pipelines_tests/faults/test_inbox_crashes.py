"""Appliers are killed at any moment: each delivery is settled once, and the mirror is right."""

from __future__ import annotations

import os
import random
import time

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.faults.test_push_crashes import crew
from crm_pipelines_tests.integration.inbox.bustle import Bustle
from crm_pipelines_tests.integration.inbox.post import STREAMS, posting, wrong_rows
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

EVENTS = int(os.environ.get("CRM_TEST_CRASH_EVENTS", "250"))
PATIENCE = 300.0


def test_killed_appliers_lose_and_double_nothing(sandbox: Sandbox, mirror: Mirroring) -> None:
    dice = random.Random(7)
    for name in STREAMS:
        mirror(f"pipedrive.{name}", mode=Mode.FULL)
    mirror.query(
        "CREATE TABLE settled (id bigint, status text);"
        " CREATE FUNCTION note_settled() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO settled VALUES (new.id, new.status); RETURN NULL; END $$;"
        " CREATE TRIGGER note_settled AFTER UPDATE OF status ON sync.inbox FOR EACH ROW"
        " WHEN (new.status <> old.status) EXECUTE FUNCTION note_settled()"
    )
    kills = 0
    with posting(sandbox, mirror) as post, crew(mirror.values, "inbox_worker") as appliers:
        Bustle(sandbox, seed=7).go_on(EVENTS)
        bodies = post.bodies()
        arriving = [*bodies, *dice.sample(bodies, len(bodies) // 3)]
        dice.shuffle(arriving)
        give_up = time.monotonic() + PATIENCE
        while arriving or post.states()["waiting"]:
            assert time.monotonic() < give_up, "some deliveries are never settled"
            some, arriving = arriving[:30], arriving[30:]
            post.put(some)
            while len(appliers.alive) < 2:
                appliers.hire(20)
            time.sleep(dice.uniform(0.05, 1.2))
            if arriving:
                appliers.kill(dice.randrange(len(appliers.alive)))
                kills += 1
        appliers.close()
        assert kills >= 5
        assert sum(post.states().values()) == len(bodies)
    settled = mirror.query("SELECT id FROM settled")
    assert len(settled) == len({row["id"] for row in settled}) == len(bodies)
    assert wrong_rows(mirror) == {}
