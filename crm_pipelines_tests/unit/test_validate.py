"""Splitting records: none is lost, and none is changed."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.figures import figures
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.rules import AnyOf
from crm_pipelines.model.source import RAW
from crm_pipelines.model.stream import KEY, Field, Stream, Type
from crm_pipelines.model.window import Options, Slice
from crm_pipelines.phases.checks.remarks import SHOWN, Remarks
from crm_pipelines.phases.failures import ROW, as_failures, as_raw
from crm_pipelines.phases.records import PROBLEMS
from crm_pipelines.phases.transform import to_table, transform
from crm_pipelines.phases.validate import split, validate
from crm_pipelines.store.staging import Staging

STREAM = Stream(
    name="people",
    title="People",
    description="",
    fields=(
        Field("name", length=20),
        Field("email", check="email"),
        Field("phone", check="phone"),
        Field("age", Type.INTEGER),
        Field("born", Type.DATE),
    ),
    required=("name",),
    rules=(AnyOf("completeness", ("email", "phone"), "neither e-mail nor phone"),),
)
FIELDS = (STREAM.key, *STREAM.fields)

MEMBERS: dict[str, Any] = {
    "id": st.none() | st.integers(-5, 2**64) | st.text(max_size=3),
    "name": st.none() | st.text(max_size=30) | st.integers(),
    "email": st.none() | st.sampled_from(["a@b.co", "n/a", ""]) | st.text(max_size=8),
    "phone": st.none() | st.sampled_from(["+1 612 555 0100", "n/a"]) | st.text(max_size=8),
    "age": st.none() | st.integers() | st.text(max_size=3) | st.booleans(),
    "born": st.none() | st.dates().map(str) | st.text(max_size=10),
}
RECORDS = st.lists(st.fixed_dictionaries({}, optional=MEMBERS), max_size=20)


def raw_of(records: list[Any]) -> pa.Table:
    return pa.table({RAW: pa.array([json.dumps(r).encode() for r in records], pa.binary())})


@given(records=RECORDS, strict=st.booleans())
def test_every_record_is_either_valid_or_rejected(records: list[Any], strict: bool) -> None:
    typed, _ = to_table(raw_of(records), FIELDS)
    passed, failed, _ = split(typed, STREAM, FIELDS, strict=strict)
    rows = passed.column(ROW).to_pylist() + failed.column(ROW).to_pylist()
    assert sorted(rows) == list(range(len(records)))
    assert None not in passed.column(KEY).to_pylist()
    failures = as_failures(failed, raw_of(records))
    for row, kept in zip(failed.column(ROW).to_pylist(), failures.to_pylist(), strict=True):
        assert json.loads(kept["raw"]) == records[row]
        assert json.loads(kept["reasons"])


@given(records=RECORDS)
def test_lenient_changes_no_value_and_rejects_only_what_cannot_be_stored(
    records: list[Any],
) -> None:
    typed, _ = to_table(raw_of(records), FIELDS)
    passed, failed, _ = split(typed, STREAM, FIELDS, strict=False)
    sound = [row for row in typed.to_pylist() if row.get(PROBLEMS) is None and row[KEY] is not None]
    names = [field.name for field in FIELDS]
    assert passed.select(names).to_pylist() == [{n: row[n] for n in names} for row in sound]
    assert failed.num_rows == len(records) - len(sound)


@given(records=RECORDS)
def test_strict_keeps_exactly_what_lenient_says_nothing_about(records: list[Any]) -> None:
    typed, _ = to_table(raw_of(records), FIELDS)
    lenient, _, found = split(typed, STREAM, FIELDS, strict=False)
    strict, _, _ = split(typed, STREAM, FIELDS, strict=True)
    told = {row for one in found for row, bad in enumerate(one.rows.to_pylist()) if bad}
    kept = [row for row in lenient.column(ROW).to_pylist() if row not in told]
    assert strict.column(ROW).to_pylist() == kept


def test_strict_gives_every_reason_by_field() -> None:
    records = [{"id": 1, "name": "x" * 21, "email": "no", "phone": "n/a"}, {"name": "no id"}]
    typed, _ = to_table(raw_of(records), FIELDS)
    _, failed, _ = split(typed, STREAM, FIELDS, strict=True)
    assert [json.loads(text) for text in failed.column(PROBLEMS).to_pylist()] == [
        {
            "name": "longer than 20",
            "email": "not an e-mail address",
            "phone": "not a phone number",
            "completeness": "neither e-mail nor phone",
        },
        {"id": "missing"},
    ]


def test_a_chunk_that_is_all_valid_is_handed_on_as_it_is(tmp_path: Path) -> None:
    staging = Staging(f"file://{tmp_path}")
    pages: list[list[Any]] = [
        [{"id": 1}, {"id": 2}],
        [{"name": "no id"}, {"id": 4, "age": "old"}, {"id": 5}],
    ]
    raw = tuple(staging.write("run", "fetch", n, raw_of(page)) for n, page in enumerate(pages))
    manifest = Manifest(
        *("run", "w", "crm", "people", Options(), Slice(), datetime.now(UTC), FIELDS, raw, raw)
    )
    typed = transform(manifest, staging)
    done = validate(typed, STREAM, staging, strict=False, log=logging.getLogger("test"))
    assert done.chunks[0] == typed.chunks[0]
    assert [chunk.rows for chunk in done.chunks] == [2, 1]
    assert [staging.read(chunk).column(ROW).to_pylist() for chunk in done.chunks] == [[0, 1], [2]]
    assert all(PROBLEMS not in staging.read(chunk).column_names for chunk in done.chunks)
    failures = staging.read(done.rejected[0]).to_pylist()
    assert [json.loads(failure["raw"]) for failure in failures] == pages[1][:2]


def test_raw_records_come_back_as_they_were_kept() -> None:
    csv = pa.table({"Id": ["1", "2"], "Name": ["NA", None], "Note": ['say "x",\n', "0012"]})
    failed = pa.table({KEY: ["2", "1"], ROW: pa.array([1, 0], pa.int32()), PROBLEMS: ["{}"] * 2})
    kept = as_failures(failed, csv)
    assert kept.column("json").to_pylist() == [False, False]
    again = as_raw(kept.column("raw").to_pylist(), as_json=False)
    assert again.to_pylist() == [csv.to_pylist()[1], csv.to_pylist()[0]]
    text = '{"id": 1, "value": 0.1000000000000000055511151231257827}'
    assert as_raw([text], as_json=True).column(RAW).to_pylist() == [text.encode()]


def lines(
    caplog: pytest.LogCaptureFixture, records: list[Any], *, strict: bool
) -> list[tuple[str, str]]:
    typed, _ = to_table(raw_of(records), FIELDS)
    _, failed, found = split(typed, STREAM, FIELDS, strict=strict)
    remarks = Remarks(logging.getLogger("crm_pipelines.test"), "acme", "people")
    with caplog.at_level("INFO", "crm_pipelines.test"):
        remarks.tell_findings(typed, found, strict=strict)
        remarks.tell_unreadable(as_failures(failed, raw_of(records)), FIELDS)
        remarks.close()
    return [(record.levelname, record.getMessage()) for record in caplog.records]


ODD = {"id": 7, "name": "Ann", "email": "nowhere"}


def test_lenient_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(
        caplog, [ODD, {"id": 8, "name": "B", "email": "a@b.co", "age": "old"}], strict=False
    ) == [
        (
            "WARNING",
            "Validation warning for field 'email' with value 'nowhere' (Record: id=7): "
            "not an e-mail address",
        ),
        ("WARNING", "Warnings processing acme people 7: neither e-mail nor phone"),
        ("WARNING", "Failed to parse integer value: 'old' in field 'age' for acme 8"),
    ]


def test_strict_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, [ODD, {"name": "no id"}], strict=True) == [
        (
            "ERROR",
            "Strict validation failed for field 'email' with value 'nowhere' (Record: id=7): "
            "not an e-mail address",
        ),
        ("ERROR", "Errors processing acme people 7: neither e-mail nor phone"),
        ("ERROR", "Errors processing acme people None: no id"),
    ]


def test_a_few_lines_of_each_kind_then_how_many_more(caplog: pytest.LogCaptureFixture) -> None:
    many = [{"id": n, "name": "x", "email": "no", "phone": "6125550100"} for n in range(1_000)]
    told = lines(caplog, many, strict=False)
    assert len(told) == SHOWN + 1
    assert told[-1][1] == "acme people: 995 more like this: email: not an e-mail address"


def test_figures_of_a_run() -> None:
    outcome = Outcome(fetched=200, created=150, unchanged=40, rejected=10, api_calls=4)
    assert figures(outcome, 0.5) == {
        "seconds": 0.5,
        "records_per_second": 400.0,
        "error_rate": 0.05,
        "success_rate": 0.95,
        "records_per_api_call": 50.0,
    }
    assert figures(outcome, 0.5, stored=False)["success_rate"] == 0.0
    assert figures(Outcome(), 0.0) == {"seconds": 0.0}
