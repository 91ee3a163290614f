"""What statements on the local side become in the outbox, in the same transaction."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from crm_pipelines.model.command import Entity, Kind, Status, Wanted
from crm_pipelines.store import local_side, outbox
from crm_pipelines.store.database import Database
from crm_pipelines_tests.integration.outbox.desk import Desk, check
from crm_pipelines_tests.integration.outbox.seller import Seller

PENDING = "pending"


def test_a_warm_contact_goes_after_its_organization(seller: Seller) -> None:
    seller.organization("o")
    seller.contact("c", warmness_score=4, organization_id="o", email=" Ada@Example.com")
    assert seller.told() == [
        ("create", "organization/o", PENDING),
        ("create", "person/c", PENDING),
    ]
    first, second = seller.commands()
    assert (second["after_id"], second["lane"]) == (first["id"], "email:ada@example.com")
    assert seller.rows("person")["c"]["update_sync_status"] == "PENDING"
    assert seller.rows("organization")["o"]["update_sync_status"] == "PENDING"


def test_two_contacts_of_one_organization(seller: Seller, database: Database) -> None:
    seller.organization("o")
    with database.transaction() as connection:
        for name in "ab":
            connection.execute(
                "INSERT INTO app.contacts (id, name, organization_id, warmness_score) "
                "VALUES (%s, 'A', 'o', 5)",
                (name,),
            )
    assert [record for _, record, _ in seller.told()] == [
        "organization/o",
        "person/a",
        "person/b",
    ]


def test_a_contact_becomes_warm_later(seller: Seller) -> None:
    seller.contact("c", warmness_score=1)
    seller.activity("a", "c")
    assert seller.told() == []
    seller.change("person", "c", warmness_score=4)
    assert [record for _, record, _ in seller.told()] == ["person/c", "activity/a"]


def test_nothing_is_left_of_what_is_rolled_back(seller: Seller, database: Database) -> None:
    with psycopg.connect(database.url) as program:
        program.execute("INSERT INTO app.contacts (name, warmness_score) VALUES ('A', 5)")
        assert program.execute("SELECT 1 FROM sync.outbox").fetchall() != []
        program.rollback()
    assert seller.told() == []


def test_a_lead_that_cools_down_is_taken_back(seller: Seller, desk: Desk) -> None:
    seller.organization("o")
    for name in "ab":
        seller.contact(name, warmness_score=4, organization_id="o")
        seller.activity(name, name)
        seller.deal(name, contact_id=name)
    seller.change("person", "a", warmness_score=3)
    assert sorted(record for _, record, _ in seller.told()) == [
        "activity/b",
        "deal/b",
        "organization/o",
        "person/b",
    ]
    seller.change("person", "b", warmness_score=0)
    assert seller.told() == []
    for entity in Entity:
        states = {row["update_sync_status"] for row in seller.rows(entity).values()}
        assert states == {"SYNCED"}, entity
    seller.change("person", "a", warmness_score=9)
    desk.work()
    check(desk, seller)
    assert len(desk.crm.records) == 4


def test_a_lead_that_cools_down_too_late_stays(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=4)
    with outbox.Worker(desk.database) as worker:
        (one,) = desk.claim(worker, desk.look())
        seller.change("person", "c", warmness_score=0, name="Changed")
        desk.write_back(one, desk.send(one))
    assert seller.told() == [
        ("create", "person/c", "delivered"),
        ("update", "person/c", PENDING),
    ]
    desk.work()
    check(desk, seller)


def test_what_may_have_been_sent_is_not_taken_back(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=4)
    with outbox.Worker(desk.database) as worker:
        (one,) = desk.claim(worker, desk.look())
        desk.send(one)
    assert outbox.recover(desk.database) == 1
    seller.change("person", "c", warmness_score=0)
    desk.work()
    check(desk, seller)
    assert seller.rows("person")["c"]["pipedrive_person_id"] is not None


def test_changes_of_what_is_not_sent_yet_need_no_command(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=4)
    seen = desk.look()
    seller.change("person", "c", email="new@example.com")
    (command,) = seller.commands()
    assert (command["version"], command["lane"]) == (2, "email:new@example.com")
    with outbox.Worker(desk.database) as worker:
        assert desk.claim(worker, seen) == []  # it is not what was seen any more
    desk.work()
    check(desk, seller)


def test_changes_are_folded(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=4, phone="1")
    desk.work()
    seller.change("person", "c", phone="2")
    seller.change("person", "c", name="Ada")
    seller.change("person", "c", phone="3", email="a@example.com")
    update = seller.commands()[-1]
    assert update["payload"] == {"phone": "3", "name": "Ada", "email": "a@example.com"}
    assert update["base"] == {"phone": "1", "name": "Contact c", "email": None}
    assert update["version"] == 3
    desk.work()
    check(desk, seller)


def test_nothing_is_folded_past_another_command(seller: Seller, database: Database) -> None:
    seller.contact("c", pipedrive_person_id=7)
    seller.change("person", "c", phone="1")
    said = {"phone": ["2"]}
    wanted = Wanted("default", "pipedrive", Entity.PERSON, Kind.UPDATE, said, local_id="c")
    with database.transaction() as connection:
        outbox.enqueue(connection, wanted)
    seller.change("person", "c", phone="3")
    assert [row["payload"] for row in seller.commands()] == [{"phone": "1"}, said, {"phone": "3"}]


def test_nothing_is_folded_into_what_was_tried(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=4)
    desk.work()
    seller.change("person", "c", phone="2")
    with outbox.Worker(desk.database) as worker:
        (one,) = desk.claim(worker, desk.look())
        moment = one.command.created_at
        outbox.release(desk.database, one.command, retry_at=moment, error="no answer")
    seller.change("person", "c", phone="3")
    assert [row["payload"] for row in seller.commands()[1:]] == [{"phone": "2"}, {"phone": "3"}]
    desk.work()
    check(desk, seller)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE app.contacts SET phone = phone",
        "UPDATE app.contacts SET warmness_score = 9",
        "UPDATE app.contacts SET last_pipedrive_update = now()",
        "UPDATE app.contacts SET updated_at = now()",
    ],
)
def test_what_the_crm_is_not_told_of(seller: Seller, desk: Desk, statement: str) -> None:
    seller.contact("c", warmness_score=4, phone="1")
    desk.work()
    seller.run(statement)
    assert len(seller.commands()) == 1


def test_write_backs_are_no_changes(seller: Seller, database: Database) -> None:
    seller.contact("c", pipedrive_person_id=7)
    with database.transaction() as connection:
        connection.execute("SELECT set_config('crm_pipelines.origin', 'sync', true)")
        connection.execute("UPDATE app.contacts SET name = 'From the CRM'")
    assert seller.told() == []
    seller.change("person", "c", name="Ours")
    assert seller.told() == [("update", "person/c", PENDING)]


def test_activities_and_deals_of_a_contact_that_is_linked(seller: Seller) -> None:
    seller.contact("c")
    seller.activity("a", "c")
    seller.deal("d", contact_id="c")
    assert seller.told() == []
    seller.change("person", "c", pipedrive_person_id=7)
    assert sorted(record for _, record, _ in seller.told()) == ["activity/a", "deal/d"]
    seller.activity("b", "c", deal_id="d")
    deal, after = seller.commands()[0], seller.commands()[-1]
    assert (after["record"], after["after_id"]) == ("activity/b", deal["id"])


def test_a_contact_linked_by_hand_is_not_created(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=5)
    seller.activity("a", "c")
    seller.change("person", "c", pipedrive_person_id=7)
    assert seller.told() == [("create", "activity/a", PENDING)]
    assert [command.local_id for command in desk.due()] == ["a"]


def test_rows_that_are_deleted_take_their_commands_along(seller: Seller) -> None:
    seller.organization("o")
    seller.contact("c", warmness_score=5, organization_id="o")
    seller.activity("a", "c")
    seller.remove("activity", "a")
    seller.remove("person", "c")
    assert seller.told() == []
    assert seller.rows("organization")["o"]["update_sync_status"] == "SYNCED"


def test_another_organization(seller: Seller, desk: Desk) -> None:
    seller.organization("o")
    seller.contact("c", warmness_score=5)
    desk.work()
    seller.change("person", "c", organization_id="o")
    first, second = seller.commands()[1:]
    assert (first["record"], second["after_id"]) == ("organization/o", first["id"])
    assert second["payload"] == {"organization_id": "o"}
    assert [command.id for command in desk.due()] == [first["id"]]
    desk.work()
    check(desk, seller)


def test_an_organization_without_a_command_is_found_when_it_is_needed(
    seller: Seller, desk: Desk
) -> None:
    seller.organization("o")
    seller.contact("c", warmness_score=5, organization_id="o")
    seller.run("DELETE FROM sync.outbox WHERE entity = 'organization'")
    desk.work()
    check(desk, seller)
    assert len(desk.crm.records) == 2


def test_a_dead_create_lives_when_its_row_is_mended(seller: Seller, desk: Desk) -> None:
    seller.contact("c", warmness_score=5, email="nonsense")
    with desk.database.transaction() as connection:
        outbox.kill(connection, desk.due()[0], "refused", {"email": "is no address"})
    assert seller.rows("person")["c"]["update_sync_status"] == "FAILED"
    seller.change("person", "c", email="ada@example.com")
    assert seller.told() == [("create", "person/c", PENDING)]
    desk.work()
    check(desk, seller)


def test_lower_thresholds_and_rows_that_triggers_did_not_see(
    seller: Seller, database: Database, desk: Desk
) -> None:
    seller.contact("c", warmness_score=2)
    with database.transaction() as connection:
        connection.execute("SELECT set_config('crm_pipelines.origin', 'sync', true)")
        connection.execute(
            "INSERT INTO app.contacts (id, name, warmness_score) VALUES ('old', 'A', 5)"
        )
    assert local_side.missing(database, "default") == 1
    local_side.write_rules(database, "default", 2)
    assert local_side.missing(database, "default") == 1
    assert local_side.missing(database, "default") == 0
    seller.contact("d", warmness_score=2)
    desk.work()
    check(desk, seller)
    assert len(desk.crm.records) == 3


def test_ids_stay(seller: Seller) -> None:
    seller.contact("c")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="cannot be changed"):
        seller.change("person", "c", id="d")


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"warmness_score": "hot"}, psycopg.errors.InvalidTextRepresentation),
        ({"name": None}, psycopg.errors.NotNullViolation),
        ({"organization_id": "nobody"}, psycopg.errors.ForeignKeyViolation),
        ({"update_sync_status": "LATER"}, psycopg.errors.CheckViolation),
        ({"pipedrive_person_id": "abc"}, psycopg.errors.InvalidTextRepresentation),
    ],
)
def test_wrong_values_are_refused_and_leave_nothing(
    seller: Seller, columns: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        seller.contact("c", **{"warmness_score": 5, **columns})
    assert seller.told() == []


def test_text_that_looks_like_something_else(seller: Seller, desk: Desk) -> None:
    awkward = "'; DROP TABLE app.contacts; --/#1 \\ {}%s \u202e🎉"
    seller.organization(awkward, name=awkward)
    seller.contact(awkward, name=awkward, email=awkward, organization_id=awkward)
    seller.change("person", awkward, warmness_score=5)
    seller.activity(awkward, awkward, subject=awkward)
    desk.work()
    seller.change("person", awkward, phone=awkward)
    desk.work()
    check(desk, seller)


def test_many_rows_in_one_statement(seller: Seller, desk: Desk) -> None:
    seller.run(
        "INSERT INTO app.organizations (id, name) SELECT 'o' || i, 'O' FROM generate_series(0, 9) i"
    )
    seller.run(
        "INSERT INTO app.contacts (id, name, organization_id) "
        "SELECT 'c' || i, 'C', 'o' || i %% 10 FROM generate_series(1, 300) AS i"
    )
    seller.run("UPDATE app.contacts SET warmness_score = 5")
    assert len(seller.commands()) == 310
    seller.run("UPDATE app.contacts SET phone = id")
    assert len(seller.commands()) == 310


def test_what_programs_write_stands_in_one_line_with_the_row(
    seller: Seller, database: Database
) -> None:
    seller.contact("c", pipedrive_person_id=7)
    wanted = Wanted("default", "pipedrive", Entity.PERSON, Kind.UPDATE, {"phone": ["1"]})
    for remote_id in (7, 8):
        with database.transaction() as connection:
            one = Wanted(**{**vars(wanted), "remote_id": remote_id})
            outbox.enqueue(connection, one)
    assert [record for _, record, _ in seller.told()] == ["person/c", "person/#8"]
    seller.change("person", "c", phone="2")  # not folded into words of another kind
    seller.contact("d")
    seller.change("person", "d", pipedrive_person_id=8)
    assert [record for _, record, _ in seller.told()] == ["person/c", "person/d", "person/c"]


def test_a_create_is_there_once(seller: Seller, database: Database) -> None:
    seller.contact("c", warmness_score=5)
    wanted = Wanted("default", "pipedrive", Entity.PERSON, Kind.CREATE, {}, local_id="c")
    with database.transaction() as connection:
        assert outbox.enqueue(connection, wanted) == seller.commands()[0]["id"]
    assert len(seller.commands()) == 1


def test_redriven_commands_do_not_write_over_later_ones(
    seller: Seller, database: Database, desk: Desk
) -> None:
    seller.contact("c", warmness_score=5)
    desk.work()
    for values in ({"phone": "1", "name": "A"}, {"phone": "2"}):
        seller.change("person", "c", **values)
        with outbox.Worker(database) as worker:
            (one,) = desk.claim(worker, desk.look())
            if "name" in values:
                with database.transaction() as connection:
                    outbox.kill(connection, one.command, "refused")
            else:
                desk.write_back(one, desk.send(one))
    dead = outbox.listing(database, workspace="default", status=Status.DEAD)
    assert [row["payload"] for row in dead] == [{"phone": "1", "name": "A"}]
    assert outbox.redrive(database, "another tenant", status=Status.DEAD) == 0
    assert outbox.redrive(database, "default", ids=[dead[0]["id"]], who="ada") == 1
    assert seller.commands()[1]["payload"] == {"name": "A"}
    desk.work()
    check(desk, seller)


def test_who_writes_to_the_local_side_need_not_see_the_outbox(
    seller: Seller, database: Database
) -> None:
    [mine] = database.run_text("SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user")
    if not mine["rolcreaterole"]:
        pytest.skip("the role of this server may not make others")
    role = f"seller_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database.url) as program:
        for statement in (
            "CREATE ROLE {}",
            "GRANT {} TO CURRENT_USER",
            "GRANT USAGE ON SCHEMA app TO {}",
            "GRANT ALL ON ALL TABLES IN SCHEMA app TO {}",
            "SET LOCAL ROLE {}",
        ):
            program.execute(SQL(statement).format(Identifier(role)))
        program.execute("INSERT INTO app.contacts (id, name, warmness_score) VALUES ('c', 'C', 5)")
        program.execute(
            "INSERT INTO app.activities (id, contact_id, type, subject) "
            "VALUES ('a', 'c', 'CALL', 'Hello')"
        )
        program.execute("SET CONSTRAINTS ALL IMMEDIATE")
        program.execute("UPDATE app.contacts SET name = 'D', warmness_score = 1")
        program.execute("UPDATE app.contacts SET warmness_score = 4")
        program.execute("RESET ROLE")
        found = program.execute("SELECT record FROM sync.outbox ORDER BY id").fetchall()
        program.rollback()
    assert [record for (record,) in found] == ["person/c", "activity/a"]
