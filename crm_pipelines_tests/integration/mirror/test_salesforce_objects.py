"""Which Salesforce objects and fields are mirrored: by default, as asked for, as the org allows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from crm_pipelines.model.errors import ConfigurationError, FatalError
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

ASKED = "Contact, provider__c,OpportunityFieldHistory,User,Attachment"


@pytest.fixture
def asked(mirroring: Callable[..., Mirroring]) -> Mirroring:
    """An org of which the user named the objects."""
    return mirroring(SALESFORCE_OBJECTS=ASKED)


def columns(mirror: Mirroring, stream: str) -> set[str]:
    return {field.name for field in mirror.manifests[stream].fields}


def test_objects_are_mirrored_as_named(sandbox: Sandbox, asked: Mirroring) -> None:
    account = asked.wiring.account("default", "salesforce")
    names = [stream.name for stream in account.streams]
    assert names == [
        "contacts",
        "provider__c",
        "opportunity_field_history",
        "users",
        "attachments",
    ]
    for name in names:
        assert asked(f"salesforce.{name}").created > 0
        assert differences(sandbox, asked, f"salesforce.{name}") == {}


def test_a_custom_object_tells_of_changes_and_deletions(sandbox: Sandbox, asked: Mirroring) -> None:
    name, path = "salesforce.provider__c", "/salesforce/records/Provider__c"
    asked(name)
    first, second = [record["Id"] for record in sandbox.truth("salesforce", "Provider__c")][:2]
    sandbox.admin("PATCH", f"{path}/{first}", {"Name": "Changed"})
    sandbox.admin("DELETE", f"{path}/{second}")
    sandbox.admin("POST", path, {"Name": "New", "NPI__c": "0000000042"})
    outcome = asked(name)
    assert (outcome.created, outcome.updated, outcome.deleted) == (1, 1, 1)
    assert differences(sandbox, asked, name) == {}


def test_an_object_without_system_modstamp_goes_by_what_it_has(
    sandbox: Sandbox, asked: Mirroring
) -> None:
    name = "salesforce.opportunity_field_history"
    asked(name)
    assert "system_modstamp" not in columns(asked, name)
    assert asked(name).fetched == 0
    deal = sandbox.truth("salesforce", "Opportunity")[0]["Id"]
    sandbox.admin("PATCH", f"/salesforce/records/Opportunity/{deal}", {"Amount": 4711})
    assert asked(name).created == 1
    assert differences(sandbox, asked, name) == {}
    since = datetime(2026, 7, 1, tzinfo=UTC)
    assert asked(name, since=since).fetched == 1
    assert asked(name, mode=Mode.FULL).unchanged == len(asked.rows(name))


def test_base64_and_compound_fields_are_left_out(asked: Mirroring) -> None:
    asked("salesforce.attachments")
    asked("salesforce.contacts")
    assert "body" not in columns(asked, "salesforce.attachments")
    found = columns(asked, "salesforce.contacts")
    assert len(found) >= 90
    assert "mailing_address" not in found
    assert {"mailing_city", "npi__c"} <= found


def test_an_object_the_org_lacks_stops_only_itself(sandbox: Sandbox, mirror: Mirroring) -> None:
    sandbox.admin("PATCH", "/salesforce/objects/Campaign", {"hidden": True})
    with pytest.raises(FatalError, match=r"no object Campaign.*permission.*SALESFORCE_OBJECTS"):
        mirror("salesforce.campaigns")
    assert mirror.history("salesforce.campaigns")[0]["status"] == "failed"
    assert mirror("salesforce.campaign_members").created > 0
    sandbox.admin("PATCH", "/salesforce/objects/Campaign", {"hidden": False})
    assert mirror("salesforce.campaigns").created > 0
    assert differences(sandbox, mirror, "salesforce.campaigns") == {}


def test_fields_are_chosen_by_two_lists(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring]
) -> None:
    mirror = mirroring(
        SALESFORCE_INCLUDE_FIELDS="Contact.LastName, contact.Email,Contact.Phone",
        SALESFORCE_EXCLUDE_FIELDS="Contact.Phone,*.Fax,Account.Description",
    )
    mirror("salesforce.contacts")
    mirror("salesforce.accounts")
    always = {"id", "is_deleted", "system_modstamp"}
    assert columns(mirror, "salesforce.contacts") == always | {"last_name", "email"}
    accounts = columns(mirror, "salesforce.accounts")
    assert not {"fax", "description"} & accounts
    assert {"name", "phone", "industry"} <= accounts
    for stream in ("contacts", "accounts"):
        assert differences(sandbox, mirror, f"salesforce.{stream}") == {}


def test_a_column_that_is_excluded_later_keeps_its_data(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring]
) -> None:
    before = mirroring()
    before("salesforce.accounts")
    sites = {key: row["site"] for key, row in before.rows("salesforce.accounts").items()}
    assert any(sites.values())
    after = mirroring(SALESFORCE_EXCLUDE_FIELDS="Account.Site")
    outcome = after("salesforce.accounts", mode=Mode.FULL)
    assert (outcome.updated, outcome.deleted) == (0, 0)
    assert {k: row["site"] for k, row in after.rows("salesforce.accounts").items()} == sites


@pytest.mark.parametrize("variable", ["SALESFORCE_INCLUDE_FIELDS", "SALESFORCE_EXCLUDE_FIELDS"])
def test_a_field_the_object_has_not_is_named(
    mirroring: Callable[..., Mirroring], variable: str
) -> None:
    mirror = mirroring(**{variable: "Contact.Ssn__c"})
    with pytest.raises(FatalError, match=rf"{variable} names Contact.Ssn__c"):
        mirror("salesforce.contacts")
    assert mirror("salesforce.accounts").created > 0


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SALESFORCE_INCLUDE_FIELDS", "Email", r"Object\.Field"),
        ("SALESFORCE_EXCLUDE_FIELDS", "Contact.", r"Object\.Field"),
        ("SALESFORCE_EXCLUDE_FIELDS", "Contact.SystemModstamp", "cannot be left out"),
        ("SALESFORCE_EXCLUDE_FIELDS", "*.id", "cannot be left out"),
        ("PIPEDRIVE_STREAMS", "persons,planets", "no stream planets; there are persons"),
    ],
)
def test_lists_that_make_no_sense_are_refused(
    environment: dict[str, str], variable: str, value: str, words: str
) -> None:
    mirror = Mirroring({**environment, variable: value})
    try:
        with pytest.raises(ConfigurationError, match=rf"{variable}: .*{words}"):
            assert mirror.wiring.accounts
    finally:
        mirror.close()


def test_streams_of_pipedrive_are_chosen_by_name(mirroring: Callable[..., Mirroring]) -> None:
    mirror = mirroring(PIPEDRIVE_STREAMS="users, persons,")
    account = mirror.wiring.account("default", "pipedrive")
    assert [stream.name for stream in account.streams] == ["persons", "users"]
    with pytest.raises(ConfigurationError, match="no stream 'deals'"):
        mirror("pipedrive.deals")
