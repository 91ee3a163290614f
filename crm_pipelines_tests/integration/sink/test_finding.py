"""Finding what a create of ours made, and who is there already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from crm_pipelines.model.command import Entity
from crm_pipelines.model.sink import Sink
from crm_pipelines_tests.sandbox_process import Sandbox

SIGNED: dict[Entity, dict[str, Any]] = {
    Entity.PERSON: {"name": "Ada", "email": ["ada@example.com"]},
    Entity.ORGANIZATION: {"name": "Analytical Engines"},
    Entity.DEAL: {"title": "Engine"},
}


def now() -> datetime:
    return datetime.now(UTC)


def lag(sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"search_lag_seconds": 3600})


def asked(sandbox: Sandbox, since: int) -> list[str]:
    return [entry["path"].rpartition("/")[2] for entry in sandbox.journal(since)]


def last(sandbox: Sandbox) -> int:
    return len(sandbox.journal())


def test_by_our_id_in_search_or_in_the_list(sink: Sink, sandbox: Sandbox) -> None:
    began = now()
    made = {e: sink.create(e, values, f"w:{e}:1") for e, values in SIGNED.items()}
    for entity, found in made.items():
        before = last(sandbox)
        assert sink.find_ours(entity, f"w:{entity}:1", {}, began) == found
        assert asked(sandbox, before) == ["field", str(found.remote_id)]
        assert sink.find_ours(entity, f"w:{entity}:11", {}, began) is None
        assert sink.find_ours(entity, f"W:{entity}:1", {}, began) is None
    lag(sandbox)
    for entity, found in made.items():
        before = last(sandbox)
        assert sink.find_ours(entity, f"w:{entity}:1", {}, began) == found
        assert asked(sandbox, before)[0] == "field"
        assert asked(sandbox, before)[1].endswith("s"), "then the list"


def test_changed_since_then_though_it_was_touched_or_our_clock_is_ahead(
    sink: Sink, sandbox: Sandbox
) -> None:
    began = now()
    made = sink.create(Entity.PERSON, {"name": "Ada"}, "p")
    lag(sandbox)
    sink.update(Entity.PERSON, made.remote_id, {"name": "Renamed"})
    found = sink.find_ours(Entity.PERSON, "p", {}, began + timedelta(seconds=45))
    assert found is not None
    assert found.remote_id == made.remote_id
    assert sink.find_ours(Entity.PERSON, "p", {}, began + timedelta(hours=1)) is None


def test_the_list_is_read_to_its_end(sink: Sink, sandbox: Sandbox) -> None:
    began = now()
    made = sink.create(Entity.PERSON, {"name": "Ada"}, "p")
    for number in range(510):
        sandbox.admin("POST", "/pipedrive/records/persons", {"name": f"N{number}"})
    lag(sandbox)
    assert sink.find_ours(Entity.PERSON, "p", {}, began) == made
    changed = [found.remote_id for found in sink.changed_since(Entity.PERSON, began)]
    assert len(changed) == len(set(changed)) == 511
    assert made.remote_id in changed


def test_a_deleted_one_is_not_found(sink: Sink, sandbox: Sandbox) -> None:
    began = now()
    made = sink.create(Entity.PERSON, SIGNED[Entity.PERSON], "p")
    for get_deleted in (0, 1):
        sandbox.admin("PATCH", "/pipedrive/limits", {"get_deleted": get_deleted})
        if not get_deleted:
            sandbox.admin("DELETE", f"/pipedrive/records/persons/{made.remote_id}")
            lag(sandbox)  # search still shows it
        assert sink.find_ours(Entity.PERSON, "p", {}, began) is None
        assert sink.find_persons("ada@example.com") == []


CALL = {
    "subject": "Call  Ada",
    "type": "call",
    "due_date": "2026-05-06",
    "due_time": "10:00",
    "person_id": 4,
}


def test_activities_by_what_they_say(sink: Sink) -> None:
    began = now()
    first = sink.create(Entity.ACTIVITY, CALL, "a1")
    second = sink.create(Entity.ACTIVITY, CALL, "a2")
    found = sink.find_ours(Entity.ACTIVITY, "a2", CALL, began, [first.remote_id])
    assert found == second
    both = [first.remote_id, second.remote_id]
    assert sink.find_ours(Entity.ACTIVITY, "a3", CALL, began, both) is None
    others = {
        "subject": "Call Bob",
        "type": "meeting",
        "due_date": "2026-05-07",
        "due_time": "10:01:00",
        "person_id": 5,
    }
    for name, value in others.items():
        assert sink.find_ours(Entity.ACTIVITY, "a1", {**CALL, name: value}, began) is None, name
    del CALL["due_time"]
    assert sink.find_ours(Entity.ACTIVITY, "a1", CALL, began) is not None


def test_an_old_activity_that_was_touched_is_not_ours(sink: Sink, sandbox: Sandbox) -> None:
    old = {"add_time": "2026-01-01T00:00:00Z", "participants": [{"person_id": 4}]}
    words = {name: CALL[name] for name in ("subject", "type", "due_date")}
    sandbox.admin("POST", "/pipedrive/records/activities", {**words, **old})
    assert sink.find_ours(Entity.ACTIVITY, "a", {**words, "person_id": 4}, now()) is None


def test_persons_by_exact_address(sink: Sink, sandbox: Sandbox) -> None:
    ada = sink.create(Entity.PERSON, {"name": "A", "email": ["x@e.com", "Ada.L@E.com"]}, "1")
    sink.create(Entity.PERSON, {"name": "B", "email": ["ada.l@e.com.org", "bada.l@e.com"]}, "2")
    sink.create(Entity.PERSON, {"name": "ada.l@e.com"}, "3")
    assert sink.find_persons(" aDA.l@e.com ") == [ada]
    twin = sink.create(Entity.PERSON, {"name": "C", "email": ["ada.l@e.com"]}, "4")
    assert sink.find_persons("ada.l@e.com") == [ada, twin]
    lag(sandbox)
    sandbox.admin("PATCH", "/pipedrive/limits", {"search_lag_seconds": 0})
    sink.update(Entity.PERSON, twin.remote_id, {"email": ["other@e.com"]})
    assert sink.find_persons("ada.l@e.com") == [ada]
    assert sink.find_persons("nobody@e.com") == []
    sink.create(Entity.PERSON, {"name": "D", "email": ["strasse@e.com"]}, "5")
    assert sink.find_persons("stra\u00dfe@e.com") == [], "another address"


def test_many_of_one_address_are_read_at_once(sink: Sink, sandbox: Sandbox) -> None:
    emails = [{"value": "info@e.com", "primary": True, "label": "work"}]
    for number in range(12):
        person = {"name": f"N{number}", "emails": emails}
        sandbox.admin("POST", "/pipedrive/records/persons", person)
    before = last(sandbox)
    assert len(sink.find_persons("info@e.com")) == 12
    assert asked(sandbox, before)[:2] == ["search", "persons"]
    assert sink.find_persons(" ") == [] == sink.find_organizations("")


def test_a_search_that_is_behind_is_not_believed(sink: Sink, sandbox: Sandbox) -> None:
    twin = next(one for one in sandbox.truth("pipedrive", "persons") if one["emails"])
    address = twin["emails"][0]["value"]
    assert [found.remote_id for found in sink.find_persons(address)] == [twin["id"]]
    lag(sandbox)
    sink.update(Entity.PERSON, twin["id"], {"email": ["moved@example.com"]})
    assert sink.find_persons(address) == []


def test_organizations_by_exact_name(sink: Sink) -> None:
    made = sink.create(Entity.ORGANIZATION, {"name": "Straße & Söhne"}, "1")
    sink.create(Entity.ORGANIZATION, {"name": "Straße & Söhne AG"}, "2")
    assert sink.find_organizations("STRASSE & SÖHNE ") == [made]


def test_our_field_was_deleted_and_with_it_our_mark(sink: Sink, pipedrive: httpx.Client) -> None:
    began = now()
    made = sink.create(Entity.PERSON, SIGNED[Entity.PERSON], "p")
    fields = pipedrive.get("/api/v2/personFields?limit=500").json()["data"]
    code = next(f["field_code"] for f in fields if f["field_name"] == "crm-pipelines id")
    pipedrive.delete(f"/api/v2/personFields/{code}")
    found = sink.find_ours(Entity.PERSON, "p", SIGNED[Entity.PERSON], began)
    assert found is not None
    assert (found.remote_id, found.our_id) == (made.remote_id, None)
    other = {"name": "Ada", "email": ["other@example.com"]}
    assert sink.find_ours(Entity.PERSON, "p", other, began) is None
