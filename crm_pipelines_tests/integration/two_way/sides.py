"""The local side, the simulated Pipedrive and what goes between them, as one thing to drive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import sql

from crm_pipelines.flows.push.plain_text import to_plain
from crm_pipelines.store.echoes import Balance, balance
from crm_pipelines_tests.integration.inbox.post import Body, Post, posting
from crm_pipelines_tests.integration.push.pushing import COLLECTIONS, Pushing, Row
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client

TYPES = {
    "CALL": "call",
    "EMAIL": "email",
    "MEETING": "meeting",
    "LINKEDIN": "task",
    "REFERRAL": "task",
    "CONFERENCE": "meeting",
}


class Sides:
    """Local rows are changed through ``push``, records in the CRM through ``change``."""

    def __init__(self, push: Pushing, post: Post) -> None:
        self.push, self.post, self.sandbox = push, post, push.sandbox

    def change(self, table: str, identity: str, **body: Any) -> Row:
        """Somebody changes the record of a row in the CRM's pages."""
        return self.change_record(COLLECTIONS[table][0], self.remote_id(table, identity), **body)

    def change_record(self, collection: str, remote_id: int, **body: Any) -> Row:
        """Somebody changes a record in the CRM's pages."""
        found: Row = self.post.change("PATCH", f"{collection}/{remote_id}", body)
        return found

    def adopt(self, table: str, remote_id: int) -> str:
        """A row for a record that is there, linked by hand; its id."""
        collection, link = COLLECTIONS[table]
        [there] = [r for r in self.sandbox.truth("pipedrive", collection) if r["id"] == remote_id]
        values: Row = {"name": there["name"]}
        if table == "contacts":
            values |= {"email": _first(there, "emails"), "phone": _first(there, "phones")}
        elif there["address"]:
            values |= {"address": there["address"]["value"]}
            values |= {"country": there["address"].get("country")}
        return self.push.add(table, **values, **{link: remote_id})

    def change_by_program(self, collection: str, remote_id: int, **body: Any) -> None:
        """Another program changes a record through the API."""
        headers = {"x-api-token": TOKEN}
        with plain_client(headers=headers) as client:
            path = f"{self.sandbox.url}/api/v2/{collection}/{remote_id}"
            client.patch(path, json=body).raise_for_status()

    def stop_clock(self) -> None:
        """Whatever happens from now on in the CRM happens at the same moment."""
        now = self.sandbox.admin("GET", "/clock")["now"]
        self.sandbox.admin("POST", "/clock", {"now": now, "frozen": True})

    def delete(self, table: str, identity: str) -> None:
        """Somebody deletes the record of a row there."""
        remote_id = self.remote_id(table, identity)
        self.post.change("DELETE", f"{COLLECTIONS[table][0]}/{remote_id}")

    def remote_id(self, table: str, identity: str) -> int:
        """The record of a row."""
        return int(self.row(table, identity)[COLLECTIONS[table][1]])

    def row(self, table: str, identity: str) -> Row:
        """A row of the local side."""
        return self.push.row(table, identity)

    def query(self, statement: LiteralString, **values: Any) -> list[Row]:
        """Whatever else a test wants to see."""
        return self.push.query(statement, **values)

    def settle(self, bodies: list[Body] | None = None) -> None:
        """Both ways, until nothing is on its way any more."""
        for _ in range(20):
            self.push.hasten()
            self.push.work()
            self.post.hurry()
            self.post.work(bodies)
            bodies = None
            if not self.open():
                return
        raise AssertionError(self.open())

    def open(self) -> list[Row]:
        """Commands and deliveries that are not through."""
        return self.query(
            "SELECT 'command' AS what, id, status, error FROM sync.outbox"
            " WHERE status NOT IN ('delivered', 'dead')"
            " UNION ALL SELECT 'delivery', id, status, error FROM sync.inbox"
            " WHERE status = 'waiting'"
        )

    def balance(self) -> Balance:
        """Our writes and their echoes."""
        return balance(self.push.wiring.database, "default").get("pipedrive", Balance())

    def commands(self) -> int:
        """How many there are."""
        return len(self.push.outbox())

    def differences(self) -> list[str]:
        """Where a linked row does not say what its record says."""
        return list(self._differences())

    def _differences(self) -> Iterator[str]:
        remote = {
            table: {one["id"]: one for one in self.sandbox.truth("pipedrive", collection)}
            for table, (collection, _) in COLLECTIONS.items()
        }
        local = {table: {row["id"]: row for row in self._rows(table)} for table in COLLECTIONS}
        users = {
            row["pipedrive_user_id"]: row["id"] for row in self.query("SELECT * FROM app.users")
        }
        for table, (_, link) in COLLECTIONS.items():
            for identity, row in local[table].items():
                if row[link] is None:
                    continue
                record = remote[table].get(row[link])
                if record is None:
                    yield f"{table} {identity}: no record {row[link]}"
                    continue
                for name, (ours, theirs) in SAID[table](row, record, local, users).items():
                    if ours != theirs:
                        yield f"{table} {identity} {name}: {ours!r} is {theirs!r} in the CRM"

    def _rows(self, table: str) -> list[Row]:
        statement = sql.SQL("SELECT * FROM {} ORDER BY id").format(sql.Identifier("app", table))
        with self.push.wiring.database.connection() as connection:
            return [dict(row) for row in connection.execute(statement).fetchall()]


