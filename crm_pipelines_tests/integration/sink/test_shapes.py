"""What Pipedrive's shapes ask for beside the fields that are written."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import FatalError, GoneError, InvalidData, NotApplied
from crm_pipelines.model.sink import Sink
from crm_pipelines_tests.sandbox_process import Sandbox

Record = dict[str, Any]


def stored(sandbox: Sandbox, collection: str, identity: int) -> Record:
    return next(r for r in sandbox.truth("pipedrive", collection) if r["id"] == identity)


def limit(sandbox: Sandbox, **limits: int) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", limits)


def test_a_change_leaves_everything_else_alone(sink: Sink, sandbox: Sandbox) -> None:
    emails = [
        {"value": "home@example.com", "primary": True, "label": "home"},
        {"value": "old@example.com", "primary": False, "label": "other"},
    ]
    sandbox.admin("PATCH", "/pipedrive/records/persons/3", {"emails": emails})
    before = stored(sandbox, "persons", 3)
    sink.update(Entity.PERSON, 3, {"email": ["new@example.com", "home@example.com"]})
    after = stored(sandbox, "persons", 3)
    assert after["emails"] == [
        {"value": "new@example.com", "primary": True, "label": "work"},
        {"value": "home@example.com", "primary": False, "label": "home"},
    ]
    same = set(before) - {"emails", "update_time"}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_the_person_of_an_activity_is_its_primary_participant(sink: Sink, sandbox: Sandbox) -> None:
    values = {"subject": "Call", "type": "call", "person_id": 4}
    made = sink.create(Entity.ACTIVITY, values, "a1")
    assert stored(sandbox, "activities", made.remote_id)["participants"] == [
        {"person_id": 4, "primary": True}
    ]
    both = [{"person_id": 4, "primary": True}, {"person_id": 5, "primary": False}]
    sandbox.admin(
        "PATCH", f"/pipedrive/records/activities/{made.remote_id}", {"participants": both}
    )
    found = sink.update(Entity.ACTIVITY, made.remote_id, {"person_id": 6})
    assert found.values["person_id"] == 6
    assert stored(sandbox, "activities", made.remote_id)["participants"] == [
        {"person_id": 6, "primary": True},
        {"person_id": 5, "primary": False},
    ]


ADDRESSES: list[tuple[Record, Record, Record | None, Record]] = [
    ({"country": "Estonia"}, {}, {"value": "Estonia", "country": "Estonia"}, {"address": None}),
    (
        {"country": "Estonia"},
        {"country": "Latvia"},
        {"value": "Latvia", "country": "Latvia"},
        {"address": None, "country": "Latvia"},
    ),
    ({"country": "Estonia"}, {"country": None}, None, {"address": None, "country": None}),
    (
        {"country": "Estonia"},
        {"address": "Viru 1"},
        {"value": "Viru 1", "country": "Estonia"},
        {"address": "Viru 1", "country": "Estonia"},
    ),
    (
        {"country": "Estonia", "address": "Viru 1"},
        {"address": None},
        {"value": "Estonia", "country": "Estonia"},
        {"address": None, "country": "Estonia"},
    ),
    (
        {"country": "Estonia", "address": "Viru 1"},
        {"country": None},
        {"value": "Viru 1", "country": None},
        {"address": "Viru 1", "country": None},
    ),
]


def test_a_country_needs_an_address_around_it(sink: Sink, sandbox: Sandbox) -> None:
    for first, change, address, seen in ADDRESSES:
        made = sink.create(Entity.ORGANIZATION, {"name": "N", **first}, "o")
        found = sink.update(Entity.ORGANIZATION, made.remote_id, change) if change else made
        kept = stored(sandbox, "organizations", made.remote_id)["address"]
        assert (None if kept is None else {key: kept[key] for key in address or {}}) == address
        assert {name: found.values[name] for name in seen} == seen


def test_parts_of_an_address_stay_with_it(sink: Sink, sandbox: Sandbox) -> None:
    parts = {"value": "Viru 1, Tallinn", "locality": "Tallinn", "country": None}
    sandbox.admin("PATCH", "/pipedrive/records/organizations/2", {"address": parts})
    sink.update(Entity.ORGANIZATION, 2, {"country": "Estonia"})
    kept = stored(sandbox, "organizations", 2)["address"]
    assert kept == {**kept, **parts, "country": "Estonia"}
    sink.update(Entity.ORGANIZATION, 2, {"address": "Elm St 2"})
    kept = stored(sandbox, "organizations", 2)["address"]
    assert (kept["value"], kept["locality"], kept["country"]) == ("Elm St 2", None, "Estonia")


def test_an_industry_is_an_option(sink: Sink, sandbox: Sandbox) -> None:
    known = sink.create(Entity.ORGANIZATION, {"name": "A", "industry": "sOFTWARE"}, "o1")
    assert stored(sandbox, "organizations", known.remote_id)["industry"] == 100
    assert known.values["industry"] == "Software"
    for number in range(2):
        found = sink.update(Entity.ORGANIZATION, known.remote_id, {"industry": "Fishing"})
        assert (found.values["industry"], found.remarks) == ("Fishing", ()), number
    fields = [e for e in sandbox.journal() if e["path"].endswith("/industry/options")]
    assert len(fields) == 1
    cleared = sink.update(Entity.ORGANIZATION, known.remote_id, {"industry": None})
    assert cleared.values["industry"] is None


def test_an_account_without_industries_is_told_of(sink: Sink, sandbox: Sandbox) -> None:
    limit(sandbox, organization_details=0)
    made = sink.create(Entity.ORGANIZATION, {"name": "A", "industry": "Fishing"}, "o1")
    assert made.values["name"] == "A"
    assert "Fishing" in made.remarks[0]
    found = sink.update(Entity.ORGANIZATION, made.remote_id, {"industry": "Fishing"})
    assert (found.values["industry"], len(found.remarks)) == (None, 1)
    assert sink.update(Entity.ORGANIZATION, made.remote_id, {"industry": None}).remarks == ()
    with pytest.raises(GoneError):
        sink.update(Entity.ORGANIZATION, 4242, {"industry": "Fishing"})


def test_industries_that_go_while_we_remember_them(sink: Sink, sandbox: Sandbox) -> None:
    sink.create(Entity.ORGANIZATION, {"name": "A", "industry": "Energy"}, "o1")
    limit(sandbox, organization_details=0)
    made = sink.create(Entity.ORGANIZATION, {"name": "B", "industry": "Energy"}, "o2")
    assert len(made.remarks) == 1
    assert made.our_id == "o2"


@pytest.mark.parametrize("digits", [0, 5, 8])
def test_times_in_either_spelling(sink: Sink, sandbox: Sandbox, digits: int) -> None:
    limit(sandbox, time_digits=digits)
    times = {"due_date": "2026-05-06", "due_time": "23:59:00", "duration": "01:30:00"}
    made = sink.create(Entity.ACTIVITY, {"subject": "S", "type": "call", **times}, "a")
    assert {name: made.values[name] for name in times} == times
    changed = sink.update(Entity.ACTIVITY, made.remote_id, {"due_time": "00:05"})
    assert changed.values["due_time"] == "00:05:00"


REFUSED: list[tuple[Entity, Record, tuple[str, ...]]] = [
    (Entity.PERSON, {"name": "A", "org_name": "B"}, ("org_name",)),
    (Entity.PERSON, {"name": "A" * 256}, ("name",)),
    (Entity.PERSON, {"name": "A", "email": ["x" * 256]}, ("email",)),
    (Entity.PERSON, {"name": "A", "email": "a@example.com"}, ("email",)),
    (Entity.PERSON, {"name": "A", "label_ids": 3}, ("label_ids",)),
    (Entity.PERSON, {"name": "A", "org_id": 4242}, ("org_id",)),
    (Entity.PERSON, {"name": "A", "label_ids": [4242]}, ("label_ids",)),
    (Entity.PERSON, {"name": "half \ud83d"}, ("name",)),
    (Entity.PERSON, {"name": "A", "phone": ["\ud83d"]}, ("phone",)),
    (Entity.ORGANIZATION, {"name": "A", "visible_to": 2}, ("visible_to",)),
    (Entity.ORGANIZATION, {"name": "A", "country": 7}, ("country",)),
    (Entity.ACTIVITY, {"subject": "S", "type": "call", "person_id": 4242}, ("person_id",)),
    (Entity.ACTIVITY, {"subject": "S", "type": "call", "due_time": "25:00:00"}, ("due_time",)),
    (Entity.ACTIVITY, {"subject": "S", "type": "call", "due_date": "2026-02-30"}, ("due_date",)),
    (Entity.DEAL, {"title": "T", "value": float("nan")}, ("value",)),
    (Entity.DEAL, {"title": "T", "currency": "XXX"}, ("currency",)),
    (Entity.DEAL, {"title": "T", "status": "maybe"}, ("status",)),
    (Entity.DEAL, {"value": 1}, ("title",)),
]


def test_refusals_name_our_fields(sink: Sink, sandbox: Sandbox) -> None:
    before = {name: len(sandbox.truth("pipedrive", name)) for name in ("persons", "deals")}
    for entity, values, fields in REFUSED:
        with pytest.raises(InvalidData) as caught:
            sink.create(entity, values, "x")
        assert caught.value.fields == fields, values
    after = {name: len(sandbox.truth("pipedrive", name)) for name in before}
    assert after == before


def test_a_full_plan_is_said(sink: Sink, sandbox: Sandbox) -> None:
    limit(sandbox, most_deals=1)
    with pytest.raises(FatalError, match="no room for more") as caught:
        sink.create(Entity.DEAL, {"title": "T"}, "d")
    assert not isinstance(caught.value, InvalidData)


def test_what_is_gone(sink: Sink, sandbox: Sandbox) -> None:
    for get_deleted in (0, 1):
        limit(sandbox, get_deleted=get_deleted)
        for entity, collection in (
            (Entity.PERSON, "persons"),
            (Entity.ORGANIZATION, "organizations"),
            (Entity.DEAL, "deals"),
            (Entity.ACTIVITY, "activities"),
        ):
            identity = sandbox.truth("pipedrive", collection)[-1]["id"]
            sandbox.admin("DELETE", f"/pipedrive/records/{collection}/{identity}")
            for missing in (identity, 4242):
                assert sink.read(entity, missing) is None
                with pytest.raises(GoneError):
                    sink.update(entity, missing, {"owner_id": 1})
    with pytest.raises(GoneError):
        sink.update(Entity.PERSON, 4242, {"email": ["a@example.com"]})


def test_a_label_that_goes_while_we_remember_it(sink: Sink, pipedrive: httpx.Client) -> None:
    sink.create(Entity.PERSON, {"name": "A"}, "first")
    label = sink.label_id(Entity.PERSON, "Short-lived")
    assert label is not None
    pipedrive.request("DELETE", "/api/v2/personFields/label_ids/options", json=[{"id": label}])
    with pytest.raises(NotApplied):
        sink.create(Entity.PERSON, {"name": "A", "label_ids": [label]}, "p")
    again = sink.label_id(Entity.PERSON, "short-lived")
    assert again is not None
    made = sink.create(Entity.PERSON, {"name": "A", "label_ids": [again]}, "p")
    assert made.values["label_ids"] == [again]
