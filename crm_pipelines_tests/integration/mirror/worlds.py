"""What people do to records of a simulated CRM, as steps of a history that can be told again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_pipelines_tests.sandbox_process import Sandbox

SPELLING = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, repr=False)
class Collection:
    """Records of one kind. ``tells`` are those of its streams whose deltas show deletions."""

    crm: str
    name: str
    streams: tuple[str, ...]
    text: str
    stamp: str
    tells: tuple[str, ...] = ()
    actions: tuple[str, ...] = ("edit", "edit", "create", "delete", "late edit", "late create")

    def __repr__(self) -> str:
        return self.name.upper()

    @property
    def key(self) -> str:
        return "Id" if self.crm == "salesforce" else "id"


MERGED = (*Collection.actions, "merge")
BINNED = (*MERGED, "undelete", "destroy")
PERSONS = Collection(
    "pipedrive", "persons", ("pipedrive.persons",), "name", "update_time", actions=MERGED
)
ORGANIZATIONS = Collection(
    "pipedrive",
    "organizations",
    ("pipedrive.organizations",),
    "name",
    "update_time",
    actions=MERGED,
)
DEALS = Collection(
    "pipedrive",
    "deals",
    ("pipedrive.deals", "pipedrive.archived_deals"),
    "title",
    "update_time",
    tells=("pipedrive.deals", "pipedrive.archived_deals"),
    actions=(*MERGED, "archive", "archive"),
)
CONTACTS = Collection(
    "salesforce",
    "Contact",
    ("salesforce.contacts",),
    "LastName",
    "SystemModstamp",
    tells=("salesforce.contacts",),
    actions=BINNED,
)
ACCOUNTS = Collection(
    "salesforce",
    "Account",
    ("salesforce.accounts",),
    "Name",
    "SystemModstamp",
    tells=("salesforce.accounts",),
    actions=BINNED,
)


@dataclass(frozen=True)
class Change:
    """One deed. ``which`` and ``other`` pick among the records there are; ``ago`` in seconds."""

    collection: Collection
    action: str
    which: int = 0
    other: int = 0
    text: str = "Ada"
    ago: int = 60


@dataclass
class World:
    """The deeds done to a sandbox. ``binned`` are records that may be brought back."""

    sandbox: Sandbox
    binned: dict[str, list[str]] = field(default_factory=dict)
    destroyed: bool = False

    def alive(self, collection: Collection) -> list[dict[str, Any]]:
        return self.sandbox.truth(collection.crm, collection.name)

    def do(self, change: Change) -> None:
        """Nothing, where there is no record to do it to."""
        there, collection = self.alive(change.collection), change.collection
        records = f"/{collection.crm}/records/{collection.name}"
        if change.action.endswith("create"):
            self._create(change, records)
        elif change.action == "undelete":
            self._undelete(change, records)
        elif there:
            one = there[change.which % len(there)]
            getattr(self, "_" + change.action.replace(" ", "_"))(
                change, f"{records}/{one[collection.key]}", one, there
            )

    def _create(self, change: Change, records: str) -> None:
        body = {change.collection.text: change.text}
        if change.action.startswith("late"):
            body[change.collection.stamp] = _moment(change.ago).strftime(SPELLING)
        self.sandbox.admin("POST", records, body)

    def _edit(self, change: Change, path: str, *_: Any) -> None:
        self.sandbox.admin("PATCH", path, {change.collection.text: change.text})

    def _late_edit(self, change: Change, path: str, one: dict[str, Any], _: Any) -> None:
        """The older stamp of a long transaction; of one record, stamps never go back."""
        body = {change.collection.text: change.text}
        stamp, before = _moment(change.ago), one[change.collection.stamp]
        if datetime.fromisoformat(before) < stamp:
            body[change.collection.stamp] = stamp.strftime(SPELLING)
        self.sandbox.admin("PATCH", path, body)

    def _archive(self, change: Change, path: str, one: dict[str, Any], _: Any) -> None:
        self.sandbox.admin("PATCH", path, {"is_archived": not one["is_archived"]})

    def _delete(self, change: Change, path: str, one: dict[str, Any], _: Any) -> None:
        self.sandbox.admin("DELETE", path)
        self.binned.setdefault(change.collection.name, []).append(one[change.collection.key])

    def _destroy(self, change: Change, path: str, *_: Any) -> None:
        self.sandbox.admin("DELETE", path)
        self.sandbox.admin("POST", f"{path}/destroy")
        self.destroyed = True

    def _merge(
        self, change: Change, path: str, one: dict[str, Any], there: list[dict[str, Any]]
    ) -> None:
        into = there[change.other % len(there)][change.collection.key]
        if into != one[change.collection.key]:
            self.sandbox.admin("POST", f"{path}/merge", {"into": into})

    def _undelete(self, change: Change, records: str) -> None:
        binned = self.binned.get(change.collection.name)
        if binned:
            identity = binned.pop(change.which % len(binned))
            there = {one[change.collection.key] for one in self.alive(change.collection)}
            if identity not in there:  # it may have come back with its account
                self.sandbox.admin("POST", f"{records}/{identity}/undelete")


def _moment(ago: int) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=ago)
