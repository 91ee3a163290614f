"""What is settled goes when it is old; what later work has to know stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, LiteralString

import pytest

from crm_pipelines.store.database import Database
from crm_pipelines.store.echoes import Balance, balance
from crm_pipelines.store.retention import forget

KEEP = timedelta(days=90)
OLD, NEW = 100, 80
"""Days ago."""


class Journals:
    """Rows of journals, put there as work leaves them; ``days`` is how long ago that was."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def delivery(self, status: str, days: int, object_: str | None = "person", **more: Any) -> int:
        settled = status not in ("waiting", "dead")
        values = {"status": status, "days": days, "object": object_, "settled": settled}
        return self._add(
            "INSERT INTO sync.inbox (workspace_id, delivery_id, body, status, object, action,"
            "                        received_at, applied_at, outbox_id)"
            " SELECT 'default', gen_random_uuid()::text, '', %(status)s, %(object)s, 'change', t,"
            "        CASE WHEN %(settled)s THEN t END, %(outbox_id)s::bigint"
            "   FROM (SELECT clock_timestamp() - make_interval(days => %(days)s) AS t) AS t"
            " RETURNING id",
            {"outbox_id": None, **values, **more},
        )

    def command(self, status: str, days: int, record: str, kind: str = "update") -> int:
        values = {"status": status, "days": days, "record": record, "kind": kind}
        return self._add(
            "INSERT INTO sync.outbox (workspace_id, entity, kind, local_id, record, status,"
            "                         created_at, delivered_at, fingerprint)"
            " SELECT 'default', 'person', %(kind)s, %(record)s, %(record)s, %(status)s, t,"
            "        CASE WHEN %(status)s = 'delivered' THEN t END, '{\"values\": {\"name\": 1}}'"
            "   FROM (SELECT clock_timestamp() - make_interval(days => %(days)s) AS t) AS t"
            " RETURNING id",
            values,
        )

    def run(self, mode: str, days: int, status: str = "success", updated: int = 0) -> int:
        values = {"mode": mode, "days": days, "status": status, "updated": updated}
        return self._add(
            "INSERT INTO sync.runs (run_id, workspace_id, crm, stream, mode, status, updated,"
            "                       started_at, ended_at)"
            " SELECT gen_random_uuid()::text, 'default', 'pipedrive', 'persons', %(mode)s,"
            "        %(status)s, %(updated)s, t, t"
            "   FROM (SELECT clock_timestamp() - make_interval(days => %(days)s) AS t) AS t"
            " RETURNING id",
            values,
        )

    def left(self, table: LiteralString) -> set[int]:
        return {row["id"] for row in self.database.run_text("SELECT id FROM sync." + table)}

    def _add(self, statement: LiteralString, values: dict[str, Any]) -> int:
        return int(self.database.run_text(statement, values)[0]["id"])


@pytest.fixture
def journals(database_url: str) -> Iterator[Journals]:
    database = Database(database_url)
    yield Journals(database)
    database.close()


def test_settled_deliveries_go(journals: Journals) -> None:
    for status in ("applied", "stale", "echo", "unknown", "applied") * 2:
        journals.delivery(status, OLD)
    journals.delivery("unknown", OLD, object_=None)
    stays = {journals.delivery(status, OLD) for status in ("waiting", "dead", "waiting", "dead")}
    stays |= {journals.delivery("applied", NEW), journals.delivery("echo", NEW, outbox_id=7)}
    assert forget(journals.database, KEEP, most=3)["deliveries"] == 11
    assert journals.left("inbox") == stays
    assert forget(journals.database, KEEP)["deliveries"] == 0


def test_the_last_delivery_of_each_kind_stays(journals: Journals) -> None:
    """A webhook that brings nothing while nothing happens is not silent."""
    for days in (OLD + 2, OLD + 1):
        journals.delivery("applied", days)
        journals.delivery("stale", days, "deal")
    stays = {journals.delivery("applied", OLD), journals.delivery("stale", OLD, "deal")}
    forget(journals.database, KEEP, most=1)
    assert journals.left("inbox") == stays


def test_delivered_changes_go_but_the_last_of_each_record(journals: Journals) -> None:
    stays = {journals.command("delivered", OLD, "person/1", "create")}
    journals.command("delivered", OLD, "person/1")
    journals.command("delivered", OLD - 1, "person/1")
    stays |= {journals.command("delivered", OLD - 2, "person/1")}
    journals.command("delivered", OLD, "person/2")
    stays |= {journals.command("delivered", NEW, "person/2")}
    assert forget(journals.database, KEEP, most=2)["commands"] == 3
    assert journals.left("outbox") == stays


@pytest.mark.parametrize("status", ["dead", "failed", "pending"])
def test_changes_of_a_record_stay_while_one_is_open(journals: Journals, status: str) -> None:
    """They tell which of its fields were written since, should somebody try it again."""
    stays = {journals.command(status, OLD + 1, "person/1")}
    stays |= {journals.command("delivered", OLD, "person/1") for _ in range(3)}
    assert forget(journals.database, KEEP)["commands"] == 0
    assert journals.left("outbox") == stays


