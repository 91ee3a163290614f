"""Records are edited, created and deleted while a sync pages through; then comes a quiet one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_pipelines.model.window import OVERLAP, Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

# Stream, collection in the sandbox, name of the key, a text field, and whether a delta tells of
# deletions (where it does not, a full sync must).
STREAMS = [
    ("pipedrive.persons", "persons", "id", "name", False),
    ("pipedrive.organizations", "organizations", "id", "name", False),
    ("pipedrive.activities", "activities", "id", "subject", False),
    ("pipedrive.deals", "deals", "id", "title", True),
    ("salesforce.contacts", "Contact", "Id", "LastName", True),
    ("salesforce.accounts", "Account", "Id", "Name", True),
]
NEEDED = {"Contact": {"LastName": "New"}, "Account": {"Name": "New"}}


class Turmoil:
    """What people do to a collection while it is read."""

    def __init__(self, sandbox: Sandbox, crm: str, collection: str, key: str, text: str) -> None:
        self._sandbox, self._text = sandbox, text
        self._path = f"/{crm}/records/{collection}"
        self._needed = NEEDED.get(collection, {text: "New"})
        self._ids = [record[key] for record in sandbox.truth(crm, collection)]
        if collection == "deals":
            found = sandbox.truth(crm, collection)
            self._ids = [deal["id"] for deal in found if not deal["is_archived"]]

    def __call__(self, page: int) -> None:
        ids = self._ids
        if page == 1:
            for place in (0, 1, len(ids) - 1, len(ids) - 2):
                self._edit(ids[place], f"edited after page {page}")
            self._delete(ids[2])
            self._delete(ids[-3])
            self._sandbox.admin("POST", self._path, self._needed)
        if page == 2:
            self._edit(ids[0], f"edited after page {page}")
            self._edit(ids[3], f"edited after page {page}")
            self._delete(ids[1])
            self._sandbox.admin("POST", self._path, self._needed)

    def _edit(self, identity: Any, words: str) -> None:
        self._sandbox.admin("PATCH", f"{self._path}/{identity}", {self._text: words})

    def _delete(self, identity: Any) -> None:
        self._sandbox.admin("DELETE", f"{self._path}/{identity}")


@pytest.mark.parametrize("first", [True, False], ids=["first sync", "later full sync"])
@pytest.mark.parametrize(
    ("name", "collection", "key", "text", "tells"), STREAMS, ids=[row[0] for row in STREAMS]
)
def test_nothing_is_missing_or_stale_after_a_quiet_sync(
    sandbox: Sandbox,
    mirror: Mirroring,
    name: str,
    collection: str,
    key: str,
    text: str,
    tells: bool,
    first: bool,
) -> None:
    if not first:
        mirror(name)
    turmoil = Turmoil(sandbox, name.partition(".")[0], collection, key, text)
    mirror.finish(name, mirror.fetch(name, on_page=turmoil, batch_size=4, mode=Mode.FULL))
    mirror(name)
    left = differences(sandbox, mirror, name)
    if not tells:
        assert set(left.values()) <= {"ghost"}
        mirror(name, mode=Mode.FULL)
        left = differences(sandbox, mirror, name)
    assert left == {}


@pytest.mark.parametrize("name", ["pipedrive.persons", "salesforce.contacts"])
def test_the_watermark_is_the_start_of_the_run(
    sandbox: Sandbox, mirror: Mirroring, name: str
) -> None:
    """Not the newest value seen, and not the end: what changed in between would be missed."""
    manifest = mirror.fetch(name)
    mirror.finish(name, manifest)
    assert mirror.watermark(name) == manifest.started_at
    again = mirror.fetch(name)
    assert again.slice.start == manifest.started_at - OVERLAP
    assert again.started_at > manifest.started_at
    mirror.finish(name, again)
    assert mirror.watermark(name) == again.started_at


@pytest.mark.parametrize("late", [timedelta(seconds=1), OVERLAP - timedelta(minutes=1)])
def test_rows_that_commit_late_with_an_older_stamp_are_caught(
    sandbox: Sandbox, mirror: Mirroring, late: timedelta
) -> None:
    mirror("salesforce.contacts")
    mark = mirror.watermark("salesforce.contacts")
    assert mark is not None
    stamp = (mark - late).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    sandbox.admin(
        "POST",
        "/salesforce/records/Contact",
        {"LastName": "Late", "CreatedDate": stamp, "SystemModstamp": stamp},
    )
    known = next(iter(mirror.rows("salesforce.contacts")))
    sandbox.admin(
        "PATCH",
        f"/salesforce/records/Contact/{known}",
        {"LastName": "Late, too", "SystemModstamp": stamp},
    )
    outcome = mirror("salesforce.contacts")
    assert (outcome.created, outcome.updated) == (1, 1)
    assert differences(sandbox, mirror, "salesforce.contacts") == {}


def test_late_rows_of_pipedrive_are_caught(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror("pipedrive.persons")
    stamp = (datetime.now(UTC) - OVERLAP + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    created = sandbox.admin(
        "POST", "/pipedrive/records/persons", {"name": "Late", "update_time": stamp}
    )
    assert mirror("pipedrive.persons").created == 1
    assert mirror.rows("pipedrive.persons")[created["id"]]["name"] == "Late"


@pytest.mark.parametrize("page", [1, 7])
def test_equal_stamps_across_pages_lose_nothing(
    sandbox: Sandbox, mirror: Mirroring, page: int
) -> None:
    mirror("pipedrive.persons")
    mirror("salesforce.contacts")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for person in sandbox.truth("pipedrive", "persons"):
        path = f"/pipedrive/records/persons/{person['id']}"
        sandbox.admin("PATCH", path, {"name": "Same", "update_time": stamp})
    for contact in sandbox.truth("salesforce", "Contact"):
        path = f"/salesforce/records/Contact/{contact['Id']}"
        sandbox.admin("PATCH", path, {"LastName": "Same", "SystemModstamp": stamp})
    for name in ("pipedrive.persons", "salesforce.contacts"):
        outcome = mirror(name, batch_size=page)
        assert outcome.updated == outcome.fetched == len(mirror.rows(name))
        assert differences(sandbox, mirror, name) == {}


def test_records_without_update_time_are_not_lost(sandbox: Sandbox, mirror: Mirroring) -> None:
    ids = [person["id"] for person in sandbox.truth("pipedrive", "persons")]
    for identity in ids[::3]:
        path = f"/pipedrive/records/persons/{identity}"
        sandbox.admin("PATCH", path, {"update_time": None})
    mirror("pipedrive.persons", batch_size=4)
    assert differences(sandbox, mirror, "pipedrive.persons") == {}
    assert mirror("pipedrive.persons", mode=Mode.FULL).unchanged == len(ids)
    sandbox.admin("PATCH", f"/pipedrive/records/persons/{ids[0]}", {"name": "Edited"})
    assert mirror("pipedrive.persons").updated == 1
    assert differences(sandbox, mirror, "pipedrive.persons") == {}


def test_a_window_holds_what_was_changed_in_it(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Half-open: the first moment is in, the last is not; and it moves no watermark."""
    start, end = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)
    stamps = ["2026-01-04T23:59:59Z", "2026-01-05T00:00:00Z", "2026-01-05T23:59:59Z"]
    stamps.append("2026-01-06T00:00:00Z")
    persons = sandbox.truth("pipedrive", "persons")
    contacts = sandbox.truth("salesforce", "Contact")
    for record in persons:
        _stamp(
            sandbox,
            "pipedrive/records/persons",
            record["id"],
            "update_time",
            "2020-01-01T00:00:00Z",
        )
    for record in contacts:
        _stamp(
            sandbox,
            "salesforce/records/Contact",
            record["Id"],
            "SystemModstamp",
            "2020-01-01T00:00:00Z",
        )
    for person, contact, stamp in zip(persons, contacts, stamps, strict=False):
        _stamp(sandbox, "pipedrive/records/persons", person["id"], "update_time", stamp)
        _stamp(sandbox, "salesforce/records/Contact", contact["Id"], "SystemModstamp", stamp)
    for name, inside in (
        ("pipedrive.persons", [persons[1]["id"], persons[2]["id"]]),
        ("salesforce.contacts", [contacts[1]["Id"], contacts[2]["Id"]]),
    ):
        outcome = mirror(name, mode=Mode.WINDOW, window=(start, end))
        assert outcome.created == 2
        assert sorted(mirror.rows(name)) == sorted(inside)
        assert mirror.watermark(name) is None


