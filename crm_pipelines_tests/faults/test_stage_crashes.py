"""Workers die at any moment: what took effect is not repeated, what did not is done later.

``STAGE_CRASHES`` sets how often a worker is killed with SIGKILL.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from crm_pipelines.flows.stages import mappings
from crm_pipelines.store.stages import mappings as store
from crm_pipelines_tests.faults.runs import CHECKOUT, OURS
from crm_pipelines_tests.integration.stages.staging import Staging, Told, told
from crm_pipelines_tests.mirroring import variables

CRASHES = int(os.environ.get("STAGE_CRASHES", "12"))
DEALS, ROUNDS = 12, 3


@pytest.fixture
def world(database_url: str) -> Iterator[Callable[[str, str], Staging]]:
    """Stages of deals that nobody asks a CRM about."""
    made: list[Staging] = []

    def make(folder: str, address: str) -> Staging:
        values = variables("http://127.0.0.1:1", database_url, folder)  # type: ignore[arg-type]
        values["CRM_NOTIFY_WEBHOOK_URL"] = address
        made.append(Staging(values, None))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@contextmanager
def crew(values: dict[str, str]) -> Iterator[Callable[[], int]]:
    """Makes workers; gives their process ids."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "crm_pipelines_tests.faults.stage_worker"],
        cwd=CHECKOUT,
        env={**rest, **values},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        alive: list[int] = []

        def hire() -> int:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            alive.append(int(process.stdout.readline()))
            return alive[-1]

        try:
            yield hire
        finally:
            for pid in alive:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def test_every_action_takes_effect_once(
    world: Callable[[str, str], Staging], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with told() as people:
        one = world(str(tmp_path_factory.mktemp("home")), people.url)
        _prepare(one)
        rng = random.Random(7)
        with crew(one.mirror.values) as hire:
            for crash in range(CRASHES):
                if crash % (CRASHES // ROUNDS) == 0:
                    _move_all(one, crash)
                pid = hire()
                _await_work(one)
                time.sleep(rng.uniform(0.0, 0.1))
                os.kill(pid, signal.SIGKILL)
        for _ in range(3):
            one.hasten()
            one.run()
        _require_each_once(one, people)


def _await_work(one: Staging) -> None:
    """Until the worker has done something, or nothing is left to do."""
    before = _by_workers(one)
    for _ in range(1_000):
        waits = one.query("SELECT id FROM sync.stage_actions WHERE status = 'waiting' LIMIT 1")
        if not waits or _by_workers(one) > before:
            return
        time.sleep(0.01)


def _by_workers(one: Staging) -> int:
    done = "SELECT count(*) FROM sync.stage_actions WHERE run_id = 'worker'"
    return int(one.query(done)[0]["count"])


def _prepare(one: Staging) -> None:
    users = [one.user(f"{name}@x.example") for name in "abc"]
    one.query(
        "INSERT INTO app.contacts (id, name, pipedrive_person_id)"
        " SELECT 'c' || n, 'Contact ' || n, n FROM generate_series(1, %(deals)s) AS n",
        deals=DEALS,
    )
    one.query(
        "INSERT INTO app.deals (id, title, contact_id, pipedrive_deal_id)"
        " SELECT 'd' || n, 'Deal ' || n, 'c' || n, n FROM generate_series(1, %(deals)s) AS n",
        deals=DEALS,
    )
    one.query("DELETE FROM sync.outbox")
    for stage in range(1, ROUNDS + 2):
        campaign = {"campaign": f"stage {stage}"}
        mapping = mappings.read(
            {
                "probability": stage * 10,
                "local_status": f"Stage {stage}",
                "actions": [
                    {"action": "stop_campaign"},
                    {"action": "start_campaign", "options": campaign},
                    {"action": "assign_owner", "options": {"users": users}},
                    {"action": "send_notification"},
                ],
            }
        )
        with one.database.transaction() as connection:
            about = {"workspace": "default", "crm": "pipedrive", "stage_id": stage, "who": ""}
            said = mapping.model_dump()
            store.put(connection, {**about, **said}, said["actions"])


def _move_all(one: Staging, crash: int) -> None:
    """Every deal into the next stage, once those before are done with."""
    for _ in range(600):
        one.hasten()
        if not one.query("SELECT id FROM sync.stage_actions WHERE status = 'waiting' LIMIT 1"):
            break
        one.run()
    stage = crash // (CRASHES // ROUNDS) + 1
    at = one.now() + timedelta(seconds=crash)
    one.note(
        *(one.transition(deal, stage, stage - 1, changed_at=at) for deal in range(1, DEALS + 1))
    )


def _require_each_once(one: Staging, people: Told) -> None:
    rows = one.actions()
    assert Counter(row["status"] for row in rows)["waiting"] == 0
    assert not [row for row in rows if row["status"] == "failed"]
    done = [row for row in rows if row["status"] == "done"]
    lines = one.query("SELECT details FROM sync.audit_log WHERE action LIKE 'stage.%%'")
    assert Counter(line["details"]["action"] for line in lines) == Counter(r["id"] for r in done)
    assert {row["run_id"] for row in done} >= {"worker"}
    kinds = Counter(row["action"] for row in done)
    rounds = len(rows) // (5 * DEALS)
    assert kinds["set_lead_status"] == kinds["start_campaign"] == rounds * DEALS
    assert kinds["send_notification"] == rounds * DEALS
    assert len(one.memberships()) == rounds * DEALS
    assert sum(row["status"] == "active" for row in one.memberships()) == DEALS
    keys = {notice["details"]["key"] for notice in people.notices}
    assert keys == {f"stage-action-{r['id']}" for r in done if r["action"] == "send_notification"}
    owners = one.query("SELECT user_id, pipedrive_deal_id FROM app.deals")
    assert all(row["user_id"] is not None for row in owners)
    told_twice = len(people.notices) - len(keys)
    assert told_twice <= CRASHES
