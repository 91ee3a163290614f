"""Lines of CSV: told apart, digested and named as a reader of CSV would, without reading them."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.csv_lines import LINE, names_of, to_lines, to_texts, values_of
from crm_pipelines.model.stream import Field, Type
from crm_pipelines.phases.failures import ROW, as_failures, as_raw
from crm_pipelines.phases.records import PROBLEMS
from crm_pipelines.phases.transform import keys_of, to_table
from crm_pipelines.store.digests import digest

NAMES = ["Id", "Name", "Note"]
FIELDS = (Field("id", Type.TEXT, "Id"), Field("name", Type.TEXT, "Name"))
marks = st.sampled_from(['"', '""', "\n", "\r\n", "\n\n", "\r", ",", '",', '"\n', "\0", "é", "a"])
cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.lists(
    marks, max_size=8
).map("".join)
rows = st.lists(st.tuples(st.text("ab1", min_size=1), cells, cells), max_size=8)
Rows = list[tuple[str, str, str]]
BROKEN = b'"1","a","x"\n"2","b"\n"3","c\nd","y"\n"4","e","f","g"\n"5","",""\n'


def spelled(table: Rows, ending: str = "\n", *, bare: bool = False) -> bytes:
    """``bare``: quoted only where a value needs it."""

    def cell(text: str) -> str:
        plain = bare and text and not re.search('[",\r\n]', text)
        return text if plain else '"' + text.replace('"', '""') + '"'

    return "".join(",".join(map(cell, row)) + ending for row in table).encode()


def as_rows(texts: pa.Table) -> list[tuple[str | None, ...]]:
    return [tuple(row.values()) for row in texts.to_pylist()]


@given(rows, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_record_is_one_line(table: Rows, ending: str, bare: bool) -> None:
    text = spelled(table, ending, bare=bare)
    lines = to_lines(text, NAMES)
    assert "".join(lines.column(LINE).to_pylist()).encode() == text
    texts, broken = to_texts(lines)
    assert (texts.column_names, broken) == (NAMES, {})
    assert as_rows(texts) == [tuple(cell or None for cell in row) for row in table]
    for name in NAMES:
        assert values_of(lines, name).to_pylist() == texts.column(name).to_pylist()


@given(rows, st.data())
def test_some_of_the_lines(table: Rows, data: st.DataObject) -> None:
    lines = to_lines(spelled(table), NAMES)
    some = data.draw(st.lists(st.integers(0, len(table) - 1), unique=True)) if table else []
    texts, _ = to_texts(lines.take(pa.array(some, pa.int64())))
    assert as_rows(texts) == [tuple(cell or None for cell in table[at]) for at in some]
    first, end = sorted((len(some), len(table) // 2))
    texts, _ = to_texts(lines.slice(first, end - first))
    assert as_rows(texts) == [tuple(cell or None for cell in row) for row in table[first:end]]


@given(rows, rows)
def test_equal_records_have_equal_digests(one: Rows, other: Rows) -> None:
    """Wherever they lie; others have others."""
    found = [
        digest(to_lines(spelled(table), NAMES), NAMES).to_pylist() for table in (one, one + other)
    ]
    assert found[1][: len(one)] == found[0]
    assert len(set(found[1])) == len({*one, *other})


def test_what_values_are_called_counts_for_the_digest() -> None:
    text = spelled([("1", "a", "b")])
    renamed = to_lines(text, ["Id", "Note", "Name"])
    assert digest(renamed, NAMES) != digest(to_lines(text, NAMES), NAMES)


def test_blank_lines_are_no_records() -> None:
    lines = to_lines(b'\n"1","a","b"\r\n\r\n\n"2","\n\n","c"\n\n', NAMES)
    assert as_rows(to_texts(lines)[0]) == [("1", "a", "b"), ("2", "\n\n", "c")]
    assert lines.num_rows == 2


def test_the_last_end_may_lack() -> None:
    assert to_lines(b'"1","a","b"', NAMES).column(LINE).to_pylist() == ['"1","a","b"\n']


def test_text_must_be_text() -> None:
    with pytest.raises(pa.ArrowInvalid):
        to_lines(b'"\xff\xfe","a","b"\n', NAMES)


def test_names_survive_the_way() -> None:
    names = ['a "b"', "é", "Account.Name"]
    lines = to_lines(b'"1","2","3"\n', names)
    assert names_of(lines) == names
    assert to_texts(pa.concat_tables([lines, lines]))[0].column_names == names


def test_a_line_of_another_length_keeps_its_place() -> None:
    texts, broken = to_texts(to_lines(BROKEN, NAMES))
    assert broken == {1: "2 values instead of 3", 3: "4 values instead of 3"}
    assert texts.column("Id").to_pylist() == ["1", None, "3", None, "5"]
    assert texts.column("Name").to_pylist() == ["a", None, "c\nd", None, None]


def test_a_line_of_another_length_is_told_as_a_whole() -> None:
    lines = to_lines(BROKEN, NAMES)
    typed, _ = to_table(lines, FIELDS)
    problems = [text and json.loads(text) for text in typed.column(PROBLEMS).to_pylist()]
    assert problems == [
        None,
        {"*": "2 values instead of 3"},
        None,
        {"*": "4 values instead of 3"},
        None,
    ]
    failed = typed.filter(pa.array([False, True, True, False, False]))
    failures = as_failures(failed.select(["id", ROW, PROBLEMS]), lines).to_pylist()
    assert [json.loads(one["raw"]) for one in failures] == [
        {"*": '"2","b"\n'},
        {"Id": "3", "Name": "c\nd", "Note": "y"},
    ]
    again = as_raw([one["raw"] for one in failures], as_json=False)
    assert to_table(again, FIELDS)[0].column("id").to_pylist() == [None, "3"]


@pytest.mark.parametrize(
    "text", ['"1","a",""\n', "1,a,\n", '"1",a,"b"\r\n', '1,"b\n","c"\n', '"1"\n']
)
def test_keys_are_found_however_values_are_quoted(text: str) -> None:
    assert keys_of(to_lines(text.encode(), NAMES), FIELDS).to_pylist() == ["1"]


@pytest.mark.parametrize("key", ['a""b', "a,b", "a\nb", ""])
def test_keys_with_awkward_characters(key: str) -> None:
    lines = to_lines(f'"{key}","a","b"\n'.encode(), NAMES)
    assert keys_of(lines, FIELDS).to_pylist() == [key.replace('""', '"') or None]


def test_a_key_that_is_not_the_first_value() -> None:
    lines = to_lines(b'"a","1","x"\n"b","2","y"\n', ["Name", "Id", "Note"])
    assert keys_of(lines, FIELDS).to_pylist() == ["1", "2"]


@pytest.mark.parametrize(
    ("block", "found"),
    [
        (b'a,b\rc,d,e\n"f","g","h"\n', [None, ["f", "g", "h"]]),
        (b'a,b,c\rd,e,f\n"f","g","h"\n', [None, ["f", "g", "h"]]),
        (b'"f","g","h"\na,b"b,c\nd,e"e,f\n', [["f", "g", "h"], None]),
        (b'"a","b","c"\r"d","e","f"\r', [None]),
        (b'"a","b","c"\r\r\n', [["a", "b", "c"]]),
    ],
)
def test_a_line_that_reads_as_several_is_broken(
    block: bytes, found: list[list[str] | None]
) -> None:
    texts, broken = to_texts(to_lines(block, NAMES))
    rows = [None if row in broken else list(r.values()) for row, r in enumerate(texts.to_pylist())]
    assert rows == found
