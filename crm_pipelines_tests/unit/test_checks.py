"""Formats of values and rules between columns, whole columns at a time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.rules import CHECKS, AnyOf, NotBefore, Rule
from crm_pipelines.model.stream import Field, Stream, Type
from crm_pipelines.phases.checks.findings import find
from crm_pipelines.phases.checks.formats import COMMON, misfits
from crm_pipelines.phases.columns import ARROW

RIGHT: dict[str, tuple[str, ...]] = {
    "email": ("a@b.co", "A.B+c@EXAMPLE.COM", "ünï@exämple.com", "o'neil@x.org", "a@b-c.museum"),
    "phone": (
        *("(612) 555-0100", "+1-555-123-4567", "6125550102", "612.555.0103 x12", "0049 30 123456"),
        *("+372 5123456", "+49-30-123456 ext. 12", "+44 (0)20 7946 0958", "tel:+4930123456"),
        *("1-800-FLOWERS", "+1 (651) 555-0101", " 0401234567 ", "+39 06 1234567"),
    ),
    "url": (
        *("https://x.com", "x.com/a?b=c", "HTTP://EXAMPLE.ORG/care/1?a=1&b=%20", "www.müller.de"),
        *(
            "http://intranet/page",
            "http://[::1]:8080/",
            "ftp://files.example.org/x",
            "mailto:a@b.c",
        ),
    ),
    "date": ("2024-02-29", "1899-12-31", "1700-01-01", "0001-01-01", "9999-12-31"),
    "datetime": (
        *("2024-02-29T10:00:00Z", "2024-01-31 10:00:00", "2024-01-31T10:00:00.123+0000"),
        *("1899-12-31T23:59:59-05:00", "2024-01-31T10:00"),
    ),
    "decimal": ("1", "-0.01", ".5", "1e5", "1234567890123456789012345678901234567890", "+7."),
    "integer": ("0", "-12", "1234567890123456789012345678901234567890", "007"),
    "boolean": ("true", "FALSE", "Yes", "n", "0", "1", "off"),
    "zip_code": ("55401", "55102-1234", "551021234", "00501"),
    "state": ("MN", "mn", "Minnesota", "District of Columbia", "PR"),
    "object_id": (
        *("5", "9223372036854775807", "0031t00000ABCDE", "0031t00000ABCDEAA0"),
        "550e8400-e29b-41d4-a716-446655440000",
    ),
}
WRONG: dict[str, tuple[str, ...]] = {
    "email": ("x", "a@b", "a b@c.de", "a..b@x.com", "a@b.com; c@d.com", "@x.com", "a@", "NA"),
    "phone": ("n/a", "12", "call me", "+999 123456", "+1 651 555 01011", "+1234", "-", "+"),
    "url": ("not a url", "foo", "https://", "http://a b.com", "C:\\files", "http://[::1", "/x/y"),
    "date": ("2023-02-29", "31.01.2024", "20240131", "2024-1-1", "2024-W01-1", "0000-01-01"),
    "datetime": ("2023-02-29 10:00:00", "2024-01-31", "2024-01-31T25:00:00Z", "10:00", "now"),
    "decimal": ("1,5", "nan", "1 000", "0x10", "--1", "."),
    "integer": ("1.0", "1e5", "twelve", "+"),
    "boolean": ("maybe", "2", "wahr"),
    "zip_code": ("5540", "K1A 0B1", "ABCDE", "55102-12"),
    "state": ("Bavaria", "XX", "M", "Minn."),
    "object_id": ("0", "-1", "abc", "0031t00000ABCDE!", "0031t00000ABCDEaa0"[:17]),
}


def wrong(check: str, *values: str | None, country: tuple[str | None, ...] = ()) -> list[Any]:
    beside = pa.array(country, pa.string()) if country else None
    mask = misfits(pa.array(values, pa.string()), check, beside)
    if mask is None:
        return []
    assert mask.null_count == 0
    return [value for value, bad in zip(values, mask.to_pylist(), strict=True) if bad]


def test_there_are_eleven_kinds() -> None:
    assert set(CHECKS) == set(RIGHT) == set(WRONG)
    assert len(CHECKS) == 11


@pytest.mark.parametrize("check", RIGHT)
def test_what_is_right_passes(check: str) -> None:
    assert wrong(check, *RIGHT[check]) == []


@pytest.mark.parametrize("check", WRONG)
def test_what_is_wrong_is_found_among_what_is_right(check: str) -> None:
    mixed = (*RIGHT[check], *WRONG[check], *RIGHT[check])
    assert wrong(check, *mixed) == list(WRONG[check])


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_is_not_wrong(check: str) -> None:
    assert wrong(check, None, "", "  ") == []
    assert wrong(check, None, "", *WRONG[check]) == list(WRONG[check])
    assert wrong(check) == []


@pytest.mark.parametrize("check", CHECKS)
@given(texts=st.lists(st.none() | st.text()))
def test_any_text_has_a_verdict(check: str, texts: list[str | None]) -> None:
    assert set(wrong(check, *texts)) <= set(texts)


@pytest.mark.parametrize("check", COMMON)
@given(data=st.data())
def test_the_short_pattern_says_nothing_that_the_long_one_does_not(
    check: str, data: st.DataObject
) -> None:
    texts = pa.array([data.draw(st.from_regex(re.compile(COMMON[check], re.ASCII)))], pa.string())
    if pa.compute.match_substring_regex(texts, COMMON[check])[0].as_py():
        assert pa.compute.match_substring_regex(texts, CHECKS[check].right)[0].as_py()


def test_web_addresses_of_many_scripts_stay_right() -> None:
    assert wrong("url", "https://müller.de/ä", "例え.テスト", "a.b", "x_y.example.org:80/") == [
        "a.b"
    ]


def test_places_are_judged_by_country() -> None:
    places = ("K1A 0B1", "K1A 0B1", "5540", "SW1A 1AA", "55401", "!")
    countries = ("Canada", "USA", "CH", "United Kingdom", None, "DE")
    assert wrong("zip_code", *places, country=countries) == ["K1A 0B1", "!"]
    states = ("Ontario", "Ontario", "Bavaria", "Bavaria", "MN")
    assert wrong("state", *states, country=("CA", "us", "Germany", "", "U.S.A.")) == [
        "Ontario",
        "Bavaria",
    ]


def test_phones_of_many_shapes_are_judged_by_a_few() -> None:
    """The verdict on one number of a country and length is the verdict on all of them."""
    good = [f"+372 5{number:06d}" for number in range(2_000)]
    short = [f"+372 {number:02d}" for number in range(20)]
    assert wrong("phone", *good, *short) == short


def test_an_id_that_is_a_number_is_positive() -> None:
    mask = misfits(pa.array([1, None, 0, -5, 2**63 - 1]), "object_id")
    assert mask is not None
    assert mask.to_pylist() == [False, False, True, True, False]
    assert misfits(pa.array([True, False]), "boolean") is None


NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
KINDS = {"day": Type.DATE, "moment": Type.TIMESTAMP, "made": Type.TIMESTAMP, "gone": Type.BOOLEAN}


def found(rule: Rule | None, required: tuple[str, ...] = (), **columns: list[Any]) -> Any:
    """Reasons by name, with the rows they are about."""
    fields = tuple(Field(name, KINDS.get(name, Type.TEXT)) for name in columns if name != "id")
    checked = tuple(
        Field("email", check="email", length=12) if field.name == "email" else field
        for field in fields
    )
    stream = Stream(
        name="things",
        title="Things",
        description="",
        fields=checked,
        required=required,
        rules=(rule,) if rule else (),
        deleted_field="gone",
    )
    typed = {
        field.name: pa.array(columns[field.name], ARROW.get(field.type, pa.string()))
        for field in checked
    }
    return {
        f.label: pa.compute.indices_nonzero(f.rows).to_pylist()
        for f in find(pa.table(typed), stream, checked)
    }


REACHABLE = AnyOf("completeness", ("email", "phone", "fax"), "neither e-mail nor phone")


def test_one_of_several_columns_must_say_something() -> None:
    told = found(REACHABLE, email=["a@b.co", None, "", None], phone=[None, "1", " ", None])
    assert told == {"completeness: neither e-mail nor phone": [2, 3]}


def test_a_value_of_the_wrong_kind_says_nothing() -> None:
    told = found(REACHABLE, email=["n/a", "a@b.co"], phone=[None, None])
    assert told["completeness: neither e-mail nor phone"] == [0]


def test_a_rule_about_columns_that_are_not_there_asks_nothing() -> None:
    assert found(REACHABLE, name=[None]) == {}
    assert found(NotBefore("c", "closed", "made", "r"), made=[NOW]) == {}


def test_later_must_not_lie_before_earlier() -> None:
    rule = NotBefore("consistency", "moment", "made", "closed before it was made")
    moments = [NOW, NOW - timedelta(microseconds=1), None, NOW + timedelta(days=1)]
    told = found(rule, moment=moments, made=[NOW] * 4)
    assert told == {"consistency: closed before it was made": [1]}


def test_a_day_is_over_when_it_is_over_everywhere() -> None:
    rule = NotBefore("consistency", "day", "made", "closed before it was made")
    days = [date(2026, 1, 10), date(2026, 1, 9), date(2026, 1, 8), None]
    told = found(rule, day=days, made=[NOW + timedelta(seconds=1)] * 4)
    assert told == {"consistency: closed before it was made": [1, 2]}
    told = found(rule, day=days, made=[NOW] * 4)
    assert told == {"consistency: closed before it was made": [2]}


def test_required_and_length() -> None:
    told = found(
        None,
        ("name", "email"),
        name=[None, "", " ", "x"],
        email=["long@example.org", "a@b.co", None, "é@b.co"],
    )
    assert told == {
        "name: missing": [0, 1, 2],
        "email: missing": [2],
        "email: longer than 12": [0],
    }


def test_deleted_records_are_not_judged() -> None:
    told = found(None, ("name",), name=[None, None], gone=[True, None])
    assert told == {"name: missing": [1]}
