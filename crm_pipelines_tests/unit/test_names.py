"""Column names and types from what Salesforce calls its fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.connectors.salesforce.describe import columns
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.connectors.salesforce.streams import CONTACTS, snake_case, streams
from crm_pipelines.model.stream import Type

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,79}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Id", "id"),
        ("SystemModstamp", "system_modstamp"),
        ("LastModifiedById", "last_modified_by_id"),
        ("NPI__c", "npi__c"),
        ("Provider_NPI__c", "provider_npi__c"),
        ("HTTPServer", "http_server"),
        ("Level2Support__c", "level2_support__c"),
        ("acme__Region__c", "acme__region__c"),
        ("IsPersonAccount", "is_person_account"),
    ],
)
def test_snake_case(name: str, column: str) -> None:
    assert snake_case(name) == column


@given(names)
def test_snake_case_stays_snake_case(name: str) -> None:
    assert snake_case(snake_case(name)) == snake_case(name)


def described(name: str, kind: str = "string", **more: object) -> dict[str, object]:
    return {"name": name, "type": kind, "label": name, "length": 0, **more}


def test_compound_and_binary_fields_are_left_out() -> None:
    kinds = ("address", "location", "base64", "complexvalue")
    fields = [described("Id", "id"), *(described(f"F{kind}", kind) for kind in kinds)]
    assert [field.name for field in columns(CONTACTS, fields)] == ["id"]


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("boolean", Type.BOOLEAN),
        ("int", Type.INTEGER),
        ("long", Type.INTEGER),
        ("double", Type.DECIMAL),
        ("currency", Type.DECIMAL),
        ("percent", Type.DECIMAL),
        ("date", Type.DATE),
        ("datetime", Type.TIMESTAMP),
        ("time", Type.TIME),
        ("reference", Type.TEXT),
        ("picklist", Type.TEXT),
        ("whatever comes", Type.TEXT),
    ],
)
def test_types(kind: str, type_: Type) -> None:
    assert columns(CONTACTS, [described("Field__c", kind)])[1].type is type_


@given(st.lists(names, max_size=30, unique=True))
def test_every_field_gets_a_column_of_its_own_that_postgresql_keeps_whole(
    wanted: list[str],
) -> None:
    fields = columns(CONTACTS, [described(name) for name in wanted])
    found = [field.name for field in fields]
    assert len(set(found)) == len(found)
    assert all(len(name.encode()) <= 63 for name in found)
    assert {field.source for field in fields} == {*wanted, "Id"}
    assert "workspace_id" not in found


def test_objects_that_are_asked_for_by_name() -> None:
    settings = SalesforceSettings.model_validate(
        {"SALESFORCE_OBJECTS": "Contact, Provider__c,Case"}
    )
    assert [(s.name, s.sobject) for s in streams(settings)] == [
        ("contacts", "Contact"),
        ("provider__c", "Provider__c"),
        ("cases", "Case"),
    ]
