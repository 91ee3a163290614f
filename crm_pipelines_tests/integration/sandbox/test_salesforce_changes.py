"""Deletes, merges, late commits, fields that come and go, and what a restart keeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines_tests.salesforce_org import Org, running_org


def span(org: Org, days: int = 1) -> dict[str, str]:
    now = datetime.fromisoformat(org.sandbox.admin("GET", "/clock")["now"])
    start, end = now - timedelta(days=days), now + timedelta(minutes=5)
    return {"start": start.isoformat(), "end": end.isoformat()}


def bin_of(org: Org) -> set[str]:
    soql = "SELECT Id FROM Contact WHERE IsDeleted = true"
    return {record["Id"] for record in org.query(soql, "/queryAll")}


def test_the_recycle_bin_is_emptied_after_fifteen_days(org: Org) -> None:
    org.limit(session_seconds=10**7)
    gone = org.truth()[0]["Id"]
    org.admin("DELETE", f"/records/Contact/{gone}")
    org.advance(days=15, seconds=-60)
    assert bin_of(org) == {gone}
    org.advance(seconds=61)
    assert bin_of(org) == set()
    assert gone not in {record["Id"] for record in org.truth(deleted=True)}


def test_deleting_moves_the_stamp_and_takes_children_along(org: Org) -> None:
    parents = [record["AccountId"] for record in org.truth() if record["AccountId"]]
    children = {r["Id"] for r in org.truth() if r["AccountId"] == parents[0]}
    before = org.get("/query", q="SELECT MAX(SystemModstamp) m FROM Contact")["records"][0]["m"]
    org.admin("DELETE", f"/records/Account/{parents[0]}")
    assert bin_of(org) == children
    stamps = org.query("SELECT SystemModstamp FROM Contact WHERE IsDeleted = true", "/queryAll")
    assert all(record["SystemModstamp"] > before for record in stamps)


def test_a_merge_leaves_a_pointer(org: Org) -> None:
    loser, winner = (record["Id"] for record in org.truth()[:2])
    task = {"Subject": "Call", "Status": "Not Started", "Priority": "Low", "WhoId": loser}
    made = org.send("POST", "/sobjects/Task", json=task).json()["id"]
    org.admin("POST", f"/records/Contact/{loser}/merge", {"into": winner})
    soql = "SELECT Id, IsDeleted, MasterRecordId FROM Contact WHERE IsDeleted = true"
    assert org.query(soql, "/queryAll") == [
        {"Id": loser, "IsDeleted": True, "MasterRecordId": winner}
    ]
    assert org.get(f"/sobjects/Task/{made}")["WhoId"] == winner


def test_no_id_is_ever_given_twice(org: Org) -> None:
    """Not even before anything was created."""
    ids = {record["Id"] for record in org.truth()}
    org.admin("POST", f"/records/Contact/{min(ids)}/destroy")
    org.admin("POST", f"/records/Contact/{max(ids)}/destroy")
    made = {org.admin("POST", "/records/Contact", {"LastName": "New"})["Id"] for _ in range(3)}
    assert len(made - ids) == 3


def test_undelete(org: Org) -> None:
    record = org.truth()[0]
    org.admin("DELETE", f"/records/Contact/{record['Id']}")
    back = org.admin("POST", f"/records/Contact/{record['Id']}/undelete")
    assert back["SystemModstamp"] > record["SystemModstamp"]
    assert {**back, "SystemModstamp": record["SystemModstamp"]} == record
    assert bin_of(org) == set()


def test_deleted_and_updated(org: Org) -> None:
    soft, hard, edited = (record["Id"] for record in org.truth()[:3])
    org.admin("DELETE", f"/records/Contact/{soft}")
    org.admin("POST", f"/records/Contact/{hard}/destroy")
    org.admin("PATCH", f"/records/Contact/{edited}", {"Title": "Dr."})
    for slash in ("", "/"):
        shown = org.get(f"/sobjects/Contact/deleted{slash}", **span(org))
        assert {each["id"] for each in shown["deletedRecords"]} == {soft, hard}
        assert org.get(f"/sobjects/Contact/updated{slash}", **span(org))["ids"] == [edited]
    assert bin_of(org) == {soft}
    wrong = "INVALID_REPLICATION_DATE"
    assert org.refused("GET", "/sobjects/Contact/deleted", params=span(org, 16))[1] == wrong
    assert org.refused("GET", "/sobjects/Contact/updated", params=span(org, 31))[1] == wrong
    assert org.refused("GET", "/sobjects/Contact/updated", params={"start": "x"})[1] == wrong


def test_late_commits(org: Org) -> None:
    stamp = "2019-03-04T05:06:07.000+0000"
    made = org.admin("POST", "/records/Contact", {"LastName": "Late", "SystemModstamp": stamp})
    assert made["SystemModstamp"] == stamp
    ids = org.ids("SystemModstamp = 2019-03-04T05:06:07Z")
    assert made["Id"] in ids
    edited = org.truth()[0]["Id"]
    wish = {"LastName": "Edited", "SystemModstamp": stamp}
    assert org.admin("PATCH", f"/records/Contact/{edited}", wish)["SystemModstamp"] == stamp


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/records/Nope", {}),
        ("POST", "/records/Contact", {"Nope": 1}),
        ("POST", "/records/Contact", {"Name": "formula"}),
        ("POST", "/records/Contact", {"Birthdate": "never"}),
        ("PATCH", "/records/Contact/003000000000000AAA", {}),
        ("PATCH", "/records/Contact/nonsense", {}),
        ("DELETE", "/records/User/0055Y0000000001QAA", None),
        ("POST", "/records/User/0055Y0000000001QAA/merge", {"into": "0055Y0000000001QAA"}),
        ("POST", "/records/Contact/0035Y0000000001QAA/merge", {"into": "0035Y0000000001QAA"}),
        ("POST", "/records/Contact/0035Y0000000001QAA/undelete", None),
        ("POST", "/fields/Contact", {"name": "x"}),
        ("POST", "/fields/Contact", {"name": "npi__c"}),
        ("POST", "/fields/Contact", {"name": "A__c", "type": "magic"}),
        ("POST", "/fields/Contact", {"name": "A__c", "type": "int", "value": "x"}),
        ("DELETE", "/fields/Contact/LastName", None),
        ("POST", "/keys", {"public_key": "nonsense"}),
        ("PATCH", "/limits", {"nope": 1}),
    ],
)
def test_levers_that_do_not_move(shared_org: Org, method: str, path: str, body: Any) -> None:
    with pytest.raises(AssertionError, match=r": 40[04] "):
        shared_org.admin(method, path, body)


def names(org: Org) -> list[str]:
    return [field["name"] for field in org.get("/sobjects/Contact/describe")["fields"]]


def test_fields_come_and_go_and_a_restart_keeps_everything(tmp_path: Path) -> None:
    with running_org(tmp_path) as org:
        before = names(org)
        org.admin("POST", "/fields/Contact", {"name": "Colour__c", "value": "blue"})
        org.admin("DELETE", "/fields/Contact/Residency__c")
        edited = org.truth()[0]["Id"]
        org.admin("PATCH", f"/records/Contact/{edited}", {"Colour__c": "red"})
        job = org.job("SELECT Id, Colour__c FROM Contact")
        token = org.client.headers["Authorization"]
        truth = org.truth()
    with running_org(tmp_path, contacts=5) as org:
        after = names(org)
        assert set(after) == set(before) - {"Residency__c"} | {"Colour__c"}
        assert org.truth() == truth
        assert {record["Colour__c"] for record in truth} == {"blue", "red"}
        assert org.refused("GET", "/query?q=SELECT Residency__c FROM Contact")[1] == "INVALID_FIELD"
        org.client.headers["Authorization"] = token
        (page,) = org.pages(job)
        assert f'"{edited}","red"' in page.text
        org.admin("POST", "/fields/Contact", {"name": "Residency__c", "type": "double"})
        assert org.truth()[0]["Residency__c"] is None


def test_the_seed_decides(tmp_path: Path) -> None:
    worlds = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        with running_org(tmp_path / name, seed=seed, contacts=40) as org:
            worlds.append([org.truth(each) for each in ("Contact", "Account", "User", "Task")])
    assert worlds[0] == worlds[1]
    assert worlds[0] != worlds[2]


def test_awkward_values_are_there(shared_org: Org) -> None:
    truth = shared_org.truth()
    everything = [value for record in truth for value in record.values()]
    texts = "\0\0".join(value for value in everything if isinstance(value, str))
    for odd in ("\0", "\r\n", "\u2028", "😀", '"', "\\N", "12345678901234567890123456"):
        assert odd in texts
    assert {"NA", "null", "None", "nan"} & {record["LastName"] for record in truth}
    assert any(record["Birthdate"] and record["Birthdate"] < "1900" for record in truth)
    assert all(record["npi__c"].startswith("0") for record in truth)
    stamps = [record["SystemModstamp"] for record in truth]
    assert len(set(stamps)) < len(stamps)
    assert "2015" <= min(stamps) <= max(stamps) < "2026-07"
    assert all(r["CreatedDate"] <= r["LastModifiedDate"] <= r["SystemModstamp"] for r in truth)
    share = sum(value is None for value in everything) / len(everything)
    assert 0.15 < share < 0.35


def test_faults_in_salesforce_words(org: Org) -> None:
    expected = {
        "expired_login": (401, "INVALID_SESSION_ID"),
        "burst_429": (403, "REQUEST_LIMIT_EXCEEDED"),
        "daily_429": (403, "REQUEST_LIMIT_EXCEEDED"),
        "server_error": (503, "SERVER_UNAVAILABLE"),
    }
    for kind, answer in expected.items():
        org.sandbox.fault(kind, system="salesforce")
        assert org.refused("GET", "/limits")[:2] == answer
        assert org.send("GET", "/limits").status_code == 200
    org.sandbox.fault("html_403")
    page = org.send("GET", "/limits")
    assert page.status_code == 403
    assert page.headers["content-type"].startswith("text/html")
