"""What the simulated Salesforce says about itself: versions, objects, fields, limits."""

from __future__ import annotations

import httpx

from crm_pipelines_tests.salesforce_org import Org

UNBULKED = {"address", "location", "base64"}


def test_versions_need_no_login(org: Org) -> None:
    for path in ("/services/data", "/services/data/"):
        shown = httpx.get(org.sandbox.url + path, trust_env=False).json()
        assert [entry["version"] for entry in shown] == [f"{n}.0" for n in range(31, 67)]
        assert shown[-3]["label"] == "Summer '25"
        assert shown[-2]["label"] == "Winter '26"
        assert shown[0]["label"] == "Summer '14"


def test_retired_and_unknown_versions(org: Org) -> None:
    assert org.refused("GET", "/services/data/v30.0/limits")[:2] == (410, "GONE")
    for version in ("67.0", "64", "64.1", "x", "20.0"):
        assert org.refused("GET", f"/services/data/v{version}/limits")[:2] == (404, "NOT_FOUND")


def test_root_and_nothing(org: Org) -> None:
    assert org.get("/")["sobjects"] == "/services/data/v64.0/sobjects"
    assert org.get("")["query"] == "/services/data/v64.0/query"
    assert org.refused("GET", "/nowhere")[:2] == (404, "NOT_FOUND")
    assert org.refused("PUT", "/limits")[:2] == (405, "METHOD_NOT_ALLOWED")


def test_contact_has_the_fields_of_a_provider_directory(org: Org) -> None:
    shown = org.get("/sobjects/Contact/describe")
    fields = {field["name"]: field for field in shown["fields"]}
    bulk = [field for field in fields.values() if field["type"] not in UNBULKED]
    assert len(bulk) == 95
    assert sum(field["custom"] for field in bulk) == 60
    assert shown["keyPrefix"] == "003"
    assert shown["mergeable"]
    assert fields["npi__c"]["externalId"]
    assert fields["npi__c"]["idLookup"]
    assert fields["MailingCity"]["compoundFieldName"] == "MailingAddress"
    assert fields["MailingAddress"]["type"] == "address"
    assert fields["Practice_Location__c"]["type"] == "location"
    assert fields["Is_Licensed__c"]["calculated"]
    assert not fields["Is_Licensed__c"]["updateable"]
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert fields["AccountId"]["relationshipName"] == "Account"
    assert "Cardiology" in [v["value"] for v in fields["Specialty__c"]["picklistValues"]]
    assert not fields["Clinical_Notes__c"]["filterable"]


def test_every_type_of_field_is_there(org: Org) -> None:
    types = {
        field["type"]
        for name in ("Contact", "Attachment")
        for field in org.get(f"/sobjects/{name}/describe")["fields"]
    }
    assert types == {
        *("id", "string", "textarea", "email", "phone", "url", "picklist", "multipicklist"),
        *("double", "currency", "percent", "int", "boolean", "date", "datetime", "time"),
        *("reference", "address", "location", "base64"),
    }


def test_all_objects(org: Org) -> None:
    shown = {each["name"]: each for each in org.get("/sobjects")["sobjects"]}
    prefixes = {"Contact": "003", "Account": "001", "Opportunity": "006", "User": "005"}
    assert {name: shown[name]["keyPrefix"] for name in prefixes} == prefixes
    assert shown["Provider__c"]["custom"]
    assert not shown["OpportunityHistory"]["createable"]
    assert not shown["User"]["deletable"]
    for name in shown:
        assert org.get(f"/sobjects/{name}/describe")["name"] == name
    assert org.refused("GET", "/sobjects/Nothing/describe")[:2] == (404, "NOT_FOUND")
    assert org.get("/sobjects/contact")["objectDescribe"]["name"] == "Contact"


def test_limits_and_the_header_agree(org: Org) -> None:
    org.get("/limits")
    answer = org.send("GET", "/limits/")
    left = answer.json()["DailyApiRequests"]
    assert left == {"Max": 100_000, "Remaining": 99_998}
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=2/100000"
    assert org.admin("GET", "/usage")["daily_calls_used"] == 2
    assert [entry["cost"] for entry in org.sandbox.journal()][-2:] == [1, 1]


def test_a_spent_quota_refuses_until_a_day_has_gone(org: Org) -> None:
    org.limit(daily_calls=3)
    for _ in range(3):
        org.get("/limits")
    answer = org.send("GET", "/limits")
    assert answer.status_code == 403
    assert answer.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=3/3"
    org.advance(days=1)
    org.limit(session_seconds=10**6)
    assert org.send("GET", "/limits").status_code == 200


def test_answers_are_compressed_when_asked(org: Org) -> None:
    packed = org.send("GET", "/sobjects", headers={"Accept-Encoding": "gzip"})
    plain = org.send("GET", "/sobjects", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
