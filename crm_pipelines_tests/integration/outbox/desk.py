"""A worker's day at a CRM of the test's own: what the push does, without HTTP.

The CRM is a dictionary. It applies what it is told at once and never answers by itself, so that a
worker can go at any point: before a request, after it, and before he writes down what came of it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_pipelines.model.command import Command, Entity, Kind, Status
from crm_pipelines.store import local_side, outbox
from crm_pipelines.store.database import Database

SAID = {
    "person": ("name", "email", "phone", "organization_id"),
    "organization": ("name", "industry"),
    "deal": ("title", "contact_id", "organization_id"),
    "activity": ("subject", "done", "contact_id"),
}
"""Columns that the records of this CRM have."""


@dataclass
class Crm:
    """Records by their id; ``made`` says which of our rows made them."""

    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, list[int]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, our_id: str, values: dict[str, Any]) -> int:
        with self.lock:
            number = next(self.numbers)
            self.records[number] = dict(values)
            self.made.setdefault(our_id, []).append(number)
            return number

    def update(self, number: int, values: dict[str, Any]) -> None:
        with self.lock:
            self.records[number] |= values

    def find(self, our_id: str) -> int | None:
        with self.lock:
            return next(iter(self.made.get(our_id, ())), None)


@dataclass
class Seen:
    """A command and the row that is to be sent, as it was when it was read."""

    command: Command
    row: dict[str, Any] | None


class Desk:
    """Looks for work, claims it, sends it and writes back."""

    def __init__(self, database: Database, workspace: str, crm: Crm | None = None) -> None:
        self.database, self.workspace = database, workspace
        self.crm = crm or Crm()
        self.delivered: list[int] = []

    def due(self, most: int = 200, **how: Any) -> list[Command]:
        return outbox.due(
            self.database, workspace=self.workspace, crm="pipedrive", most=most, **how
        )

    def look(self, most: int = 200, **how: Any) -> list[Seen]:
        found = []
        for command in self.due(most, **how):
            row = None
            if command.local_id is not None:
                rows = local_side.rows(
                    self.database, command.entity, self.workspace, [command.local_id]
                )
                row = rows.get(command.local_id)
            found.append(Seen(command, row))
        return found

    def claim(self, worker: outbox.Worker, seen: Sequence[Seen]) -> list[Seen]:
        rows = {one.command.id: one.row for one in seen}
        got = outbox.claim(self.database, worker, [one.command for one in seen])
        return [Seen(command, rows[command.id]) for command in got]

    def send(self, one: Seen) -> int:
        """The request; its outcome is known to nobody but the caller."""
        command = one.command
        if command.kind is Kind.CREATE:
            known = self.crm.find(command.our_id) if command.sent_at else None
            if known is not None:
                return known
            outbox.mark_sent(self.database, command)
            assert one.row is not None
            values = {name: one.row[name] for name in SAID[command.entity]}
            return self.crm.create(command.our_id, values)
        number = (one.row or {}).get("remote_id") or command.remote_id
        assert number is not None, command
        said = {n: v for n, v in command.payload.items() if n in SAID[command.entity]}
        self.crm.update(number, said)
        return int(number)

    def write_back(self, one: Seen, number: int) -> None:
        command = one.command
        with self.database.transaction() as connection:
            if command.local_id is not None:
                local_side.link(
                    connection, command.entity, self.workspace, command.local_id, number
                )
            outbox.deliver(connection, command, number, {})
        self.delivered.append(command.id)

    def work(self, most: int = 200) -> None:
        """Until nothing is to be had."""
        with outbox.Worker(self.database) as worker:
            outbox.recover(self.database)
            while claimed := self.claim(worker, self.look(most)):
                for one in claimed:
                    self.write_back(one, self.send(one))

    def hurry(self) -> None:
        """Every retry is due now, also those of the batch job and of dead letters."""
        for status in (Status.FAILED, Status.DEAD):
            outbox.redrive(self.database, self.workspace, status=status)
        self.database.run_text(
            "UPDATE sync.outbox SET next_attempt_at = now() "
            "WHERE workspace_id = %(workspace)s AND status = 'pending'",
            {"workspace": self.workspace},
        )


def check(desk: Desk, seller: Any) -> None:
    """At the end of all work: the CRM says what the local side says, once."""
    assert [row for row in seller.commands() if row["status"] != "delivered"] == []
    for number in desk.crm.made.values():
        assert len(number) == 1
    for entity in Entity:
        for row in seller.rows(entity).values():
            number = row[_remote(entity)]
            assert row["update_sync_status"] == "SYNCED", row
            if number is None:
                assert not _wanted(entity, row, seller), row
                continue
            there = {name: row[name] for name in SAID[entity]}
            assert desk.crm.records[number] == there, (entity, row["id"])


def _remote(entity: str) -> str:
    return {"organization": "pipedrive_org_id"}.get(entity, f"pipedrive_{entity}_id")


def _wanted(entity: str, row: dict[str, Any], seller: Any) -> bool:
    """Whether the CRM must have a row by now."""
    if entity == "person":
        return bool(row["warmness_score"] >= 4)
    if entity == "organization":
        ours = {one["record"] for one in seller.commands() if one["kind"] == "create"}
        return any(
            contact["organization_id"] == row["id"] and f"person/{contact['id']}" in ours
            for contact in seller.rows("person").values()
        )
    contact = seller.rows("person").get(row["contact_id"])
    return contact is not None and contact["pipedrive_person_id"] is not None
