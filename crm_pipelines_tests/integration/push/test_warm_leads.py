"""Contacts that become warm leads are persons in Pipedrive, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from crm_pipelines.model.command import Status
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.integration.push.pushing import Pushing

ADA = {"email": "ada@lovelace.example.com", "phone": "+442071234567"}


def labels(push: Pushing) -> dict[int, str]:
    [field] = [f for f in push.fields("personFields") if f["field_code"] == "label_ids"]
    return {option["id"]: option["label"] for option in field["options"]}


def our_ids(push: Pushing, collection: str, fields: str) -> list[str]:
    codes = [
        field["field_code"]
        for field in push.fields(fields)
        if field["field_name"] == "crm-pipelines id"
    ]
    assert len(codes) == 1
    return [record["custom_fields"][codes[0]] for record in push.made(collection)]


def test_a_lead_with_its_organization(push: Pushing) -> None:
    user = push.sandbox.truth("pipedrive", "users")[0]
    org = push.add("organizations", name="Engines Ltd", industry="Machines", country="Estonia")
    seller = push.add("users", email=user["email"].upper(), name="Seller")
    lead = push.lead(**ADA, organization_id=org, user_id=seller)
    push.work()
    person, company = push.remote("contacts", lead), push.remote("organizations", org)
    assert person["name"] == "Ada Lovelace"
    assert [e["value"] for e in person["emails"]] == [ADA["email"]]
    assert [p["value"] for p in person["phones"]] == [ADA["phone"]]
    assert person["org_id"] == company["id"]
    assert person["owner_id"] == user["id"]
    assert [labels(push)[one].casefold() for one in person["label_ids"]] == ["warm lead"]
    assert company["address"]["country"] == "Estonia"
    assert our_ids(push, "persons", "personFields") == [f"default:person:{lead}"]
    row = push.row("contacts", lead)
    assert row["pipedrive_org_id"] == company["id"]
    assert row["update_sync_status"] == "SYNCED"
    assert row["last_pipedrive_update"] is not None
    assert push.row("users", seller)["pipedrive_user_id"] == user["id"]


def test_plain_sql_and_scores(push: Pushing) -> None:
    """Whoever is not warm stays here; whoever gets warm goes."""
    cold = push.lead("Cold Contact", warmness_score=3)
    assert push.work() == []
    push.change("contacts", cold, warmness_score=4)
    assert [one.status for one in push.work()] == [Status.DELIVERED]
    assert push.work() == []
    assert len(push.made("persons")) == 1


def test_a_person_who_is_there_is_linked(push: Pushing) -> None:
    there = push.sandbox.admin(
        "POST",
        "/pipedrive/records/persons",
        {"name": "A. L.", "emails": [{"value": ADA["email"].upper(), "primary": True}]},
    )
    label = min(labels(push))
    push.sandbox.admin("PATCH", f"/pipedrive/records/persons/{there['id']}", {"label_ids": [label]})
    lead = push.lead(**ADA)
    [delivery] = push.work()
    assert delivery.linked
    person = push.remote("contacts", lead)
    assert person["id"] == there["id"]
    assert person["name"] == "A. L."
    assert label in person["label_ids"]
    assert "warm lead" in [labels(push)[one].casefold() for one in person["label_ids"]]


def test_several_persons_are_for_a_person_to_decide(push: Pushing) -> None:
    for name in ("One", "Two"):
        push.sandbox.admin(
            "POST",
            "/pipedrive/records/persons",
            {"name": name, "emails": [{"value": ADA["email"], "primary": True}]},
        )
    lead = push.lead(**ADA)
    before = len(push.ids("persons"))
    [delivery] = push.work()
    assert delivery.status is Status.DEAD
    assert "several persons have this e-mail" in delivery.error
    assert len(push.ids("persons")) == before
    [conflict] = push.query("SELECT * FROM sync.conflicts")
    assert (conflict["kind"], conflict["local_id"], conflict["status"]) == (
        "several_persons",
        lead,
        "pending",
    )
    assert sorted(one["name"] for one in conflict["theirs"].values()) == ["One", "Two"]
    assert push.row("contacts", lead)["update_sync_status"] == "FAILED"


def test_two_contacts_with_one_address_are_one_person(push: Pushing) -> None:
    push.sandbox.admin("PATCH", "/pipedrive/limits", {"search_lag_seconds": 86_400})
    leads = [push.lead(name, **ADA) for name in ("Ada", "A. Lovelace", "ada l.")]
    push.work()
    assert len(push.made("persons")) == 1
    assert len({push.row("contacts", lead)["pipedrive_person_id"] for lead in leads}) == 1


def test_an_organization_of_that_name_is_used(push: Pushing) -> None:
    there = push.sandbox.admin("POST", "/pipedrive/records/organizations", {"name": "Engines ltd"})
    org = push.add("organizations", name="Engines Ltd")
    lead = push.lead(**ADA, organization_id=org)
    push.work()
    assert push.made("organizations") == [push.remote("organizations", org)]
    assert push.remote("contacts", lead)["org_id"] == there["id"]


def test_two_organizations_of_one_name_are_one(push: Pushing) -> None:
    """As the first is linked, whether a search finds its record yet or not."""
    push.sandbox.admin("PATCH", "/pipedrive/limits", {"search_lag_seconds": 86_400})
    for number in range(2):
        org = push.add("organizations", name="Engines Ltd")
        push.lead(f"Lead {number}", email=f"lead{number}@example.com", organization_id=org)
        push.work()
    assert len(push.made("organizations")) == 1


def test_one_organization_of_many_leads(push: Pushing) -> None:
    org = push.add("organizations", name="Engines Ltd")
    for number in range(6):
        push.lead(f"Lead {number}", email=f"lead{number}@engines.example.com", organization_id=org)
    push.work()
    assert len(push.made("organizations")) == 1
    assert {p["org_id"] for p in push.made("persons")} == {push.made("organizations")[0]["id"]}


def test_leads_without_an_address_are_made(push: Pushing) -> None:
    for _ in range(2):
        push.lead("Nameless Number")
    push.work()
    assert len(push.made("persons")) == 2


def test_an_unknown_seller_is_no_obstacle(push: Pushing) -> None:
    seller = push.add("users", email="nobody@example.com")
    lead = push.lead(**ADA, user_id=seller)
    push.work()
    assert push.remote("contacts", lead)["name"] == "Ada Lovelace"


def test_in_another_language_the_label_is_made_once(push: Pushing) -> None:
    for number in range(5):
        push.lead(f"Lead {number}", email=f"lead{number}@example.com")
    changed = Pushing({**push.values, "CRM_WARM_LEAD_LABEL": "Soe müügivihje"}, push.sandbox)
    try:
        changed.work()
    finally:
        changed.close()
    assert list(labels(push).values()).count("Soe müügivihje") == 1


def test_many_leads_cost_little(push: Pushing, mirror: Callable[..., object]) -> None:
    """The mirror and one list tell who is there; nobody is searched for."""
    mirror("pipedrive.persons", mode=Mode.FULL)
    mirror("pipedrive.organizations", mode=Mode.FULL)
    persons = [p for p in push.sandbox.truth("pipedrive", "persons") if p["emails"]]
    shared = Counter(e["value"].lower() for p in persons for e in p["emails"])
    known = next(p for p in persons if shared[p["emails"][-1]["value"].lower()] == 1)
    address = known["emails"][-1]["value"]
    new = push.sandbox.admin(
        "POST",
        "/pipedrive/records/persons",
        {"name": "New", "emails": [{"value": "new@x.example.com"}]},
    )
    push.lead("Warm up")
    push.work()
    since = len(push.sandbox.journal())
    leads = [push.lead(f"Lead {n}", email=f"lead{n}@example.com") for n in range(60)]
    old, fresh = push.lead("Old", email=address), push.lead("Fresh", email="NEW@x.example.com")
    push.work()
    entries = push.sandbox.journal(since)
    assert not [entry for entry in entries if "search" in entry["path"].lower()]
    assert sum(entry["cost"] for entry in entries) <= 6 * (len(leads) + 2)
    assert push.row("contacts", old)["pipedrive_person_id"] == known["id"]
    assert push.row("contacts", fresh)["pipedrive_person_id"] == new["id"]
    assert len({push.row("contacts", lead)["pipedrive_person_id"] for lead in leads}) == 60


def test_check_warm_lead(push: Pushing) -> None:
    org = push.add("organizations", name="Engines Ltd")
    lead = push.lead(**ADA, organization_id=org)
    done = push.push.check_warm_lead(lead)
    assert [one.status for one in done] == [Status.DELIVERED] * 2
    assert push.remote("contacts", lead)["org_id"] == push.remote("organizations", org)["id"]
    assert push.push.check_warm_lead(lead) == []
    assert push.push.check_warm_lead(push.lead("Cold", warmness_score=1)) == []
    assert push.push.check_warm_lead("nobody") == []


@pytest.mark.parametrize("score", ["2", "5"])
def test_the_threshold_is_a_setting(pushing: Callable[..., Pushing], score: str) -> None:
    push = pushing(CRM_WARM_LEAD_SCORE=score)
    push.lead(warmness_score=int(score))
    push.lead("Cold", warmness_score=int(score) - 1)
    push.work()
    assert len(push.made("persons")) == 1
