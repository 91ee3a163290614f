"""How Pipedrive lists tell what changed: windows hold, deltas are cheap, nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_pipelines.model.errors import CrmError
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

WINDOWED = ["products", "leads", "archived_leads", "notes", "files"]
TEXT = {"products": "name", "leads": "title", "archived_leads": "title", "notes": "content"}
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


class Collection:
    """The records behind a stream, and how people change them."""

    def __init__(self, sandbox: Sandbox, stream: str) -> None:
        self._sandbox, self._stream = sandbox, stream
        self._name = stream.removeprefix("archived_")
        self._path = f"/pipedrive/records/{self._name}"

    @property
    def ids(self) -> list[Any]:
        records = self._sandbox.truth("pipedrive", self._name)
        if self._name == "leads":
            archived = self._stream.startswith("archived_")
            records = [record for record in records if record["is_archived"] is archived]
        return [record["id"] for record in records]

    def edit(self, identity: Any, **values: Any) -> None:
        name = TEXT.get(self._stream, "name")
        self._sandbox.admin("PATCH", f"{self._path}/{identity}", {name: "Changed", **values})

    def stamp(self, identity: Any, at: datetime) -> None:
        kind = {"products": "%Y-%m-%dT%H:%M:%SZ", "leads": "%Y-%m-%dT%H:%M:%S.000Z"}
        self.edit(identity, update_time=at.strftime(kind.get(self._name, "%Y-%m-%d %H:%M:%S")))

    def create(self, number: int) -> None:
        more = {"is_archived": True} if self._stream.startswith("archived_") else {}
        name = TEXT.get(self._stream, "name")
        self._sandbox.admin("POST", self._path, {name: f"New {number}", **more})

    def delete(self, identity: Any) -> None:
        self._sandbox.admin("DELETE", f"{self._path}/{identity}")


@pytest.mark.parametrize("stream", WINDOWED)
def test_a_window_takes_its_start_and_leaves_its_end(
    sandbox: Sandbox, mirror: Mirroring, stream: str
) -> None:
    records = Collection(sandbox, stream)
    first, second, third, fourth = records.ids[:4]
    for minutes, identity in ((-1, first), (0, second), (59, third), (60, fourth)):
        records.stamp(identity, NOON + timedelta(minutes=minutes))
    mirror(f"pipedrive.{stream}", since=NOON, until=NOON + timedelta(hours=1))
    table = "leads" if stream.endswith("leads") else stream
    assert set(mirror.rows(f"pipedrive.{table}")) == {second, third}


@pytest.mark.parametrize("stream", WINDOWED)
def test_a_delta_is_one_call_and_brings_what_changed(
    sandbox: Sandbox, mirror: Mirroring, stream: str
) -> None:
    name, records = f"pipedrive.{stream}", Collection(sandbox, stream)
    mirror(name)
    quiet = mirror(name)
    assert (quiet.api_calls, quiet.fetched) == (1, 0)
    records.edit(records.ids[1])
    records.create(1)
    outcome = mirror(name)
    assert (outcome.api_calls, outcome.created, outcome.updated) == (1, 1, 1)
    assert differences(sandbox, mirror, name) == {}


@pytest.mark.parametrize("stream", WINDOWED)
def test_many_deletions_while_pages_are_read(
    sandbox: Sandbox, mirror: Mirroring, stream: str
) -> None:
    """More go than two pages share: the rest of the list is found all the same."""
    name, records = f"pipedrive.{stream}", Collection(sandbox, stream)
    for number in range(12):
        records.create(number)
    ids = records.ids

    def delete(page: int) -> None:
        if page == 2:
            for identity in ids[:4]:
                records.delete(identity)

    mirror.finish(name, mirror.fetch(name, on_page=delete, mode=Mode.FULL, batch_size=4))
    assert set(differences(sandbox, mirror, name)) <= set(ids[:4])
    mirror(name, mode=Mode.FULL)
    assert differences(sandbox, mirror, name) == {}


class Stop(CrmError):
    """The place where a test breaks a fetch off."""


@pytest.mark.parametrize("stream", ["leads", "notes", "files", "products"])
def test_a_fetch_that_broke_off_pays_for_no_page_twice(
    sandbox: Sandbox, mirror: Mirroring, stream: str
) -> None:
    name = f"pipedrive.{stream}"
    whole = mirror.fetch(name, mode=Mode.FULL, batch_size=4, key="whole")
    calls = whole.notes["api_calls"]
    assert calls > 3

    def stop(page: int) -> None:
        if page == 3:
            raise Stop

    with pytest.raises(Stop):
        mirror.fetch(name, mode=Mode.FULL, batch_size=4, key="broken", on_page=stop)
    before = len(sandbox.journal())
    again = mirror.fetch(name, mode=Mode.FULL, batch_size=4, key="broken")
    assert len(sandbox.journal()) - before == calls - 3
    assert again.notes["api_calls"] == calls
    assert again.rows == whole.rows
    mirror.finish(name, again)
    assert differences(sandbox, mirror, name) == {}


def test_leads_have_their_custom_fields_under_one_column(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    mirror("pipedrive.leads")
    rows = mirror.rows("pipedrive.leads").values()
    assert any(row["custom_fields"] for row in rows)
    codes = {code for row in rows for code in row["custom_fields"]}
    assert all(len(code.partition("_")[0]) == 40 for code in codes)


def test_a_lead_that_is_archived_and_comes_back(sandbox: Sandbox, mirror: Mirroring) -> None:
    lead = Collection(sandbox, "leads").ids[0]
    for stream in ("leads", "archived_leads"):
        mirror(f"pipedrive.{stream}")
    for archived in (True, False):
        sandbox.admin("PATCH", f"/pipedrive/records/leads/{lead}", {"is_archived": archived})
        for stream in ("leads", "archived_leads"):
            mirror(f"pipedrive.{stream}")
        assert mirror.rows("pipedrive.leads")[lead]["is_archived"] is archived
        for stream in ("leads", "archived_leads"):
            mirror(f"pipedrive.{stream}", mode=Mode.FULL)
        row = mirror.rows("pipedrive.leads", deleted=True)[lead]
        assert (row["is_archived"], row["_deleted_at"]) == (archived, None)


def test_products_show_custom_fields_under_their_names(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror("pipedrive.products")
    mirror("pipedrive.product_fields")
    named = mirror.query('SELECT id, "External ID" AS external FROM pipedrive.products_named')
    fields = mirror.rows("pipedrive.product_fields").values()
    code = next(field["id"] for field in fields if field["field_name"] == "External ID")
    truth = sandbox.truth("pipedrive", "products")
    assert {row["id"]: row["external"] for row in named} == {
        product["id"]: product["custom_fields"][code] for product in truth
    }
    assert any(row["external"] for row in named)
