"""Many at once: workers that share the outbox, die in the middle, and a busy local side."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store import outbox
from crm_pipelines.store.database import Database
from crm_pipelines.store.news import News
from crm_pipelines_tests.integration.outbox.clerk import clerk
from crm_pipelines_tests.integration.outbox.desk import Crm, Desk, check
from crm_pipelines_tests.integration.outbox.seller import Seller

LEADS = """
    INSERT INTO app.contacts (id, name, email, warmness_score)
    SELECT 'c' || i, 'Contact ' || i, 'c' || i || '@example.com', 5
      FROM generate_series(1, %s) AS i
"""


NOTHING = {"email": None, "phone": None, "organization_id": None}


def test_each_command_is_claimed_once(seller: Seller, database: Database) -> None:
    seller.run(LEADS, 2000)

    def claim_all(_: int) -> list[int]:
        mine: list[int] = []
        desk = Desk(Database(database.url), "default")
        with outbox.Worker(desk.database) as worker:
            while found := desk.due(most=150):
                mine += [one.id for one in outbox.claim(desk.database, worker, found)]
            got = list(mine)
            done.wait()  # a worker that leaves gives everything back
        desk.database.close()
        return got

    done = threading.Barrier(6)
    with ThreadPoolExecutor(6) as threads:
        hands = list(threads.map(claim_all, range(6)))
    claimed = [number for hand in hands for number in hand]
    assert len(claimed) == len(set(claimed)) == 2000
    assert {row["attempts"] for row in seller.commands()} == {1}


def test_a_killed_process_gives_its_commands_back(
    seller: Seller, database: Database, desk: Desk
) -> None:
    seller.run(LEADS, 60)
    with (
        clerk(database.url, 20, sent=5) as (victim, lost),
        clerk(database.url, 20) as (_, kept),
    ):
        assert (len(lost), len(kept), len(set(lost) & set(kept))) == (20, 20, 0)
        assert outbox.recover(database) == 0
        victim.kill()
        victim.wait()
        while outbox.recover(database) == 0:  # the server has to notice
            time.sleep(0.05)
        free = {command.id: command for command in desk.due()}
        assert set(free) == {row["id"] for row in seller.commands()} - set(kept)
        assert sorted(n for n in lost if free[n].sent_at is not None) == sorted(lost[:5])
        assert {free[number].attempts for number in lost} == {1}
    while outbox.recover(database) == 0:
        time.sleep(0.05)
    assert len(desk.due()) == 60


def test_a_worker_that_lost_its_session_gets_nothing(seller: Seller, desk: Desk) -> None:
    seller.run(LEADS, 3)
    with outbox.Worker(desk.database) as worker:
        (one,) = desk.claim(worker, desk.look(most=1))
        pid = worker.connection.info.backend_pid
        desk.database.run_text("SELECT pg_terminate_backend(%(pid)s)", {"pid": pid})
        with pytest.raises(SystemTrouble):
            desk.claim(worker, desk.look())
        while outbox.recover(desk.database) == 0:
            time.sleep(0.05)
        with pytest.raises(outbox.ClaimLost):
            outbox.mark_sent(desk.database, one.command)
        with pytest.raises(outbox.ClaimLost):
            desk.write_back(one, 1)
    assert seller.rows("person")[str(one.command.local_id)]["pipedrive_person_id"] is None
    desk.work()
    check(desk, seller)


def test_a_change_under_way_holds_up_its_own_record_only(seller: Seller, desk: Desk) -> None:
    seller.run(LEADS, 3)
    with psycopg.connect(desk.database.url) as program:
        program.execute("UPDATE app.contacts SET phone = '1' WHERE id = 'c2'")
        desk.work()
        told = {record: status for _, record, status in seller.told()}
        assert told == {
            "person/c1": "delivered",
            "person/c2": "pending",
            "person/c3": "delivered",
        }
        program.commit()
    desk.work()
    check(desk, seller)


def test_an_activity_and_a_link_that_do_not_see_each_other(seller: Seller, desk: Desk) -> None:
    """Whichever is committed first, the activity gets to the CRM."""
    url = desk.database.url
    for number, linked_first in enumerate((True, False)):
        name = f"c{number}"
        seller.contact(name)
        remote = desk.crm.create(name, {"name": f"Contact {name}"} | NOTHING)
        with psycopg.connect(url) as one, psycopg.connect(url) as other:
            other.execute(
                "UPDATE app.contacts SET pipedrive_person_id = %s WHERE id = %s", (remote, name)
            )
            one.execute(
                "INSERT INTO app.activities (id, contact_id, type, subject) "
                "VALUES (%s, %s, 'CALL', 'Hello')",
                (name, name),
            )
            for connection in (other, one) if linked_first else (one, other):
                connection.commit()
                desk.work()  # must not take back what is in doubt
        seller.run("UPDATE sync.outbox SET next_attempt_at = now() WHERE status = 'pending'")
        desk.work()
        assert seller.rows("activity")[name]["replicated_to_pipedrive"], linked_first
    check(desk, seller)


def test_an_activity_of_a_cold_contact_that_is_being_changed(seller: Seller, desk: Desk) -> None:
    seller.contact("c")
    with psycopg.connect(desk.database.url) as program:
        program.execute("UPDATE app.contacts SET phone = '1' WHERE id = 'c'")
        seller.activity("a", "c")  # nobody waits for anybody
        assert seller.told() == [("create", "activity/a", "pending")]
        desk.work()
        program.commit()
    seller.run("UPDATE sync.outbox SET next_attempt_at = now()")
    desk.work()
    assert seller.told() == []  # there was nothing in it
    assert seller.rows("activity")["a"]["update_sync_status"] == "SYNCED"


def test_leads_of_the_same_organizations_in_any_order(seller: Seller, database: Database) -> None:
    """Statements of several programs never wait for each other in a circle."""
    seller.run(
        "INSERT INTO app.organizations (id, name) "
        "SELECT 'o' || i, 'O' FROM generate_series(1, 50) AS i"
    )
    seller.run(
        "INSERT INTO app.contacts (id, name, organization_id, phone) "
        "SELECT 'c' || i, 'C', 'o' || (i %% 50 + 1), (i %% 4)::text "
        "FROM generate_series(1, 400) AS i"
    )

    def warm(number: int) -> None:
        with psycopg.connect(database.url) as program:
            program.execute(
                "UPDATE app.contacts SET warmness_score = 5 WHERE phone = %s", (str(number),)
            )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(warm, range(4)))
    assert len(seller.commands()) == 450


def test_a_busy_day(seller: Seller, database: Database) -> None:
    """Programs change rows while workers work and walk off at any point."""
    crm, stop = Crm(), threading.Event()
    desk = Desk(database, "default", crm)
    for number in range(5):
        seller.organization(f"o{number}")

    def sell(number: int) -> None:
        dice, mine = random.Random(number), Seller(Database(database.url), "default")
        for step in range(60):
            name = f"{number}-{dice.randrange(8)}"
            if name not in mine.rows("person"):
                organization = f"o{dice.randrange(5)}"
                mine.contact(name, warmness_score=dice.choice((1, 5)), organization_id=organization)
                mine.deal(name, contact_id=name)
            elif dice.random() < 0.3:
                mine.activity(f"{name} {step}", name)
            elif dice.random() < 0.5:
                mine.change("person", name, phone=str(step), warmness_score=dice.choice((1, 4, 5)))
            else:
                mine.change("organization", f"o{dice.randrange(5)}", name=f"Name {step}")
        mine.database.close()

    def work(number: int) -> None:
        dice, mine = random.Random(number), Desk(Database(database.url), "default", crm)
        while not stop.is_set():
            with outbox.Worker(mine.database) as worker:
                outbox.recover(mine.database)
                for one in mine.claim(worker, mine.look(most=dice.randrange(1, 20))):
                    if dice.random() < 0.1:
                        break
                    outcome = mine.send(one)
                    if dice.random() < 0.1:
                        break
                    mine.write_back(one, outcome)
        mine.database.close()

    with ThreadPoolExecutor(7) as threads:
        workers = [threads.submit(work, 100 + number) for number in range(3)]
        sellers = [threads.submit(sell, number) for number in range(4)]
        for future in sellers:
            future.result()
        stop.set()
        for future in workers:
            future.result()
    for _ in range(2):
        desk.hurry()
        desk.work()
    check(desk, seller)


def test_who_waits_hears_of_work(seller: Seller, database: Database) -> None:
    heard: list[bool] = []
    with News(database, "outbox") as news:
        assert news.wait(0.05) is False
        waiting = threading.Thread(target=lambda: heard.append(news.wait(60)))
        waiting.start()
        seller.contact("c", warmness_score=5)
        waiting.join()
        seller.contact("d", warmness_score=5)
        assert news.wait(60) is True  # also of what came while nobody waited
    assert heard == [True]
