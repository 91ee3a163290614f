"""The collections of a Pipedrive company, declared: identity, filterable keys, wording."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Record = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """One collection as the API names it.

    ``columns`` are the top-level keys of a record that can be filtered by and ``sorts`` those it
    can be sorted by; the rest of a record is kept as JSON only. ``entity`` is the singular word
    of webhooks and search. ``soft`` is the key that marks a deleted record ('' for collections
    whose records go for good), ``times`` the way times are written, ``stamps`` the keys that hold
    when a record was added and changed.
    """

    name: str
    entity: str
    columns: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    identity: Literal["number", "uuid"] = "number"
    soft: Literal["is_deleted", "active_flag", ""] = "is_deleted"
    times: Literal["v2", "v1", "milliseconds"] = "v2"
    stamps: tuple[str, ...] = ("add_time", "update_time")

    @property
    def table(self) -> str:
        """The SQLite table."""
        return f"pipedrive_{self.name}"

    def is_gone(self, record: Record) -> bool:
        """Whether the record counts as deleted."""
        if self.soft == "active_flag":
            return record.get("active_flag") is False
        return bool(self.soft and record.get(self.soft))

    def mark_gone(self, record: Record) -> None:
        """Make it a deleted one."""
        if self.soft:
            record[self.soft] = self.soft == "is_deleted"

    def write_time(self, at: datetime) -> str:
        """A time (UTC) as this collection shows it."""
        if self.times == "v1":
            return at.strftime("%Y-%m-%d %H:%M:%S")
        if self.times == "milliseconds":
            return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")


TIMES = ("update_time", "add_time")
DEAL_KEYS = ("person_id", "org_id", "pipeline_id", "stage_id", "status", "is_archived")
NOTE_KEYS = ("user_id", "lead_id", "deal_id", "person_id", "org_id")
ACTIVITY_KEYS = ("deal_id", "lead_id", "person_id", "org_id", "done")
LEAD_KEYS = ("owner_id", "person_id", "organization_id", "is_archived")

COLLECTIONS = {
    collection.name: collection
    for collection in (
        Collection("persons", "person", ("owner_id", "org_id"), TIMES),
        Collection("organizations", "organization", ("owner_id",), TIMES),
        Collection("deals", "deal", ("owner_id", *DEAL_KEYS), TIMES),
        Collection("activities", "activity", ("owner_id", *ACTIVITY_KEYS), (*TIMES, "due_date")),
        Collection("products", "product", ("owner_id",), (*TIMES, "name")),
        Collection("pipelines", "pipeline", (), TIMES),
        Collection("stages", "stage", ("pipeline_id",), (*TIMES, "order_nr")),
        Collection("users", "user", soft="", times="v1", stamps=("created", "modified")),
        Collection("currencies", "currency", soft="", times="v1", stamps=()),
        Collection("activityTypes", "activityType", soft="active_flag", times="v1"),
        Collection("leads", "lead", LEAD_KEYS, TIMES, "uuid", "", "milliseconds"),
        Collection("leadLabels", "leadLabel", (), (), "uuid", "", "milliseconds"),
        Collection("notes", "note", NOTE_KEYS, TIMES, soft="active_flag", times="v1"),
        Collection("files", "file", (), TIMES, soft="active_flag", times="v1"),
        Collection("filters", "filter", ("type",), soft="active_flag", times="v1"),
        Collection("webhooks", "webhook", soft="", stamps=("add_time",)),
    )
}
"""Every collection by name."""
