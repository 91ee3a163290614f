"""Whatever dies, breaks or comes twice: every lead is one person, every activity is one activity.

``CRASHES`` sets how many crashes there are; a crash is a killed worker, a connection cut before or
after the CRM applied the write, an answer that never comes or breaks off, or a trigger that fires
again. Search never finds what was made in the test, so that only lists can tell.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from crm_pipelines.model.command import Status
from crm_pipelines.model.window import Mode
from crm_pipelines.store import outbox
from crm_pipelines_tests.faults.runs import CHECKOUT, OURS
from crm_pipelines_tests.integration.push.pushing import Pushing
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

CRASHES = int(os.environ.get("CRASHES", "90"))
LEADS, ACTIVITIES, ORGANIZATIONS = 300, 600, 30
WORKERS = 3
PATIENCE = 900.0
WRITES = "^/api/v2/(persons|organizations|activities)"
SPOILS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("lost_answer", "POST", {}),
    ("cut_body", "POST", {"at": 0.3}),
    ("reset", "POST", {}),
    ("malformed_json", "POST", {"at": 0.6}),
    ("timeout", "POST", {"seconds": 0.4}),
    ("server_error", "POST", {"status": 502}),
    ("lost_answer", "GET", {}),
    ("burst_429", "POST", {}),
)


class Crew:
    """Workers that deliver side by side, and die."""

    def __init__(self, values: dict[str, str], work: str = "push_worker") -> None:
        rest = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"crm_pipelines_tests.faults.{work}"],
            cwd=CHECKOUT,
            env={**rest, **values},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.alive: list[int] = []

    def hire(self, most: int) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{most}\n")
        self._process.stdin.flush()
        self.alive.append(int(self._process.stdout.readline()))

    def kill(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.alive.pop(number), signal.SIGKILL)

    def close(self) -> None:
        while self.alive:
            self.kill(0)
        self._process.communicate(timeout=60)


@contextmanager
def crew(values: dict[str, str], work: str = "push_worker") -> Iterator[Crew]:
    made = Crew(values, work)
    try:
        yield made
    finally:
        made.close()


def add_everything(push: Pushing) -> None:
    """In pieces, so that much of it comes in while workers die."""
    push.query(
        "INSERT INTO app.organizations (id, name, country)"
        " SELECT 'o' || n, 'Company ' || n, 'Estonia' FROM generate_series(1, %(count)s) AS n",
        count=ORGANIZATIONS,
    )


def add_leads(push: Pushing, first: int, last: int) -> None:
    push.query(
        "INSERT INTO app.contacts (id, name, email, organization_id, warmness_score)"
        " SELECT 'c' || n, 'Lead ' || n, 'lead' || n || '@example.com',"
        "        'o' || (n %% %(companies)s + 1), 5"
        "   FROM generate_series(%(first)s::int, %(last)s::int) AS n",
        first=first,
        last=last,
        companies=ORGANIZATIONS,
    )


def add_activities(push: Pushing, first: int, last: int) -> None:
    """Two of a contact are alike in everything."""
    push.query(
        "INSERT INTO app.activities (id, contact_id, type, subject, due_at)"
        " SELECT 'a' || n, 'c' || ((n - 1) / 2 + 1), 'CALL', 'Call',"
        "        timestamptz '2026-05-01 10:00Z'"
        "   FROM generate_series(%(first)s::int, %(last)s::int) AS n",
        first=first,
        last=last,
    )


def spoil(sandbox: Sandbox, chance: random.Random) -> str:
    kind, method, more = chance.choice(SPOILS)
    after = chance.randrange(6)
    sandbox.fault(kind, system="pipedrive", method=method, path=WRITES, after=after, **more)
    return kind


def fire_again(push: Pushing) -> None:
    """Triggers that come twice: whatever is there already is not enqueued again."""
    push.push.reconcile()


def open_commands(push: Pushing) -> int:
    rows = push.query("SELECT count(*) AS open FROM sync.outbox WHERE status <> 'delivered'")
    return int(rows[0]["open"])


def hurry(push: Pushing) -> None:
    """Nobody waits for the end of a pause, for a circuit to close, or to be driven again."""
    outbox.redrive(push.wiring.database, "default", status=Status.DEAD, who="tests")
    push.query("DELETE FROM sync.breakers")
    push.query(
        "UPDATE sync.outbox SET next_attempt_at = clock_timestamp()"
        " WHERE status IN ('pending', 'failed')"
        "   AND (sent_at IS NULL OR sent_at < clock_timestamp() - interval '2 seconds')"
    )


def rampage(push: Pushing, workers: Crew, chance: random.Random) -> Counter[str]:
    """Crashes of every kind, while leads and activities come in."""
    seen: Counter[str] = Counter()
    steps = 10
    add_everything(push)
    for step in range(steps):
        add_leads(push, step * LEADS // steps + 1, (step + 1) * LEADS // steps)
        add_activities(push, step * ACTIVITIES // steps + 1, (step + 1) * ACTIVITIES // steps)
        while sum(seen.values()) < (step + 1) * CRASHES // steps:
            while len(workers.alive) < WORKERS:
                workers.hire(chance.choice((5, 20, 100)))
            kind = chance.choice(("kill", "kill", "spoil", "spoil", "spoil", "again"))
            if kind == "kill":
                workers.kill(chance.randrange(len(workers.alive)))
            elif kind == "spoil":
                kind = spoil(push.sandbox, chance)
            else:
                fire_again(push)
            seen[kind] += 1
            if chance.random() < 0.2:
                hurry(push)
            time.sleep(chance.uniform(0.0, 0.12))
    return seen


def settle(push: Pushing, workers: Crew) -> None:
    """No more crashes: the rest gets through."""
    push.sandbox.admin("DELETE", "/faults")
    until = time.monotonic() + PATIENCE
    while open_commands(push):
        while len(workers.alive) < WORKERS:
            workers.hire(100)
        hurry(push)
        assert time.monotonic() < until, push.query(
            "SELECT id, entity, kind, local_id, status, attempts, error, sent_at, worker"
            "  FROM sync.outbox WHERE status <> 'delivered' LIMIT 20"
        )
        time.sleep(0.2)


@pytest.mark.long
def test_everything_once(sandbox: Sandbox, environment: dict[str, str], mirror: Mirroring) -> None:
    for stream in ("pipedrive.persons", "pipedrive.organizations"):
        mirror(stream, mode=Mode.FULL)
    sandbox.admin(
        "PATCH",
        "/pipedrive/limits",
        {"search_lag_seconds": 86_400, "daily_tokens": 10_000_000, "cloudflare_after": 1_000_000},
    )
    values = {
        **environment,
        "CRM_PUSH_GRACE_SECONDS": "1",
        "PIPEDRIVE_DAILY_TOKENS": "10000000",
    }
    push = Pushing(values, sandbox)
    try:
        with crew(values) as workers:
            seen = rampage(push, workers, random.Random(20_261_121))
            settle(push, workers)
        check(push)
    finally:
        push.close()
    assert sum(seen.values()) >= CRASHES
    sys.stderr.write(f"{dict(seen)}\n")


def check(push: Pushing) -> None:
    """Exactly one of each, linked rightly; and both sides agree on who is who."""
    persons = {one["id"]: one for one in push.made("persons")}
    companies = {one["id"]: one for one in push.made("organizations")}
    activities = {one["id"]: one for one in push.made("activities")}
    assert (len(persons), len(companies), len(activities)) == (LEADS, ORGANIZATIONS, ACTIVITIES)
    contacts = {one["id"]: one for one in push.query("SELECT * FROM app.contacts")}
    assert sorted(one["pipedrive_person_id"] for one in contacts.values()) == sorted(persons)
    named = {one["id"]: one for one in push.query("SELECT * FROM app.organizations")}
    for contact in contacts.values():
        person = persons[contact["pipedrive_person_id"]]
        assert person["name"] == contact["name"]
        assert person["org_id"] == named[contact["organization_id"]]["pipedrive_org_id"]
        assert companies[person["org_id"]]["name"] == named[contact["organization_id"]]["name"]
    rows = push.query("SELECT * FROM app.activities")
    assert sorted(row["pipedrive_activity_id"] for row in rows) == sorted(activities)
    for row in rows:
        found = activities[row["pipedrive_activity_id"]]
        assert found["person_id"] == contacts[row["contact_id"]]["pipedrive_person_id"]
        assert row["replicated_to_pipedrive"] and row["update_sync_status"] == "SYNCED"
    commands = push.query("SELECT entity, kind, status, count(*) FROM sync.outbox GROUP BY 1, 2, 3")
    assert {(r["entity"], r["status"]): r["count"] for r in commands if r["kind"] == "create"} == {
        ("person", "delivered"): LEADS,
        ("organization", "delivered"): ORGANIZATIONS,
        ("activity", "delivered"): ACTIVITIES,
    }
    audit = push.query(
        "SELECT count(*) AS lines, count(DISTINCT subject) AS subjects FROM sync.audit_log"
        " WHERE action = 'record.create'"
    )
    assert audit[0]["subjects"] == audit[0]["lines"]