def _stamp(sandbox: Sandbox, path: str, identity: Any, name: str, stamp: str) -> None:
    sandbox.admin("PATCH", f"/{path}/{identity}", {name: stamp})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"since": datetime(2026, 1, 5, 0, 0, 0, 400_000, UTC)}, [1, 2, 3]),
        ({"since": datetime(2026, 1, 6, tzinfo=UTC)}, [3]),
        ({"until": datetime(2026, 1, 5, tzinfo=UTC)}, [0]),
        (
            {
                "since": datetime(2026, 1, 5, tzinfo=UTC),
                "until": datetime(2026, 1, 5, 23, 59, 59, tzinfo=UTC),
            },
            [1],
        ),
    ],
)
def test_since_and_until(
    sandbox: Sandbox, mirror: Mirroring, given: dict[str, Any], meant: list[int]
) -> None:
    """Pipedrive knows whole seconds only: a fraction may show more, never less."""
    stamps = ["2026-01-04T23:59:59Z", "2026-01-05T00:00:00Z", "2026-01-05T23:59:59Z"]
    stamps.append("2026-01-06T00:00:00Z")
    persons = sandbox.truth("pipedrive", "persons")
    for person in persons[len(stamps) :]:
        sandbox.admin("DELETE", f"/pipedrive/records/persons/{person['id']}")
    for person, stamp in zip(persons, stamps, strict=False):
        _stamp(sandbox, "pipedrive/records/persons", person["id"], "update_time", stamp)
    mirror("pipedrive.persons", **given)
    assert list(mirror.rows("pipedrive.persons")) == [persons[number]["id"] for number in meant]


def test_concurrent_syncs_of_one_stream_leave_it_right(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring]
) -> None:
    import threading

    mirrors = [mirroring() for _ in range(3)]
    mirrors[0]("pipedrive.persons")
    ids = [person["id"] for person in sandbox.truth("pipedrive", "persons")]
    failures: list[BaseException] = []

    def sync(mirror: Mirroring) -> None:
        try:
            for mode in (Mode.FULL, Mode.INCREMENTAL, Mode.FULL):
                mirror("pipedrive.persons", mode=mode, batch_size=7)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=sync, args=(mirror,)) for mirror in mirrors]
    for thread in threads:
        thread.start()
    for number in range(12):
        path = f"/pipedrive/records/persons/{ids[number % 5]}"
        sandbox.admin("PATCH", path, {"name": f"version {number}"})
    for thread in threads:
        thread.join()
    assert failures == []
    mirrors[0]("pipedrive.persons")
    assert differences(sandbox, mirrors[0], "pipedrive.persons") == {}
