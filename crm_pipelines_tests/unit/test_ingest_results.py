"""What an ingest job's results say of the rows that were sent."""

from __future__ import annotations

import pyarrow as pa
import pytest

from crm_pipelines.connectors.salesforce.ingest_results import Results, settle
from crm_pipelines.model.errors import FatalError
from crm_pipelines.model.writing import Operation


def results(
    good: dict[str, str] | None = None,
    bad: dict[str, str] | None = None,
    left: tuple[str, ...] = (),
    error: str = "",
    *,
    again: bool = True,
) -> Results:
    """``good`` maps keys to ``sf__Created``, ``bad`` to ``sf__Error``."""
    good, bad = good or {}, bad or {}

    def texts(values: object) -> pa.Array:
        return pa.array(values, pa.string())

    return Results(
        pa.table(
            {
                "id": texts([f"003{key}" for key in good]),
                "created": texts(list(good.values())),
                "key": texts(list(good)),
            }
        ),
        pa.table({"error": texts(list(bad.values())), "key": texts(list(bad))}),
        texts(list(left)),
        error,
        again,
    )


def settled(
    keys: str, found: Results, operation: Operation = Operation.UPSERT
) -> tuple[dict[str, str], set[str]]:
    """Fates by key, and the keys worth sending again."""
    table, again = settle(pa.array(list(keys)), found, operation)
    fates = dict(zip(table["key"].to_pylist(), table["fate"].to_pylist(), strict=True))
    return fates, set(table["key"].filter(again).to_pylist())


def test_every_key_has_an_outcome() -> None:
    found = results(
        {"c": "true", "a": "false"}, {"b": "UNABLE_TO_LOCK_ROW:held: --", "e": "X_Y:no: --"}, ("d",)
    )
    fates, again = settled("abcde", found)
    assert fates == {
        "a": "updated",
        "b": "failed",
        "c": "created",
        "d": "unprocessed",
        "e": "failed",
    }
    assert again == {"b", "d"}


def test_what_another_job_could_not_do_better_is_not_sent_again() -> None:
    found = results(bad={"a": "UNABLE_TO_LOCK_ROW:held: --"}, error="aborted", again=False)
    assert settled("ab", found) == ({"a": "failed", "b": "unprocessed"}, {"a"})


@pytest.mark.parametrize(
    ("operation", "fate", "again"),
    [
        (Operation.INSERT, "unknown", set()),
        (Operation.UPSERT, "unprocessed", {"b"}),
        (Operation.UPDATE, "unprocessed", {"b"}),
        (Operation.DELETE, "unprocessed", {"b"}),
    ],
)
def test_a_row_that_no_result_names(operation: Operation, fate: str, again: set[str]) -> None:
    fates, repeated = settled("ab", results({"a": "true"}), operation)
    assert (fates["b"], repeated) == (fate, again)


def test_deleted_rows() -> None:
    assert settled("a", results({"a": "false"}), Operation.DELETE)[0] == {"a": "deleted"}


def test_results_of_other_rows() -> None:
    with pytest.raises(FatalError, match="'z', which was not sent"):
        settled("a", results({"z": "true"}))


@pytest.mark.parametrize(
    ("error", "code", "message", "fields"),
    [
        ("A_B:no name:LastName --", "A_B", "no name", ["LastName"]),
        (
            "A_B:no: names\nat all:LastName,FirstName --",
            "A_B",
            "no: names\nat all",
            ["LastName", "FirstName"],
        ),
        ("A_B:nothing:--", "A_B", "nothing", None),
        ("A_B::--", "A_B", "", None),
        ("something else", None, "something else", None),
        ("A_B:without an end", None, "A_B:without an end", None),
    ],
)
def test_errors(error: str, code: str | None, message: str, fields: list[str] | None) -> None:
    table, _ = settle(pa.array(["a"]), results(bad={"a": error}), Operation.UPSERT)
    [row] = table.to_pylist()
    assert (row["code"], row["message"], row["fields"]) == (code, message, fields)