def test_decided_conflicts_go_and_open_ones_keep_their_command(journals: Journals) -> None:
    decided, about, _ = (journals.command("delivered", OLD, "person/1") for _ in range(3))
    journals.database.run_text(
        "INSERT INTO sync.conflicts (workspace_id, crm, entity, outbox_id, kind, status,"
        "                            created_at, resolved_at)"
        " SELECT 'default', 'pipedrive', 'person', c.id, 'both_changed', c.status, t,"
        "        CASE c.status WHEN 'resolved' THEN t END"
        "   FROM (VALUES (%(decided)s, 'resolved'), (%(about)s, 'pending')) AS c (id, status),"
        "        (SELECT clock_timestamp() - interval '100 days' AS t) AS t",
        {"decided": decided, "about": about},
    )
    gone = forget(journals.database, KEEP)
    assert (gone["conflicts"], gone["commands"]) == (1, 1)
    assert about in journals.left("outbox") and decided not in journals.left("outbox")


def test_history_keeps_the_last_line_of_each_mode_and_outcome(journals: Journals) -> None:
    for _ in range(3):
        journals.run("events", OLD, updated=1)
        journals.run("incremental", OLD, updated=5)
        journals.run("incremental", OLD)
    kept = {
        journals.run("full", OLD + 50, updated=5),
        journals.run("incremental", OLD + 40, "failed"),
        journals.run("events", OLD, updated=1),
        journals.run("incremental", OLD, updated=5),
        journals.run("incremental", OLD),
        *(journals.run("events", NEW, updated=0) for _ in range(2)),
    }
    assert forget(journals.database, KEEP, most=2)["runs"] == 9
    assert journals.left("runs") == kept


def test_history_since_the_beginning_of_a_fetch_stays(journals: Journals) -> None:
    """A backfill may take weeks of budget; what was written meanwhile is later than it."""
    journals.run("events", OLD + 20, updated=1)
    since = {journals.run("events", OLD, updated=1) for _ in range(3)}
    journals.database.run_text(
        "INSERT INTO sync.checkpoints (key, workspace_id, crm, stream, slice, started_at)"
        " VALUES ('r/default', 'default', 'pipedrive', 'persons', '{}',"
        "         clock_timestamp() - interval '110 days')"
    )
    forget(journals.database, KEEP)
    assert journals.left("runs") == since


def test_done_actions_go_but_not_who_was_given_a_deal(journals: Journals) -> None:
    journals.database.run_text(
        "INSERT INTO sync.stage_history (id, workspace_id, crm, deal_id, stage_id, changed_at,"
        "                                source, moved_at)"
        " OVERRIDING SYSTEM VALUE"
        " VALUES (1, 'default', 'pipedrive', 1, 1, '2020-1-1Z', 'webhook', '2020-1-1Z');"
        "INSERT INTO sync.stage_actions (id, workspace_id, crm, history_id, position, action,"
        "                                probability, status, settled_at)"
        " OVERRIDING SYSTEM VALUE"
        " SELECT a.id, 'default', 'pipedrive', 1, a.id, a.action, 50, a.status,"
        "        clock_timestamp() - make_interval(days => a.days)"
        "   FROM (VALUES (1, 'assign_owner', 'done', 100), (2, 'set_lead_status', 'done', 100),"
        "                (3, 'assign_owner', 'skipped', 100), (4, 'start_campaign', 'failed', 100),"
        "                (5, 'set_lead_status', 'done', 80)) AS a (id, action, status, days)"
    )
    assert forget(journals.database, KEEP)["actions"] == 2
    assert journals.left("stage_actions") == {1, 4, 5}
    assert journals.left("stage_history") == {1}


def test_counters_of_writes_and_echoes_never_go_back(journals: Journals) -> None:
    for number in range(5):
        command = journals.command("delivered", OLD - number, "person/1")
        if number:
            journals.delivery("echo", OLD - number, outbox_id=command)
    before = balance(journals.database, "default")
    assert before == {"pipedrive": Balance(5, 4)}
    gone = forget(journals.database, KEEP, most=2)
    assert (gone["commands"], gone["deliveries"]) == (4, 3)
    assert balance(journals.database, "default") == before


def test_what_somebody_has_in_his_hands_is_passed_over(journals: Journals) -> None:
    deliveries = [journals.delivery("applied", OLD) for _ in range(4)]
    commands = [journals.command("delivered", OLD, "person/1") for _ in range(4)]
    with journals.database.connect() as other, other.transaction():
        other.execute("SELECT FROM sync.inbox WHERE id = %s FOR UPDATE", [deliveries[1]])
        other.execute("SELECT FROM sync.outbox WHERE id = %s FOR UPDATE", [commands[1]])
        gone = forget(journals.database, KEEP, most=1)
    assert (gone["deliveries"], gone["commands"]) == (2, 2)
    assert journals.left("inbox") == {deliveries[1], deliveries[3]}
    assert journals.left("outbox") == {commands[1], commands[3]}
    assert forget(journals.database, KEEP)["deliveries"] == 1
