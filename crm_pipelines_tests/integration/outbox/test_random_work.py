"""Random days: the local side changes, workers claim, send, die and come back, at any point."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crm_pipelines.model.command import Entity, Kind, Trigger, Wanted
from crm_pipelines.store import local_side, outbox
from crm_pipelines.store.database import Database
from crm_pipelines_tests.integration.outbox.desk import SAID, Desk, Seen, check
from crm_pipelines_tests.integration.outbox.seller import Seller

DAYS = int(os.environ.get("CRM_TEST_DAYS") or 15)
"""How many random days are lived through."""

TENANTS = itertools.count(1)
IDS = st.sampled_from(["1", "2", "3"])
SCORES = st.sampled_from([0, 3, 4, 5])
WORDS = st.sampled_from(["a", "b", "c", None])
TWO_SIDES = """
    SELECT a.id AS one, b.id AS other FROM sync.outbox AS a JOIN sync.outbox AS b
        ON a.workspace_id = b.workspace_id AND a.id < b.id
       AND (a.record = b.record OR a.lane = b.lane)
     WHERE a.workspace_id = %s AND a.status = 'sending' AND b.status = 'sending'
"""


class Day(RuleBasedStateMachine):
    """What may happen. The checks come after every step and at the end."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        workspace = f"tenant {next(TENANTS)}"
        self.seller = Seller(self.database, workspace)
        self.desk = Desk(self.database, workspace)
        self.workers: dict[str, outbox.Worker] = {}
        self.hands: list[tuple[str, Seen, int | None]] = []
        self.seen: list[Seen] = []
        self.redriven: set[int] = set()
        for number in ("1", "2"):
            self.seller.organization(number)
        self.seller.contact("1")
        self.link_by_hand("1")

    @rule(identity=IDS, score=SCORES, organization=st.sampled_from(["1", "2", None]), email=WORDS)
    def add_contact(
        self, identity: str, score: int, organization: str | None, email: str | None
    ) -> None:
        if identity not in self.seller.rows("person"):
            self.seller.contact(
                identity, warmness_score=score, organization_id=organization, email=email
            )

    @rule(identity=IDS, score=SCORES)
    def set_score(self, identity: str, score: int) -> None:
        self.seller.change("person", identity, warmness_score=score)

    @rule(identity=IDS, column=st.sampled_from(["name", "email", "phone"]), word=WORDS)
    def change_contact(self, identity: str, column: str, word: str | None) -> None:
        self.seller.change("person", identity, **{column: word or "d"})

    @rule(identity=IDS, organization=st.sampled_from(["1", "2", None]), score=SCORES)
    def change_several(self, identity: str, organization: str | None, score: int) -> None:
        self.seller.change(
            "person", identity, organization_id=organization, warmness_score=score, phone="7"
        )

    @rule(score=SCORES, phone=WORDS)
    def change_all(self, score: int, phone: str | None) -> None:
        self.seller.run(
            "UPDATE app.contacts SET warmness_score = %s, phone = %s WHERE workspace_id = %s",
            *(score, phone, self.seller.workspace),
        )

    @rule(identity=st.sampled_from(["1", "2"]), word=WORDS)
    def change_organization(self, identity: str, word: str | None) -> None:
        self.seller.change("organization", identity, industry=word, name=f"Company {word}")

    @rule(identity=IDS, contact=IDS)
    def add_activity(self, identity: str, contact: str) -> None:
        there = self.seller.rows("activity")
        if identity not in there and contact in self.seller.rows("person"):
            self.seller.activity(identity, contact)

    @rule(identity=IDS, word=WORDS, done=st.booleans())
    def change_activity(self, identity: str, word: str | None, done: bool) -> None:
        self.seller.change("activity", identity, subject=word or "d", done=done)

    @rule(identity=IDS)
    def remove_activity(self, identity: str) -> None:
        self.seller.remove("activity", identity)

    @rule(identity=IDS, contact=st.sampled_from(["1", "2", "3", None]))
    def add_deal(self, identity: str, contact: str | None) -> None:
        if identity not in self.seller.rows("deal") and (
            contact is None or contact in self.seller.rows("person")
        ):
            self.seller.deal(identity, contact_id=contact, organization_id="1")

    @rule(identity=IDS, word=WORDS)
    def change_deal(self, identity: str, word: str | None) -> None:
        self.seller.change("deal", identity, title=word or "d")

    @rule(identity=IDS)
    def link_by_hand(self, identity: str) -> None:
        """Somebody knows the record that a contact is in the CRM."""
        row = self.seller.rows("person").get(identity)
        under_way = any(
            one["status"] in ("sending", "dead") or one["sent_at"]
            for one in self.seller.commands()
            if one["record"] == f"person/{identity}"
        )
        if row is not None and row["pipedrive_person_id"] is None and not under_way:
            values = {name: row[name] for name in SAID["person"]}
            number = self.desk.crm.create(f"by hand {identity}", values)
            self.seller.change("person", identity, pipedrive_person_id=number)

    @rule(identity=IDS, word=WORDS)
    def ask_by_hand(self, identity: str, word: str | None) -> None:
        """A program writes to a record that it knows by the CRM's id; the row says so, too."""
        row = self.seller.rows("person").get(identity)
        if row is None or row["pipedrive_person_id"] is None:
            return
        wanted = Wanted(
            *(self.seller.workspace, "pipedrive", Entity.PERSON, Kind.UPDATE, {"phone": word}),
            remote_id=row["pipedrive_person_id"],
            trigger=Trigger.MANUAL,
        )
        with self.database.transaction() as connection:
            outbox.enqueue(connection, wanted)
            connection.execute("SELECT set_config('crm_pipelines.origin', 'sync', true)")
            connection.execute(
                "UPDATE app.contacts SET phone = %s WHERE workspace_id = %s AND id = %s",
                (word, self.seller.workspace, identity),
            )

    @rule()
    def look(self) -> None:
        """What is seen may be old when it is claimed."""
        self.seen = self.desk.look()

    @rule(name=st.sampled_from(["anna", "bruno"]), number=st.integers(1, 4), again=st.booleans())
    def claim(self, name: str, number: int, again: bool) -> None:
        if again:
            self.look()
        if name not in self.workers:
            self.workers[name] = outbox.Worker(self.database).__enter__()
        for one in self.desk.claim(self.workers[name], self.seen[:number]):
            self.hands.append((name, one, None))

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def send(self, data: Any) -> None:
        place = data.draw(st.integers(0, len(self.hands) - 1))
        name, one, outcome = self.hands[place]
        if outcome is None:
            self.hands[place] = (name, one, self.desk.send(one))

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), fate=st.sampled_from(["deliver", "deliver", "release", "fail", "kill"]))
    def settle(self, data: Any, fate: str) -> None:
        place = data.draw(st.integers(0, len(self.hands) - 1))
        _, one, outcome = self.hands.pop(place)
        if fate == "deliver":
            number = self.desk.send(one) if outcome is None else outcome
            self.desk.write_back(one, number)
            return
        moment = one.command.created_at
        if fate == "release":
            assert outbox.release(self.database, one.command, retry_at=moment, error="no answer")
        elif fate == "fail":
            assert outbox.fail(self.database, one.command, retry_at=moment, error="no answer")
        else:
            with self.database.transaction() as connection:
                problems = {"email": "wrong"} if outcome is None else {}
                assert outbox.kill(connection, one.command, "refused", problems)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def die(self, data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.workers)))
        self.workers.pop(name).__exit__(None, None, None)
        lost = [one for owner, one, _ in self.hands if owner == name]
        self.hands = [hand for hand in self.hands if hand[0] != name]
        outbox.recover(self.database)
        for one in lost:
            with pytest.raises(outbox.ClaimLost):
                outbox.mark_sent(self.database, one.command)
            late = one.command.created_at
            assert not outbox.release(self.database, one.command, retry_at=late, error="late")

    @rule()
    def redrive(self) -> None:
        before = {row["id"] for row in self.seller.commands() if row["status"] == "dead"}
        self.redriven |= before
        outbox.redrive(self.database, self.seller.workspace, ids=sorted(before))

    @rule()
    def reconcile(self) -> None:
        local_side.missing(self.database, self.seller.workspace)

    @invariant()
    def one_at_a_time(self) -> None:
        assert self.seller.run(TWO_SIDES, self.seller.workspace) == []

    @invariant()
    def one_create(self) -> None:
        creates = [row["record"] for row in self.seller.commands() if row["kind"] == "create"]
        assert len(creates) == len(set(creates))

    @invariant()
    def in_order(self) -> None:
        lines: dict[str, list[int]] = {}
        records = {row["id"]: row["record"] for row in self.seller.commands()}
        for number in self.desk.delivered:
            if number not in self.redriven:
                lines.setdefault(records[number], []).append(number)
        for line in lines.values():
            assert line == sorted(line)

    def teardown(self) -> None:
        for worker in self.workers.values():
            worker.__exit__(None, None, None)
        for _ in range(3):  # what was dead holds others back
            self.desk.hurry()
            self.desk.work()
        local_side.missing(self.database, self.seller.workspace)
        self.desk.work()
        check(self.desk, self.seller)


def test_random_days(shared: Database) -> None:
    Day.database = shared
    run_state_machine_as_test(
        Day,
        settings=settings(
            max_examples=DAYS,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
