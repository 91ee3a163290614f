"""Which way a slice is read, and what is asked before."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from crm_pipelines.connectors.salesforce.answers import NotInBulk
from crm_pipelines.connectors.salesforce.reading import Reading
from crm_pipelines.connectors.salesforce.rest_query import as_texts
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import BudgetSpent, CrmError, FatalError, TooWide, Truncated
from crm_pipelines.model.source import Page
from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Slice
from crm_pipelines_tests.unit.scripted_org import ORDERED, Floor, Org, answered, csv, job

ID = Field("id", path="Id")
SLOW = TooWide("Your query request was running for too long. (QUERY_TIMEOUT)")


def count(records: int) -> Any:
    return answered(json.dumps({"totalSize": records, "done": True, "records": []}))


def records(*ids: str, total: int = 0) -> Any:
    found = [{"Id": one} for one in ids]
    return answered(json.dumps({"totalSize": total or len(ids), "done": True, "records": found}))


BULK: dict[str, list[Any]] = {**ORDERED, "poll": [job(3)], "page_0": [answered(csv(3), "3")]}


def read(org: Org, *fields: Field, **variables: str) -> list[Page]:
    door: Any = org
    census: Any = None
    return list(
        Reading(
            door,
            SalesforceSettings.model_validate(variables),
            "Contact",
            lambda: fields or (ID,),
            Slice(),
            census,
            lambda _: None,
            Floor,
        ).pages(None)
    )


def test_few_are_read_by_a_plain_query() -> None:
    org = Org(count=[count(2)], records=[records("a", "b")])
    (page,) = read(org)
    assert page.records.column("Id").to_pylist() == ["a", "b"]  # type: ignore[union-attr]
    assert (page.next_place, page.way) == (None, "REST query")


def test_none_are_not_read_at_all() -> None:
    org = Org(count=[count(0)])
    (page,) = read(org)
    assert page.records.num_rows == 0  # type: ignore[union-attr]
    assert org.asked == ["count"]


@pytest.mark.parametrize("found", [2_000, 2_001])
def test_many_are_read_by_a_job(found: int) -> None:
    org = Org(count=[count(found)], **BULK)
    assert [page.way for page in read(org)] == ["Bulk API 2.0"]
    assert org.asked == ["count", "order", "poll", "page_0", "delete"]


@pytest.mark.parametrize("error", [SLOW, FatalError("refused"), answered("[]"), answered("<")])
def test_a_count_that_fails_is_no_reason_to_stop(error: Any) -> None:
    org = Org(count=[error], **BULK)
    assert [page.way for page in read(org)] == ["Bulk API 2.0"]


def test_a_budget_that_is_spent_is() -> None:
    org = Org(count=[BudgetSpent("spent", datetime.now(UTC))], **BULK)
    with pytest.raises(BudgetSpent):
        read(org)


def test_a_query_that_takes_too_long_becomes_a_job() -> None:
    org = Org(count=[count(2)], records=[SLOW], **BULK)
    assert [page.way for page in read(org)] == ["Bulk API 2.0"]
    assert org.asked[:3] == ["count", "records", "order"]


def test_an_object_that_bulk_jobs_refuse_is_read_by_a_plain_query() -> None:
    refusal = NotInBulk("Contact is not supported by the Bulk API (INVALIDENTITY)")
    org = Org(order=[refusal], count=[count(2_000)], records=[records("a", "b")])
    (page,) = read(org)
    assert (page.records.num_rows, page.way) == (2, "REST query")  # type: ignore[union-attr]
    org = Org(order=[refusal], count=[count(2_000)], records=[SLOW])
    with pytest.raises(NotInBulk):  # neither way: not for ever one after the other
        read(org)


def test_a_query_too_long_for_an_address_is_not_even_counted() -> None:
    many = [Field(f"f{n}", path=f"Some_Rather_Long_Name_{n}__c") for n in range(500)]
    header = ",".join(f'"{field.source}"' for field in (ID, *many))
    org = Org(**{**BULK, "poll": [job(0)], "page_0": [answered(header, "0")]})
    read(org, ID, *many)
    assert org.asked[0] == "order"


def test_threshold_0_means_always_jobs() -> None:
    org = Org(**BULK)
    read(org, SALESFORCE_BULK_ROWS="0")
    assert org.asked[0] == "order"


def test_a_query_that_never_gives_all_it_promises_is_given_up() -> None:
    org = Org(count=[count(2)], records=[records("a", total=2)])
    with pytest.raises(CrmError, match="promised 2 records"):
        read(org)


def test_values_are_spelled_as_bulk_results_spell_them() -> None:
    names = ("text", "empty", "null", "yes", "no", "whole", "exact", "moment", "absent")
    fields = [Field(name, path=name) for name in names]
    found: dict[str, Any] = {"text": " a\n", "empty": "", "null": None, "yes": True, "no": False}
    found |= {"whole": 9007199254740993, "exact": "9999999999999999.99"}
    found["moment"] = "2026-01-02T03:04:05.000+0000"
    table = as_texts([{"attributes": {"type": "Contact"}, **found}], fields)
    assert all(column.type == pa.string() for column in table.columns)
    assert table.to_pylist() == [
        {
            **found,
            "empty": None,
            "yes": "true",
            "no": "false",
            "whole": "9007199254740993",
            "absent": None,
        }
    ]


def test_numbers_keep_every_digit() -> None:
    body = '{"totalSize": 1, "done": true, "records": [{"Id": 9999999999999999.99}]}'
    (page,) = read(Org(count=[count(1)], records=[answered(body)]))
    assert page.records.column("Id").to_pylist() == ["9999999999999999.99"]  # type: ignore[union-attr]


class Watched(Org):
    """An org that shows what it was asked to do."""

    def __init__(self, **answers: list[Any]) -> None:
        super().__init__(**answers)
        self.orders: list[Any] = []

    def send(self, call: Call) -> Any:
        self.orders += [call.json] if call.json else []
        return super().send(call)


@pytest.mark.parametrize(("more", "operation"), [((), "query"), (("IsDeleted",), "queryAll")])
def test_a_job_asks_for_deletions_where_there_are_any_and_for_no_order(
    more: tuple[str, ...], operation: str
) -> None:
    fields = [ID, *(Field(name.lower(), path=name) for name in more)]
    header = ",".join(f'"{field.source}"' for field in fields)
    page = [answered(header, "0")]
    org = Watched(**{**BULK, "count": [count(2_000)], "poll": [job(0)], "page_0": page})
    read(org, *fields)
    asked = f"SELECT {', '.join(field.source for field in fields)} FROM Contact"
    assert org.orders == [{"operation": operation, "query": asked}]


PATH = "/services/data/v64.0/query/01g-2000"


@pytest.mark.parametrize("address", [PATH, PATH[1:], f"https://elsewhere.example{PATH}"])
def test_the_next_page_is_asked_of_our_own_org(address: str) -> None:
    asked: list[Call] = []

    class Listened(Org):
        def send(self, call: Call) -> Any:
            asked.append(call)
            return super().send(call)

    first = answered(
        json.dumps(
            {"totalSize": 2, "done": False, "records": [{"Id": "a"}], "nextRecordsUrl": address}
        )
    )
    org = Listened(count=[count(2)], records=[first], poll=[records("b", total=2)])
    assert [page.records.num_rows for page in read(org)] == [1, 1]  # type: ignore[union-attr]
    assert asked[-1].path == PATH


def test_a_page_of_a_query_that_names_itself_as_the_next_is_told() -> None:
    body = {"totalSize": 9, "done": False, "records": [{"Id": "a"}], "nextRecordsUrl": PATH}
    page = answered(json.dumps(body))
    org = Org(count=[count(2)], records=[page], poll=[page])
    with pytest.raises(Truncated, match="names itself"):
        read(org)
