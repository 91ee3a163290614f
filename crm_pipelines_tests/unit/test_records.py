"""Raw JSON records to columns: the fast way and the way by hand say the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.stream import Field, Type
from crm_pipelines.phases.records import to_columns

FIELDS = (
    Field("id", Type.INTEGER),
    Field("name"),
    Field("email", path="emails[primary].value"),
    Field("emails", Type.JSON),
    Field("active", Type.BOOLEAN),
    Field("value", Type.DECIMAL),
    Field("added", Type.TIMESTAMP, path="add_time"),
    Field("custom", Type.JSON),
)
# What does not fit its type makes the whole page go by hand.
MISFIT = b'{"id": {"not": "a number"}}'

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
trees = st.recursive(
    leaves, lambda t: st.lists(t, max_size=3) | st.dictionaries(texts, t, max_size=3)
)
emails = st.lists(
    st.fixed_dictionaries({"value": texts}, optional={"primary": st.booleans()}), max_size=3
)
records = st.fixed_dictionaries(
    {},
    optional={
        "id": st.none() | st.integers(-(2**63), 2**63 - 1),
        "name": st.none() | texts,
        "emails": st.none() | emails,
        "active": st.none() | st.booleans(),
        "value": st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "add_time": st.none() | texts,
        "custom": trees,
        "surplus": trees,
    },
)


def columns(*raw: bytes, fields: tuple[Field, ...] = FIELDS) -> tuple[dict[str, list[Any]], Any]:
    found, problems = to_columns(raw, fields)
    return {name: column.to_pylist() for name, column in found.items()}, problems


def one(field: Field, raw: bytes) -> tuple[Any, dict[str, str]]:
    found, problems = columns(raw, fields=(field,))
    return found[field.name][0], problems.get(0, {})


@given(st.lists(records, max_size=5), st.booleans())
def test_both_ways_agree_on_sound_records(page: list[dict[str, Any]], escape: bool) -> None:
    raw = [json.dumps(record, ensure_ascii=escape).encode() for record in page]
    fast, no_problems = columns(*raw)
    slow, problems = columns(*raw, MISFIT)
    assert no_problems == {}
    assert set(problems) == {len(raw)}
    assert {name: values[:-1] for name, values in slow.items()} == fast


@given(st.lists(records, min_size=1, max_size=5))
def test_values_survive(page: list[dict[str, Any]]) -> None:
    found, _ = columns(*(json.dumps(record).encode() for record in page))
    for row, record in enumerate(page):
        for name in ("id", "name", "active"):
            assert found[name][row] == record.get(name)
        assert found["added"][row] == record.get("add_time")
        for name in ("emails", "custom"):
            text = found[name][row]
            assert (None if text is None else json.loads(text)) == record.get(name)


def test_decimals_keep_the_digits_they_came_with() -> None:
    long = "0.1234567890123456789012345678901234567890"
    assert one(Field("v", Type.DECIMAL), f'{{"v": {long}}}'.encode()) == (long, {})
    assert one(Field("v", Type.DECIMAL), f'{{"v": "{long}"}}'.encode()) == (long, {})


@pytest.mark.parametrize(
    ("items", "value"),
    [
        ([{"value": "a", "primary": False}, {"value": "b", "primary": True}], "b"),
        ([{"value": "a"}, {"value": "b"}], "a"),
        ([{"value": ""}], None),
        ([{"label": "work"}], None),
        ([], None),
        (None, None),
        ("a@b.org", None),
        ([None, "x", {"value": 7}], "7"),
    ],
)
def test_the_primary_one_counts(items: Any, value: str | None) -> None:
    raw = json.dumps({"emails": items}).encode()
    assert columns(raw)[0]["email"] == [value]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Type.INTEGER, '"42"', 42),
        (Type.INTEGER, "42.0", 42),
        (Type.INTEGER, "9007199254740993.0", 9007199254740993),
        (Type.BOOLEAN, "1", True),
        (Type.BOOLEAN, '"false"', False),
        (Type.TEXT, "5", "5"),
        (Type.TEXT, "0.10", "0.10"),
        (Type.TEXT, "true", "true"),
        (Type.TEXT, '{"a":1}', '{"a":1}'),
    ],
)
def test_spellings_that_mean_the_same(kind: Type, text: str, value: Any) -> None:
    assert one(Field("v", kind), f'{{"v": {text}}}'.encode()) == (value, {})


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Type.INTEGER, '"five"'),
        (Type.INTEGER, "5.5"),
        (Type.INTEGER, "true"),
        (Type.INTEGER, str(2**63)),
        (Type.INTEGER, str(-(2**63) - 1)),
        (Type.INTEGER, "1" * 40),
        (Type.BOOLEAN, '"maybe"'),
        (Type.BOOLEAN, "2"),
    ],
)
def test_what_does_not_fit_is_named(kind: Type, text: str) -> None:
    value, reasons = one(Field("v", kind), f'{{"v": {text}}}'.encode())
    assert value is None
    assert reasons == {"v": f"not of type {kind.value}: {text}"}


def test_a_misfit_leaves_the_rest_of_its_record_and_its_page_alone() -> None:
    found, problems = columns(b'{"id": 1, "name": "a"}', b'{"id": "x", "name": "b"}', b'{"id": 3}')
    assert found["id"] == [1, None, 3]
    assert found["name"] == ["a", "b", None]
    assert problems == {1: {"id": 'not of type bigint: "x"'}}


@pytest.mark.parametrize("raw", [b"null", b"5", b"[]", b'"text"'])
def test_what_is_no_record_is_named(raw: bytes) -> None:
    found, problems = columns(raw, b'{"id": 2}')
    assert found["id"] == [None, 2]
    assert list(problems) == [0]
    assert "not a JSON object" in problems[0]["*"]


@pytest.mark.parametrize("more", [b"", b', "active": "maybe"'])
def test_of_a_key_that_comes_twice_the_last_counts(more: bytes) -> None:
    raw = b'{"id": 1, "name": "first", "id": 2, "name": "last"' + more + b"}"
    found, _ = columns(raw)
    assert (found["id"], found["name"]) == ([2], ["last"])
