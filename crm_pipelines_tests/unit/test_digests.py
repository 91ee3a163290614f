"""Digests that tell any two records apart, and salts that tell what is made of them."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.source import RAW
from crm_pipelines.store.digests import digest, salt_of, salted

Values = list[str | None]
_TEXT = st.none() | st.text(st.sampled_from('ab,"\t\n\x00\x1d\x1e\x1f123\\é'), max_size=4)
WIDE = 40
NAMES = [f"c{n}" for n in range(WIDE)]


def table(*rows: Values) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        {name: pa.array(each, pa.string()) for name, each in zip(NAMES, columns, strict=False)}
    )


def digests(*rows: Values) -> list[int]:
    found: list[int] = digest(table(*rows), NAMES[: len(rows[0])]).to_pylist()
    return found


@given(st.lists(_TEXT, min_size=1, max_size=5), st.lists(_TEXT, min_size=1, max_size=5))
def test_records_are_equal_if_and_only_if_their_digests_are(one: Values, other: Values) -> None:
    width = max(len(one), len(other))
    rows = [[*each, *[None] * (width - len(each))] for each in (one, other)]
    first, second = digests(*rows)
    assert (first == second) == (rows[0] == rows[1])


@given(st.integers(0, WIDE - 1), _TEXT)
def test_any_value_of_a_wide_record_counts(place: int, value: str | None) -> None:
    before: Values = [f"v{n}" if n % 3 else None for n in range(WIDE)]
    after = [value if n == place else was for n, was in enumerate(before)]
    first, second = digests(before, after)
    assert (first == second) == (before == after)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", None], [None, "a"]),
        (["", None], [None, ""]),
        (["a\x1fb", "c"], ["a", "b\x1fc"]),
        (["\x1e", "x"], [None, "x"]),
        (["\x1d", "2b"], ["\x1d2", "b"]),
        (["\x1d1", ""], ["\x1d", "1"]),
        (["1", "12"], ["11", "2"]),
    ],
)
def test_awkward_neighbours(one: Values, other: Values) -> None:
    first, second, third = digests(one, other, one)
    assert first == third != second


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=5))
def test_json_records_count_byte_by_byte(records: list[bytes]) -> None:
    found = digest(pa.table({RAW: pa.array(records, pa.binary())}), ["id"]).to_pylist()
    assert len(set(found)) == len(set(records))


def test_a_slice_has_the_digests_it_would_have_alone() -> None:
    rows: list[Values] = [[f"{n}\n", None] for n in range(7)]
    assert digest(table(*rows).slice(3, 2), NAMES[:2]).to_pylist() == digests(*rows[3:5])
    raw = pa.table({RAW: pa.array([b"a", b"b", b"c"], pa.binary())})
    assert digest(raw.slice(1, 1), []).to_pylist() == digest(raw, []).to_pylist()[1:2]
    assert digest(table(["a"]).slice(0, 0), NAMES[:1]).to_pylist() == []


def test_a_column_that_a_page_lacks_is_one_of_nulls() -> None:
    assert digest(table(["a"]), ["c0", "c1"]).to_pylist() == digests(["a", None])


def test_other_salts_make_other_digests_and_say_so_in_the_first_byte() -> None:
    plain = digest(table(["a", "b"]), NAMES[:2])
    one, other = salt_of(("id", "bigint"), ("c0", "text")), salt_of(("id", "bigint"))
    first, second, third = (salted(plain, salt)[0].as_py() for salt in (one, other, one))
    assert first == third != second
    assert first >> 56 == one >> 56
