"""The local side, the push and the simulated Pipedrive as one thing to drive in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import sql

from crm_pipelines.flows.push.flow import Push
from crm_pipelines.model.command import Delivery
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client

Row = dict[str, Any]
COLLECTIONS = {
    "contacts": ("persons", "pipedrive_person_id"),
    "organizations": ("organizations", "pipedrive_org_id"),
    "activities": ("activities", "pipedrive_activity_id"),
    "deals": ("deals", "pipedrive_deal_id"),
}


class Pushing:
    """A wiring of its own, and the sandbox that it writes to."""

    def __init__(self, values: Mapping[str, str], sandbox: Sandbox) -> None:
        self.values, self.sandbox = dict(values), sandbox
        self.wiring = Wiring(self.values)
        self.push: Push = self.wiring.push("default")
        self.before = {name: self.ids(name) for name, _ in COLLECTIONS.values()}

    def add(self, table: str, **values: Any) -> str:
        """A row of the local side, as any program would insert it; its id."""
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier("app", table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        )
        with self.wiring.database.connection() as connection:
            row = connection.execute(statement, values).fetchone()
        assert row is not None
        return str(row["id"])

    def lead(self, name: str = "Ada Lovelace", **values: Any) -> str:
        """A contact that is a warm lead."""
        return self.add("contacts", name=name, **{"warmness_score": 5, **values})

    def change(self, table: str, identity: str, **values: Any) -> None:
        """A change of a row, as any program would make it."""
        statement = sql.SQL("UPDATE {} SET {} WHERE id = %(identity)s").format(
            sql.Identifier("app", table),
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in values
            ),
        )
        with self.wiring.database.connection() as connection:
            connection.execute(statement, {**values, "identity": identity})

    def row(self, table: str, identity: str) -> Row:
        """A row of the local side."""
        statement = sql.SQL("SELECT * FROM {} WHERE id = %s").format(sql.Identifier("app", table))
        with self.wiring.database.connection() as connection:
            row = connection.execute(statement, (identity,)).fetchone()
        assert row is not None
        return dict(row)

    def remote(self, table: str, identity: str) -> Row:
        """The record of a row, as the CRM has it."""
        collection, link = COLLECTIONS[table]
        remote_id = self.row(table, identity)[link]
        [found] = [r for r in self.sandbox.truth("pipedrive", collection) if r["id"] == remote_id]
        return found

    def ids(self, collection: str) -> set[int]:
        """Every record of a collection."""
        return {record["id"] for record in self.sandbox.truth("pipedrive", collection)}

    def fields(self, name: str) -> list[Row]:
        """The fields of a kind of record, as the API lists them."""
        with plain_client(headers={"x-api-token": TOKEN}) as client:
            answer = client.get(f"{self.sandbox.url}/api/v2/{name}", params={"limit": "500"})
        answer.raise_for_status()
        found: list[Row] = answer.json()["data"]
        return found

    def made(self, collection: str) -> list[Row]:
        """Records that were not there at first."""
        every = self.sandbox.truth("pipedrive", collection)
        return [record for record in every if record["id"] not in self.before[collection]]

    def work(self, **options: Any) -> list[Delivery]:
        """All that is due."""
        return self.push.work(**options)

    def query(self, statement: LiteralString, **values: Any) -> list[Row]:
        """Whatever else a test wants to see."""
        return list(self.wiring.database.run_text(statement, values))

    def outbox(self) -> list[Row]:
        """Every command, oldest first."""
        return self.query("SELECT * FROM sync.outbox ORDER BY id")

    def hasten(self) -> None:
        """Whatever waits for its time need not."""
        self.query("UPDATE sync.outbox SET next_attempt_at = clock_timestamp()")

    def writes(self) -> list[Row]:
        """Requests that write, so far."""
        return [e for e in self.sandbox.journal() if e["method"] not in ("GET", "HEAD")]

    def statuses(self) -> list[int]:
        """Of all answers so far."""
        return [entry["status"] for entry in self.sandbox.journal()]

    def close(self) -> None:
        """Give everything back."""
        self.push.close()
        self.wiring.close()
