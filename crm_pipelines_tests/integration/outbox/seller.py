"""The local side of one tenant, changed by plain SQL as any program may."""

from __future__ import annotations

from typing import Any

from crm_pipelines.store.database import Database

TABLES = {
    "person": "contacts",
    "organization": "organizations",
    "deal": "deals",
    "activity": "activities",
}
REMOTE = {
    "person": "pipedrive_person_id",
    "organization": "pipedrive_org_id",
    "deal": "pipedrive_deal_id",
    "activity": "pipedrive_activity_id",
}


class Seller:
    """Inserts and changes rows; each call is a transaction."""

    def __init__(self, database: Database, workspace: str) -> None:
        self.database, self.workspace = database, workspace

    def run(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with self.database.connection() as connection:
            cursor = connection.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def add(self, entity: str, identity: str, **columns: Any) -> None:
        values = {"workspace_id": self.workspace, "id": identity, **columns}
        names, places = ", ".join(values), ", ".join(["%s"] * len(values))
        self.run(f"INSERT INTO app.{TABLES[entity]} ({names}) VALUES ({places})", *values.values())

    def organization(self, identity: str, **columns: Any) -> None:
        self.add("organization", identity, **{"name": f"Company {identity}", **columns})

    def contact(self, identity: str, **columns: Any) -> None:
        self.add("person", identity, **{"name": f"Contact {identity}", **columns})

    def activity(self, identity: str, contact: str, **columns: Any) -> None:
        about = {"type": "CALL", "subject": f"Call {identity}", "contact_id": contact}
        self.add("activity", identity, **{**about, **columns})

    def deal(self, identity: str, **columns: Any) -> None:
        self.add("deal", identity, **{"title": f"Deal {identity}", **columns})

    def change(self, entity: str, identity: str, **columns: Any) -> None:
        settings = ", ".join(f"{name} = %s" for name in columns)
        self.run(
            f"UPDATE app.{TABLES[entity]} SET {settings} WHERE workspace_id = %s AND id = %s",
            *columns.values(),
            self.workspace,
            identity,
        )

    def remove(self, entity: str, identity: str) -> None:
        self.run(
            f"DELETE FROM app.{TABLES[entity]} WHERE workspace_id = %s AND id = %s",
            self.workspace,
            identity,
        )

    def rows(self, entity: str) -> dict[str, dict[str, Any]]:
        found = self.run(
            f"SELECT * FROM app.{TABLES[entity]} WHERE workspace_id = %s ORDER BY id",
            self.workspace,
        )
        return {row["id"]: row for row in found}

    def commands(self) -> list[dict[str, Any]]:
        return self.run(
            "SELECT * FROM sync.outbox WHERE workspace_id = %s ORDER BY id", self.workspace
        )

    def told(self) -> list[tuple[str, str, str]]:
        """Kind, record and status of every command, in their order."""
        return [(row["kind"], row["record"], row["status"]) for row in self.commands()]
