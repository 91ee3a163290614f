"""Casting whole columns: exact, and never a value lost without a word."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.stream import Field, Type
from crm_pipelines.phases.columns import cast, strip_nul
from crm_pipelines.phases.records import PROBLEMS
from crm_pipelines.phases.transform import to_table

LONG = "1234567890123456789012345678901234567890"


def typed(kind: Type, *values: str | None) -> tuple[list[Any], list[bool]]:
    column, bad = cast(pa.array(values, pa.string()), kind)
    assert bad is None or True in bad.to_pylist()
    return column.to_pylist(), [False] * len(values) if bad is None else bad.to_pylist()


@pytest.mark.parametrize("text", ["NA", "None", "null", "nan", "NaN", "N/A", "#N/A", "", " ", "-"])
def test_text_that_looks_like_nothing_stays_text(text: str) -> None:
    assert typed(Type.TEXT, text) == ([text], [False])


@given(st.lists(st.none() | st.text()))
def test_text_is_never_touched(texts: list[str | None]) -> None:
    assert typed(Type.TEXT, *texts) == (texts, [False] * len(texts))


def test_leading_zeros_and_long_numbers_stay_in_text() -> None:
    assert typed(Type.TEXT, "00123", LONG, "1e5")[0] == ["00123", LONG, "1e5"]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=20))
def test_decimals_keep_every_digit(number: Decimal) -> None:
    text = f"{number:f}"
    assert typed(Type.DECIMAL, text) == ([text], [False])


def test_forty_digits_are_exact() -> None:
    assert typed(Type.DECIMAL, LONG, f"0.{LONG}")[0] == [LONG, f"0.{LONG}"]


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1,5", "12 000", "0x10", "1e9999", "\u0661", "--1", "."]
)
def test_what_is_no_decimal_is_named(text: str) -> None:
    assert typed(Type.DECIMAL, text) == ([None], [True])


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_exact(number: int) -> None:
    assert typed(Type.INTEGER, str(number)) == ([number], [False])


@pytest.mark.parametrize(
    "text", ["0x10", "5.5", "1e3", str(2**63), str(-(2**63) - 1), "five", "+5"]
)
def test_what_is_no_integer_is_named(text: str) -> None:
    assert typed(Type.INTEGER, text) == ([None], [True])


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("0001-01-01", date(1, 1, 1)),
        ("1582-10-10", date(1582, 10, 10)),
        ("1899-12-31", date(1899, 12, 31)),
        ("2024-02-29", date(2024, 2, 29)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
)
def test_dates_of_any_century(text: str, day: date) -> None:
    assert typed(Type.DATE, text) == ([day], [False])


@pytest.mark.parametrize("text", ["2023-02-29", "0000-00-00", "31.12.2020", "2020-1-5", "today"])
def test_what_is_no_date_is_named(text: str) -> None:
    assert typed(Type.DATE, text) == ([None], [True])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.678Z", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)),
        ("2026-01-02T03:04:05.678+0000", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T05:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("1899-12-31T23:59:59.999Z", datetime(1899, 12, 31, 23, 59, 59, 999_000, UTC)),
    ],
)
def test_every_spelling_of_a_moment(text: str, moment: datetime) -> None:
    assert typed(Type.TIMESTAMP, text) == ([moment], [False])


def test_spellings_may_be_mixed_in_a_column() -> None:
    texts = ("2026-01-02T03:04:05Z", None, "2026-01-02 03:04:05", "2026-01-02T03:04:05.000+0000")
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert typed(Type.TIMESTAMP, *texts) == ([moment, None, moment, moment], [False] * 4)


@pytest.mark.parametrize("text", ["2026-01-02", "0000-00-00 00:00:00", "2026-02-30T00:00:00Z", "x"])
def test_what_is_no_moment_is_named(text: str) -> None:
    assert typed(Type.TIMESTAMP, text) == ([None], [True])


def test_booleans() -> None:
    assert typed(Type.BOOLEAN, "true", "false", None) == ([True, False, None], [False] * 3)
    assert typed(Type.BOOLEAN, "maybe", "true") == ([None, True], [True, False])


def test_times_of_day() -> None:
    sound = ("10:00:00.000Z", "23:59", "9:05:07")
    assert typed(Type.TIME, *sound) == (list(sound), [False] * 3)
    assert typed(Type.TIME, "24:00", "10:60", "noon") == ([None] * 3, [True] * 3)


@pytest.mark.parametrize("kind", [kind for kind in Type if kind not in (Type.TEXT, Type.JSON)])
def test_empty_and_missing_are_null_where_text_has_no_place(kind: Type) -> None:
    assert typed(kind, "", None) == ([None, None], [False, False])


@pytest.mark.parametrize("kind", [kind for kind in Type if kind not in (Type.TEXT, Type.JSON)])
def test_one_wrong_value_does_not_spoil_its_neighbours(kind: Type) -> None:
    sound = {
        Type.INTEGER: "5",
        Type.DECIMAL: "5.5",
        Type.BOOLEAN: "true",
        Type.DATE: "2026-01-02",
        Type.TIMESTAMP: "2026-01-02T03:04:05Z",
        Type.TIME: "10:00",
    }[kind]
    alone = typed(kind, sound)[0][0]
    assert typed(kind, sound, "garbage", sound) == ([alone, None, alone], [False, True, False])


@given(st.sampled_from(Type), st.lists(st.none() | st.text(max_size=20), max_size=8))
def test_whatever_is_lost_is_named(kind: Type, texts: list[str | None]) -> None:
    values, bad = typed(kind, *texts)
    for text, value, misfit in zip(texts, values, bad, strict=True):
        if value is None:
            assert misfit or text is None or text == ""
        else:
            assert not misfit


def test_nul_bytes_are_taken_out_and_counted() -> None:
    column, found = strip_nul(pa.array(["a\0b", "\0", "c", None]), Type.TEXT)
    assert (column.to_pylist(), found) == (["ab", "", "c", None], 2)


def test_escaped_nul_bytes_are_taken_out_of_json() -> None:
    texts = ['"a\\u0000b"', '"\\u0000\\u0000"', '"\\\\u0000"', '"\\\\\\u0000"', '{"a":1}', None]
    column, found = strip_nul(pa.array(texts), Type.JSON)
    assert column.to_pylist() == ['"ab"', '""', '"\\\\u0000"', '"\\\\"', '{"a":1}', None]
    assert found == 3


def test_reasons_name_field_and_value() -> None:
    fields = (Field("id"), Field("born", Type.DATE), Field("age", Type.INTEGER))
    records = pa.table({"id": ["1", "2"], "born": ["1999-01-01", "soon"], "age": ["old", "7"]})
    table, _ = to_table(records, fields)
    assert table.column("born").to_pylist() == [date(1999, 1, 1), None]
    assert table.column(PROBLEMS).to_pylist() == [
        """{"age":"not of type integer: 'old'"}""",
        """{"born":"not of type date: 'soon'"}""",
    ]


def test_a_column_that_a_page_lacks_is_null() -> None:
    table, _ = to_table(pa.table({"id": ["1"]}), (Field("id"), Field("extra", Type.DATE)))
    assert table.column("extra").to_pylist() == [None]
    assert PROBLEMS not in table.column_names
