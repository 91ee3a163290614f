"""Writing single records and collections over REST."""

from __future__ import annotations

from typing import Any

import pytest

from crm_pipelines_tests.salesforce_org import Org


def create(org: Org, **fields: Any) -> str:
    answer = org.send("POST", "/sobjects/Contact", json={"LastName": "New", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_record_from_birth_to_bin(org: Org) -> None:
    identity = create(org, Email="a@b.org", Panel_Size__c=12, Birthdate="1970-01-31")
    path = f"/sobjects/Contact/{identity}"
    before = org.get(path)
    assert (before["Email"], before["Panel_Size__c"], before["Birthdate"]) == (
        "a@b.org",
        12,
        "1970-01-31",
    )
    assert before["Accepting_New_Patients__c"] is True
    changed = org.send("PATCH", path, json={"FirstName": " Mai ", "Email": None})
    assert (changed.status_code, changed.content) == (204, b"")
    after = org.get(path, fields="FirstName,Email,SystemModstamp,Owner.Username")
    assert (after["FirstName"], after["Email"]) == ("Mai", None)
    assert after["SystemModstamp"] >= before["SystemModstamp"]
    assert after["Owner"]["Username"] == "sandbox@example.com"
    assert org.get(f"/sobjects/Contact/{identity[:15]}")["Id"] == identity
    assert org.send("DELETE", path).status_code == 204
    assert org.refused("GET", path)[:2] == (404, "ENTITY_IS_DELETED")
    assert org.refused("PATCH", path, json={})[1] == "ENTITY_IS_DELETED"


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", "[LastName]"),
        ({"Nope": 1}, "INVALID_FIELD", "No such column 'Nope'"),
        ({"Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Name"),
        ({"SystemModstamp": "2020-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "System"),
        ({"Is_Licensed__c": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Is_Licensed__c"),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG", "max length=80"),
        ({"LastName": 5}, "JSON_PARSER_ERROR", "LastName"),
        ({"Email": "nobody"}, "INVALID_EMAIL_ADDRESS", "nobody"),
        ({"Birthdate": "31.01.1970"}, "JSON_PARSER_ERROR", "Birthdate"),
        ({"Birthdate": "0001-01-01"}, "NUMBER_OUTSIDE_VALID_RANGE", "invalid date"),
        ({"Credentialed_At__c": "2020-01-01"}, "JSON_PARSER_ERROR", "Credentialed_At__c"),
        ({"Credentialed_At__c": 5}, "JSON_PARSER_ERROR", "Credentialed_At__c"),
        ({"Opens_At__c": "25:00:00"}, "JSON_PARSER_ERROR", "Opens_At__c"),
        ({"DoNotCall": "maybe"}, "JSON_PARSER_ERROR", "DoNotCall"),
        ({"Panel_Size__c": "many"}, "JSON_PARSER_ERROR", "Panel_Size__c"),
        ({"Panel_Size__c": 10**9}, "NUMBER_OUTSIDE_VALID_RANGE", "Panel"),
        ({"Panel_Size__c": True}, "JSON_PARSER_ERROR", "Panel_Size__c"),
        ({"AccountId": "x"}, "MALFORMED_ID", "id value of incorrect type"),
        ({"AccountId": "0055Y0000000001QAA"}, "MALFORMED_ID", "id value of incorrect type"),
        ({"AccountId": "0015Y0000zzzzzzQAA"}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross"),
        ({"npi__c": "0000007919"}, "DUPLICATE_VALUE", "duplicate value found: npi__c"),
        ({"Account": {"External_Id__c": "nobody"}}, "INVALID_FIELD", "Foreign key external ID"),
        ({"Account": {"Name": "x"}}, "INVALID_FIELD", "No such column"),
    ],
)
def test_fields_that_are_refused(
    shared_org: Org, fields: dict[str, Any], code: str, word: str
) -> None:
    wish = {"LastName": "New", **fields}
    status, found, message = shared_org.refused("POST", "/sobjects/Contact", json=wish)
    assert (status, found) == (400, code)
    assert word in message
    assert len(shared_org.truth()) == 300


def test_objects_that_cannot_be_written(org: Org) -> None:
    wrong = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert org.refused("POST", "/sobjects/OpportunityHistory", json={})[1] == wrong
    user = org.truth("User")[0]["Id"]
    assert org.refused("DELETE", f"/sobjects/User/{user}")[1] == wrong
    assert org.refused("POST", "/sobjects/Nope", json={})[:2] == (404, "NOT_FOUND")
    assert org.refused("GET", "/sobjects/Contact/003000000000000AAA")[0] == 404


def test_upsert_by_external_id(org: Org) -> None:
    path = "/sobjects/Contact/External_Id__c/A%2F1"
    made = org.send("PATCH", path, json={"LastName": "First"})
    again = org.send("PATCH", path, json={"LastName": "Second"})
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["created"] is True
    assert again.json() == {
        "id": made.json()["id"],
        "success": True,
        "errors": [],
        "created": False,
    }
    assert org.get(path)["LastName"] == "Second"
    older = Org(org.sandbox, org.client, "45.0")
    assert older.send("PATCH", path, json={"Title": "x"}).status_code == 204
    assert org.send("DELETE", path).status_code == 204
    assert org.refused("GET", path)[0] == 404
    assert org.refused("PATCH", "/sobjects/Contact/LastName/x", json={})[:2] == (404, "NOT_FOUND")


def test_an_ambiguous_external_id_is_300(org: Org) -> None:
    pair = [record["Id"] for record in org.truth()[:2]]
    for identity in pair:
        org.admin("PATCH", f"/records/Contact/{identity}", {"External_Id__c": "same"})
    answer = org.send("PATCH", "/sobjects/Contact/External_Id__c/same", json={"Title": "x"})
    assert answer.status_code == 300
    assert [each[-18:] for each in answer.json()] == pair


def test_parents_by_their_external_id(org: Org) -> None:
    account = org.truth("Account")[2]
    identity = create(org, Account={"External_Id__c": account["External_Id__c"]})
    assert org.get(f"/sobjects/Contact/{identity}")["AccountId"] == account["Id"]


def typed(**fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Contact"}, **fields}


def test_collections(org: Org) -> None:
    wish = {"records": [typed(LastName="A"), typed(FirstName="none"), typed(LastName="B")]}
    results = org.send("POST", "/composite/sobjects", json=wish).json()
    assert [each["success"] for each in results] == [True, False, True]
    assert results[1]["errors"] == [
        {
            "statusCode": "REQUIRED_FIELD_MISSING",
            "message": "Required fields are missing: [LastName]",
            "fields": ["LastName"],
        }
    ]
    ids = [results[0]["id"], results[2]["id"]]
    wish = {"records": [typed(id=identity, Title="Dr.") for identity in ids]}
    assert all(r["success"] for r in org.send("PATCH", "/composite/sobjects", json=wish).json())
    titles = {record["Id"]: record["Title"] for record in org.truth()}
    assert [titles[identity] for identity in ids] == ["Dr.", "Dr."]
    gone = org.send("DELETE", "/composite/sobjects", params={"ids": ",".join([*ids, "x"])}).json()
    assert [each["success"] for each in gone] == [True, True, False]
    assert len(org.truth()) == 300


def test_all_or_none(org: Org) -> None:
    wish = {"allOrNone": True, "records": [typed(LastName="A"), typed(FirstName="none")]}
    results = org.send("POST", "/composite/sobjects", json=wish).json()
    assert [each["errors"][0]["statusCode"] for each in results] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert len(org.truth()) == 300


def test_collections_upsert(org: Org) -> None:
    path = "/composite/sobjects/Contact/External_Id__c"
    known = org.truth()[0]
    rows = [
        typed(External_Id__c="C-1", LastName="One"),
        typed(External_Id__c=known["External_Id__c"], Title="Dr."),
        typed(External_Id__c=None, LastName="No key"),
        typed(External_Id__c="C-2", Id=known["Id"], LastName="Id and key"),
    ]
    results = org.send("PATCH", path, json={"records": rows}).json()
    assert [each["success"] for each in results] == [True, True, False, False]
    assert [each["created"] for each in results[:2]] == [True, False]
    assert results[1]["id"] == known["Id"]
    many = {"records": [typed(External_Id__c=str(n), LastName="x") for n in range(201)]}
    assert org.refused("PATCH", path, json=many)[1] == "EXCEEDED_ID_LIMIT"
    assert org.refused("PATCH", path, json={"records": 5})[1] == "INVALID_INPUT"


def test_an_opportunity_keeps_its_history(org: Org) -> None:
    wish = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 100}
    made = org.send("POST", "/sobjects/Opportunity", json=wish).json()["id"]
    org.send("PATCH", f"/sobjects/Opportunity/{made}", json={"StageName": "Closed Won"})
    org.send("PATCH", f"/sobjects/Opportunity/{made}", json={"NextStep": "none"})
    shown = org.get(f"/sobjects/Opportunity/{made}")
    assert shown["IsWon"] is True
    assert shown["Probability"] == 100
    assert shown["ExpectedRevenue"] == 100
    stages = [h["StageName"] for h in org.truth("OpportunityHistory") if h["OpportunityId"] == made]
    assert stages == ["Prospecting", "Closed Won"]


def test_formulas_change_without_a_stamp(org: Org) -> None:
    account = org.truth("Account")[0]["Id"]
    identity = create(org, AccountId=account)
    before = org.get(f"/sobjects/Contact/{identity}")
    region = "Central" if before["Region__c"] != "Central" else "Metro"
    org.send("PATCH", f"/sobjects/Account/{account}", json={"Region__c": region})
    after = org.get(f"/sobjects/Contact/{identity}")
    assert after["Region__c"] == region
    assert after["SystemModstamp"] == before["SystemModstamp"]
