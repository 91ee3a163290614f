"""Whose turn it is: one at a time of a record and of a lane, in order, the urgent first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crm_pipelines.model.command import Command, Entity, Kind, Status, Wanted
from crm_pipelines.store import outbox
from crm_pipelines_tests.integration.outbox.desk import Desk, check
from crm_pipelines_tests.integration.outbox.seller import Seller

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def worker(desk: Desk) -> Iterator[outbox.Worker]:
    with outbox.Worker(desk.database) as found:
        yield found


def kill(desk: Desk, command: Command) -> None:
    with desk.database.transaction() as connection:
        assert outbox.kill(connection, command, "refused")


def due(desk: Desk, **how: bool) -> list[int]:
    return [command.id for command in desk.due(**how)]


def two_updates(seller: Seller, desk: Desk, worker: outbox.Worker) -> list[Command]:
    """Of one record; the first is in the worker's hands."""
    seller.contact("c", pipedrive_person_id=7)
    desk.crm.records[7] = {"name": "Contact c", "email": None, "organization_id": None}
    seller.change("person", "c", phone="1")
    (first,) = desk.claim(worker, desk.look())
    seller.change("person", "c", phone="2")
    second = seller.commands()[1]
    rows = outbox.open_for(desk.database, "default", "person/c")
    assert [row.id for row in rows] == [first.command.id, second["id"]]
    return [first.command, rows[1]]


def test_a_record_has_one_command_under_way(
    seller: Seller, desk: Desk, worker: outbox.Worker
) -> None:
    first, second = two_updates(seller, desk, worker)
    assert due(desk) == []
    assert outbox.claim(desk.database, worker, [second]) == []
    outbox.release(desk.database, first, retry_at=PAST, error="no answer")
    assert due(desk) == [first.id]


def test_what_waits_for_its_retry_goes_first_still(
    seller: Seller, desk: Desk, worker: outbox.Worker
) -> None:
    first, second = two_updates(seller, desk, worker)
    later = datetime.now(UTC) + timedelta(hours=1)
    outbox.release(desk.database, first, retry_at=later, error="no answer")
    assert due(desk) == []
    assert outbox.claim(desk.database, worker, [second]) == []


def test_what_failed_goes_first_still(seller: Seller, desk: Desk, worker: outbox.Worker) -> None:
    first, _ = two_updates(seller, desk, worker)
    outbox.fail(desk.database, first, retry_at=PAST, error="no answer")
    assert seller.rows("person")["c"]["update_sync_status"] == "FAILED"
    assert due(desk) == []
    assert due(desk, failed_too=True) == [first.id]


def test_a_dead_update_holds_up_nobody(seller: Seller, desk: Desk, worker: outbox.Worker) -> None:
    first, second = two_updates(seller, desk, worker)
    kill(desk, first)
    assert due(desk) == [second.id]


def test_a_dead_create_does(seller: Seller, desk: Desk, worker: outbox.Worker) -> None:
    seller.contact("c", warmness_score=5)
    (create,) = desk.claim(worker, desk.look())
    seller.change("person", "c", phone="2")
    seller.activity("a", "c")
    kill(desk, create.command)
    assert due(desk) == []
    assert outbox.redrive(desk.database, "default", status=Status.DEAD) == 1
    desk.work()
    check(desk, seller)


def test_a_redriven_command_waits_for_the_one_under_way(
    seller: Seller, desk: Desk, worker: outbox.Worker
) -> None:
    first, _ = two_updates(seller, desk, worker)
    kill(desk, first)
    desk.claim(worker, desk.look())
    seller.run('UPDATE sync.outbox SET payload = \'{"name": "X"}\' WHERE id = %s', first.id)
    assert outbox.redrive(desk.database, "default", ids=[first.id]) == 1
    assert due(desk) == []
    again = outbox.open_for(desk.database, "default", "person/c")[0]
    assert outbox.claim(desk.database, worker, [again]) == []


def test_an_update_with_nothing_left_is_settled(
    seller: Seller, desk: Desk, worker: outbox.Worker
) -> None:
    first, _ = two_updates(seller, desk, worker)
    kill(desk, first)
    desk.work()
    assert outbox.redrive(desk.database, "default", ids=[first.id]) == 1
    check(desk, seller)


def test_creates_of_one_lane_go_one_at_a_time(
    seller: Seller, desk: Desk, worker: outbox.Worker
) -> None:
    for name in "abc":
        seller.contact(name, warmness_score=5, email=" Ada@example.com"[name == "a" :])
    seller.contact("other", warmness_score=5, email="bob@example.com")
    first, other = desk.claim(worker, desk.look())
    assert [first.command.local_id, other.command.local_id] == ["a", "other"]
    kill(desk, first.command)
    (second,) = desk.claim(worker, desk.look())
    assert second.command.local_id == "b"
    outbox.redrive(desk.database, "default", status=Status.DEAD)
    assert due(desk) == []  # whoever is redriven waits for the one under way
    desk.write_back(second, desk.send(second))
    assert due(desk) == [first.command.id]


def test_the_urgent_go_first(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=5)
    wanted = Wanted("default", "pipedrive", Entity.DEAL, Kind.UPDATE, {"value": 1}, remote_id=5)
    with desk.database.transaction() as connection:
        outbox.enqueue(connection, Wanted(**{**vars(wanted), "priority": 4, "remote_id": 6}))
        outbox.enqueue(connection, wanted)
    assert [command.priority for command in desk.due()] == [1, 1, 4]
    assert desk.due()[-1].remote_id == 6


def test_another_tenant_sees_nothing(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=5)
    stranger = Desk(desk.database, "another")
    (command,) = desk.due()
    assert stranger.due() == stranger.due(ids=[command.id]) == []
    assert outbox.get(desk.database, "another", command.id) is None
    assert outbox.listing(desk.database, workspace="another") == []
    assert outbox.redrive(desk.database, "another", ids=[command.id]) == 0
    assert sum(outbox.counts(desk.database, "another").values()) == 0


def test_an_attempt_that_does_not_count(seller: Seller, desk: Desk, worker: outbox.Worker) -> None:
    seller.contact("c", warmness_score=5)
    for count, attempts in ((True, 1), (False, 1), (True, 2)):
        (one,) = desk.claim(worker, desk.look())
        outbox.release(desk.database, one.command, retry_at=PAST, error="no", count=count)
        assert seller.commands()[0]["attempts"] == attempts


def test_an_activity_counts_its_attempts(seller: Seller, desk: Desk, worker: outbox.Worker) -> None:
    seller.contact("c", pipedrive_person_id=7)
    seller.activity("a", "c")
    (one,) = desk.claim(worker, desk.look())
    outbox.release(desk.database, one.command, retry_at=PAST, error="no answer")
    row = seller.rows("activity")["a"]
    assert (row["pipedrive_sync_attempts"], row["update_sync_status"]) == (1, "PENDING")
    assert row["last_pipedrive_sync_attempt"] is not None
    desk.work()
    row = seller.rows("activity")["a"]
    assert (row["pipedrive_sync_attempts"], row["replicated_to_pipedrive"]) == (2, True)
