"""The collections of a Pipedrive company, declared: identity, filterable keys, wording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Record = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """One collection as the API names it.

    ``columns`` are the top-level keys of a record that can be filtered or sorted by; the rest
    of a record is kept as JSON only. ``entity`` is the singular word that webhooks and search use.
    """

    name: str
    entity: str
    columns: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    identity: Literal["number", "uuid", "word"] = "number"
    soft: Literal["is_deleted", "active_flag", ""] = "is_deleted"

    @property
    def table(self) -> str:
        """The SQLite table."""
        return f"pipedrive_{self.name}"

    def is_gone(self, record: Record) -> bool:
        """Whether the record counts as deleted."""
        if self.soft == "active_flag":
            return record.get("active_flag") is False
        return bool(self.soft and record.get(self.soft))


TIMES = ("update_time", "add_time")

COLLECTIONS = {
    collection.name: collection
    for collection in (
        Collection("persons", "person", ("owner_id", "org_id"), TIMES),
        Collection("organizations", "organization", ("owner_id",), TIMES),
        Collection(
            "deals",
            "deal",
            (
                "owner_id",
                "person_id",
                "org_id",
                "pipeline_id",
                "stage_id",
                "status",
                "is_archived",
            ),
            TIMES,
        ),
        Collection(
            "activities",
            "activity",
            ("owner_id", "deal_id", "lead_id", "person_id", "org_id", "done"),
            (*TIMES, "due_date"),
        ),
        Collection("products", "product", ("owner_id",), (*TIMES, "name")),
        Collection("pipelines", "pipeline", (), TIMES),
        Collection("stages", "stage", ("pipeline_id",), (*TIMES, "order_nr")),
        Collection("users", "user", soft=""),
        Collection("currencies", "currency", soft=""),
        Collection("activityTypes", "activityType", soft=""),
        Collection(
            "leads",
            "lead",
            ("owner_id", "person_id", "organization_id", "is_archived"),
            TIMES,
            identity="uuid",
        ),
        Collection("leadLabels", "leadLabel", identity="uuid"),
        Collection(
            "notes",
            "note",
            ("user_id", "lead_id", "deal_id", "person_id", "org_id"),
            TIMES,
            soft="active_flag",
        ),
        Collection("files", "file", (), TIMES, soft="active_flag"),
        Collection("filters", "filter", ("type",), soft="active_flag"),
        Collection("webhooks", "webhook", soft=""),
    )
}
"""Every collection by name."""
