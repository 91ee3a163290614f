"""SOQL: what conditions select is compared with the same condition in Python on the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crm_pipelines_tests.salesforce_org import Org

Record = dict[str, Any]
Test = Callable[[Record], bool]


def text(record: Record, name: str) -> str:
    return str(record[name] or "").lower()


CONDITIONS: list[tuple[str, Test]] = [
    ("LastName = 'johnson'", lambda r: text(r, "LastName") == "johnson"),
    ("LastName != 'johnson'", lambda r: text(r, "LastName") != "johnson"),
    ("LastName <> 'na'", lambda r: text(r, "LastName") != "na"),
    ("FirstName = null", lambda r: r["FirstName"] is None),
    ("FirstName != NULL", lambda r: r["FirstName"] is not None),
    ("FirstName != 'Ann'", lambda r: r["FirstName"] != "Ann"),
    ("FirstName LIKE 'e%'", lambda r: text(r, "FirstName").startswith("e")),
    ("LastName LIKE '%\\'%'", lambda r: "'" in r["LastName"]),
    ("LastName LIKE '_ee'", lambda r: len(r["LastName"]) == 3 and text(r, "LastName")[1:] == "ee"),
    ("Email LIKE 'p1\\_%'", lambda r: text(r, "Email").startswith("p1_")),
    ("LastName IN ('Lee', 'null')", lambda r: text(r, "LastName") in {"lee", "null"}),
    ("FirstName NOT IN ('Ann', 'Mai')", lambda r: text(r, "FirstName") not in {"ann", "mai"}),
    ("FirstName IN ('Ann', null)", lambda r: r["FirstName"] in {"Ann", None}),
    ("NOT FirstName = 'Ann'", lambda r: r["FirstName"] != "Ann"),
    ("NOT (Panel_Size__c > 5)", lambda r: not (r["Panel_Size__c"] or 0) > 5),
    ("DoNotCall = true", lambda r: r["DoNotCall"]),
    ("DoNotCall = FALSE AND FirstName = null", lambda r: not r["DoNotCall"] and not r["FirstName"]),
    ("Quality_Score__c > 99.5", lambda r: (r["Quality_Score__c"] or 0) > 99.5),
    (
        "Quality_Score__c < 100",
        lambda r: r["Quality_Score__c"] is not None and r["Quality_Score__c"] < 100,
    ),
    ("Panel_Size__c >= 1e5", lambda r: (r["Panel_Size__c"] or 0) >= 1e5),
    ("Birthdate < 1900-01-01", lambda r: bool(r["Birthdate"]) and r["Birthdate"] < "1900-01-01"),
    ("Birthdate = 1899-12-31", lambda r: r["Birthdate"] == "1899-12-31"),
    (
        "SystemModstamp >= 2020-01-01T00:00:00Z AND SystemModstamp < 2021-01-01T02:00:00+02:00",
        lambda r: "2020" <= r["SystemModstamp"] < "2021",
    ),
    ("CreatedDate > 2019-12-31T23:59:59.999-00:00", lambda r: r["CreatedDate"] >= "2020"),
    ("CreatedDate = LAST_N_YEARS:30", lambda r: r["CreatedDate"] < "2026"),
    ("CreatedDate < LAST_N_DAYS:1", lambda _: True),
    ("CreatedDate = TODAY", lambda _: False),
    (
        "(LastName = 'Lee' OR LastName = 'Vang') AND MN_County__c = 'Ramsey'",
        lambda r: r["LastName"] in {"Lee", "Vang"} and r["MN_County__c"] == "Ramsey",
    ),
    ("Languages__c INCLUDES ('Hmong;Karen', 'Oromo')", lambda r: spoken(r)),
    ("Languages__c EXCLUDES ('Hmong;Karen', 'Oromo')", lambda r: not spoken(r)),
    ("Is_Licensed__c = true", lambda r: r["Is_Licensed__c"]),
    ("Name LIKE 'Ann L%'", lambda r: r["Name"].lower().startswith("ann l")),
    ("DAY_ONLY(CreatedDate) > 2022-05-05", lambda r: r["CreatedDate"][:10] > "2022-05-05"),
    ("CALENDAR_YEAR(CreatedDate) = 2018", lambda r: r["CreatedDate"][:4] == "2018"),
]


def spoken(record: Record) -> bool:
    languages = set((record["Languages__c"] or "").split(";"))
    return languages >= {"Hmong", "Karen"} or "Oromo" in languages


def test_conditions_select_what_they_say(org: Org) -> None:
    truth = org.truth()
    for condition, test in CONDITIONS:
        wanted = {record["Id"] for record in truth if test(record)}
        assert org.ids(condition) == wanted, condition


def test_ids_match_in_both_forms_and_by_case(org: Org) -> None:
    identity = org.truth()[7]["Id"]
    assert org.ids(f"Id = '{identity}'") == {identity}
    assert org.ids(f"Id IN ('{identity[:15]}')") == {identity}
    assert org.ids("Id = ''") == set()
    assert org.ids(f"Id > '{identity}'") == {r["Id"] for r in org.truth() if r["Id"] > identity}


def test_parents_and_subqueries(org: Org) -> None:
    accounts = {account["Id"]: account for account in org.truth("Account")}
    truth = {record["Id"]: record for record in org.truth()}
    for found in org.query("SELECT Id, account.name, Account.Owner.Name FROM Contact"):
        account = accounts.get(truth[found["Id"]]["AccountId"])
        assert (found["Account"] or {}).get("Name") == (account and account["Name"])
        if account is not None:
            assert found["Account"]["Owner"]["attributes"]["type"] == "User"
    name = next(iter(accounts.values()))["Name"]
    assert org.ids(f"Account.Name = '{name}'") == {
        i for i, r in truth.items() if r["AccountId"] and accounts[r["AccountId"]]["Name"] == name
    }
    inner = "AccountId IN (SELECT Id FROM Account WHERE Industry = 'Healthcare')"
    assert org.ids(inner) == {
        i
        for i, r in truth.items()
        if r["AccountId"] and accounts[r["AccountId"]]["Industry"] == "Healthcare"
    }


def test_children(org: Org) -> None:
    truth = org.truth()
    soql = "SELECT Name, (SELECT Id, LastName FROM Contacts WHERE FirstName != null) FROM Account"
    shown = org.query("SELECT Id, " + soql[7:])
    for account in shown:
        wanted = {r["Id"] for r in truth if r["AccountId"] == account["Id"] and r["FirstName"]}
        children = account["Contacts"]
        assert ({r["Id"] for r in children["records"]} if children else set()) == wanted


def test_order_limit_offset(org: Org) -> None:
    truth = org.truth()
    shown = org.query("SELECT Id, FirstName FROM Contact ORDER BY FirstName DESC NULLS LAST, Id")
    names = [record["FirstName"] for record in shown]
    present = [name for name in names if name]
    assert names == present + [None] * (len(names) - len(present))
    assert [n.lower() for n in present] == sorted((n.lower() for n in present), reverse=True)
    first = org.query("SELECT Id FROM Contact ORDER BY FirstName LIMIT 1")[0]["Id"]
    assert next(r for r in truth if r["Id"] == first)["FirstName"] is None
    ids = [record["Id"] for record in org.query("SELECT Id FROM Contact ORDER BY Id")]
    assert [r["Id"] for r in org.query("SELECT Id FROM Contact ORDER BY Id LIMIT 3 OFFSET 5")] == (
        ids[5:8]
    )
    assert len(org.query("SELECT Id FROM Contact OFFSET 290")) == len(ids) - 290
    soql = "SELECT Panel_Size__c FROM Contact WHERE Panel_Size__c != null ORDER BY Panel_Size__c"
    sizes = [record["Panel_Size__c"] for record in org.query(soql)]
    assert sizes == sorted(sizes)


def test_counting_and_grouping(org: Org) -> None:
    truth = org.truth()
    counted = org.get("/query", q="SELECT COUNT() FROM Contact WHERE FirstName != null")
    assert counted == {
        "totalSize": sum(bool(r["FirstName"]) for r in truth),
        "done": True,
        "records": [],
    }
    soql = (
        "SELECT DAY_ONLY(SystemModstamp) d, COUNT(Id) n, MAX(Panel_Size__c) FROM Contact "
        "GROUP BY DAY_ONLY(SystemModstamp) HAVING COUNT(Id) > 1 ORDER BY DAY_ONLY(SystemModstamp)"
    )
    days: dict[str, list[int]] = {}
    for record in truth:
        days.setdefault(record["SystemModstamp"][:10], []).append(record["Panel_Size__c"] or 0)
    shown = org.query(soql)
    assert [(r["d"], r["n"], r["expr0"] or 0) for r in shown] == [
        (day, len(sizes), max(sizes)) for day, sizes in sorted(days.items()) if len(sizes) > 1
    ]
    totals = org.query("SELECT COUNT(Id), COUNT(FirstName), COUNT_DISTINCT(LastName) FROM Contact")
    assert totals[0]["expr0"] == len(truth)
    assert totals[0]["expr1"] == counted["totalSize"]
    assert totals[0]["expr2"] == len({r["LastName"] for r in truth})


def test_all_fields_at_once(org: Org) -> None:
    params = {"q": "SELECT FIELDS(ALL) FROM Contact ORDER BY Id LIMIT 200"}
    answer = org.send("GET", "/query", params=params)
    shown = json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)["records"]
    truth = {record["Id"]: record for record in org.truth()}
    assert len(shown) == 200
    for record in shown:
        for name, value in truth[record["Id"]].items():
            exact = isinstance(record[name], Decimal)
            assert record[name] == (Decimal(str(value)) if exact else value), name
    custom = org.query("SELECT FIELDS(CUSTOM) FROM Contact LIMIT 1")[0]
    assert all(name.endswith(("__c", "__s")) for name in custom)
    address = shown[0]["MailingAddress"]
    assert address is None or address["city"] == shown[0]["MailingCity"]
    old = "/services/data/v50.0/query"
    assert org.refused("GET", old, params=params)[1] == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("soql", "code", "word"),
    [
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT Nope.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("SELECT Id, (SELECT Id FROM Nope) FROM Account", "INVALID_TYPE", "relationship 'Nope'"),
        ("SELECT FROM Contact", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "unexpected"),
        ("SELECT Id FROM Contact WHERE Id", "MALFORMED_QUERY", "unexpected"),
        ("SELECT Id FROM Contact LIMIT x", "MALFORMED_QUERY", "unexpected"),
        ("SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY", "unexpected"),
        ("SELECT Id FROM Contact; DROP", "MALFORMED_QUERY", "unexpected"),
        ("SELECT Id FROM Contact WHERE LastName = 'x", "MALFORMED_QUERY", "unexpected"),
        ('SELECT Id FROM Contact WHERE LastName = "x"', "MALFORMED_QUERY", "unexpected"),
        ("SELECT Id, Id FROM Contact", "MALFORMED_QUERY", "duplicate field"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD", "of type string"),
        ("SELECT Id FROM Contact WHERE DoNotCall = 'x'", "INVALID_FIELD", "of type boolean"),
        ("SELECT Id FROM Contact WHERE CreatedDate > '2020'", "INVALID_FIELD", "of type dateTime"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2020-01-01", "INVALID_FIELD", "dateTime"),
        ("SELECT Id FROM Contact WHERE Birthdate > 2020-13-01", "MALFORMED_QUERY", "Invalid date"),
        ("SELECT Id FROM Contact WHERE Panel_Size__c = 'x'", "INVALID_FIELD", "of type double"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Contact ORDER BY Biography__c", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Contact WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID"),
        ("SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("SELECT Id FROM Contact WHERE CreatedDate = NEVER", "MALFORMED_QUERY", "NEVER"),
        ("SELECT LastName, COUNT(Id) FROM Contact", "MALFORMED_QUERY", "must be grouped"),
        ("SELECT SUM(LastName) FROM Contact", "MALFORMED_QUERY", "aggregate"),
        (
            "SELECT Id FROM Contact WHERE Id = null AND Id = null OR Id = null",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        (f"SELECT Id FROM Contact WHERE {'(' * 500}Id = null", "MALFORMED_QUERY", "deeply"),
        (f"SELECT Id FROM Contact WHERE {'NOT ' * 5000}Id = null", "MALFORMED_QUERY", "deeply"),
        ("", "MALFORMED_QUERY", "unexpected"),
    ],
)
def test_refusals(shared_org: Org, soql: str, code: str, word: str) -> None:
    status, found, message = shared_org.refused("GET", "/query", params={"q": soql})
    assert (status, found) == (400, code)
    assert word in message