Pairs = dict[str, tuple[Any, Any]]
Local = dict[str, dict[str, Row]]


def _first(record: Row, key: str) -> str | None:
    found = [one for one in record[key] if one["primary"]] + record[key]
    return found[0]["value"] if found else None


def _refers(local: Local, table: str, identity: str | None) -> int | None:
    return None if identity is None else local[table][identity][COLLECTIONS[table][1]]


def _owner(row: Row, record: Row, users: dict[int, str]) -> Pairs:
    """Owners whom the local side does not know are not compared."""
    ours = users.get(record["owner_id"])
    return {} if ours is None or row["user_id"] is None else {"user_id": (row["user_id"], ours)}


def _contact(row: Row, record: Row, local: Local, users: dict[int, str]) -> Pairs:
    return {
        "name": (row["name"].strip(), record["name"].strip()),
        "email": (row["email"] or None, _first(record, "emails")),
        "phone": (row["phone"] or None, _first(record, "phones")),
        **_organization_of(row, record, local),
        **_owner(row, record, users),
    }


def _organization_of(row: Row, record: Row, local: Local) -> Pairs:
    """Organizations that the local side does not have are not compared."""
    known = {None, *(one["pipedrive_org_id"] for one in local["organizations"].values())}
    ours = _refers(local, "organizations", row["organization_id"])
    return {"org": (ours, record["org_id"])} if record["org_id"] in known else {}


def _organization(row: Row, record: Row, local: Local, users: dict[int, str]) -> Pairs:
    address = record["address"] or {}
    text, country = address.get("value"), address.get("country")
    return {
        "name": (row["name"].strip(), record["name"].strip()),
        "country": (row["country"] or None, country or None),
        "address": (row["address"] or None, None if text == country else text),
    }


def _deal(row: Row, record: Row, local: Local, users: dict[int, str]) -> Pairs:
    return {
        "title": (row["title"].strip(), record["title"].strip()),
        "value": (float(row["value"] or 0), float(record["value"] or 0)),
        **{name: (row[name], record[name]) for name in ("currency", "status", "stage_id")},
        "person": (_refers(local, "contacts", row["contact_id"]), record["person_id"]),
        **_owner(row, record, users),
    }


def _activity(row: Row, record: Row, local: Local, users: dict[int, str]) -> Pairs:
    day, at = record["due_date"], record["due_time"] or "00:00:00"
    due = datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=UTC) if day else None
    length = record["duration"]
    return {
        "subject": (row["subject"].strip(), record["subject"].strip()),
        "type": (TYPES.get(row["type"].upper(), row["type"]), record["type"]),
        "due": (row["due_at"], due),
        "duration": (
            None if row["duration"] is None else int(row["duration"].total_seconds()),
            None if not length else _seconds(length),
        ),
        "note": (row["note"] or None, to_plain(record["note"] or "") or None),
        "done": (row["done"], record["done"]),
        "person": (_refers(local, "contacts", row["contact_id"]), record["person_id"]),
        "deal": (_refers(local, "deals", row["deal_id"]), record["deal_id"]),
    }


def _seconds(clock: str) -> int:
    hours, minutes, seconds = (*map(int, clock.split(":")), 0)[:3]
    return hours * 3600 + minutes * 60 + seconds


SAID = {
    "contacts": _contact,
    "organizations": _organization,
    "deals": _deal,
    "activities": _activity,
}


@contextmanager
def two_sides(environment: dict[str, str], sandbox: Sandbox) -> Iterator[Sides]:
    """With webhooks that bring what happens to a receiver, whence the test puts it in."""
    push, mirror = Pushing(environment, sandbox), Mirroring(environment)
    try:
        with posting(sandbox, mirror) as post:
            yield Sides(push, post)
    finally:
        mirror.close()
        push.close()
