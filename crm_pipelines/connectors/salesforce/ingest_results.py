"""What an ingest job says of its rows, joined to the rows that were sent by their keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm_pipelines.model.errors import FatalError
from crm_pipelines.model.writing import OUTCOME_COLUMNS, Fate, Operation

if TYPE_CHECKING:
    import pyarrow as pa

PASSING = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "UNKNOWN_EXCEPTION",
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "API_TEMPORARILY_UNAVAILABLE",
    }
)
"""Codes of failed rows that may well be taken the next time."""

LASTING = (
    "ClientInputError",
    "FeatureNotEnabled",
    "InvalidBatch",
    "InvalidJob",
    "InvalidOperation",
    "InvalidUser",
)
"""How the messages of failed jobs begin that would fail again (Bulk API 2.0 guide: Errors)."""

_ERROR = r"(?s)^(?P<code>[A-Z0-9_]+):(?P<message>.*):(?P<fields>[^:]*?) ?--$"


@dataclass(frozen=True)
class Results:
    """One job's results: ``good`` has ``key``, ``id``, ``created``; ``bad`` ``key``, ``error``.

    ``left`` are the keys of rows that Salesforce says it did not look at. ``error`` is the job's
    own, empty where it ended well; ``again`` says whether another job could do better.
    """

    good: pa.Table
    bad: pa.Table
    left: pa.Array
    error: str = ""
    again: bool = True


def settle(sent: pa.Array, results: Results, operation: Operation) -> tuple[pa.Table, pa.Array]:
    """An outcome for every key that was sent, and which of them are worth sending again.

    Raises ``FatalError`` when results are about rows that were never sent.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    answered = pa.concat_arrays([_flat(results.good["key"]), _flat(results.bad["key"])])
    strangers = answered.filter(pc.invert(pc.is_in(answered, value_set=sent)))
    if len(strangers):
        raise FatalError(
            f"Salesforce's results name {strangers[0].as_py()!r}, which was not sent: they cannot "
            "be told apart by this column"
        )
    rest = sent.filter(pc.invert(pc.is_in(sent, value_set=answered)))
    done, failed = _done(results.good, operation), _failed(results.bad)
    table = pa.concat_tables([done, failed, *_rest(rest, results, operation)])
    passing = pc.is_in(table["code"], value_set=pa.array(PASSING))
    again = pc.and_(pc.equal(table["fate"], Fate.FAILED), passing)
    if results.again:
        again = pc.or_(again, pc.equal(table["fate"], Fate.UNPROCESSED))
    return table, again


def outcomes(keys: Any, fate: Any, **more: Any) -> pa.Table:
    """A table of outcomes; what is not given is null. ``fields`` are texts with commas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = len(keys)
    values = {"key": keys, "fate": fate, **more}
    columns = []
    for name in OUTCOME_COLUMNS:
        value = values.get(name)
        if value is None or isinstance(value, str):
            value = pa.repeat(pa.scalar(value, pa.string()), rows)
        if name == "fields":
            value = pc.split_pattern(pc.if_else(pc.equal(value, ""), None, value), ",")
        columns.append(value)
    return pa.table(columns, schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"fields": pa.list_(pa.string())}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in OUTCOME_COLUMNS])


def _done(good: pa.Table, operation: Operation) -> pa.Table:
    import pyarrow.compute as pc

    created = pc.fill_null(pc.equal(pc.utf8_lower(good["created"]), "true"), False)
    otherwise = Fate.DELETED if operation is Operation.DELETE else Fate.UPDATED
    fate = pc.if_else(created, str(Fate.CREATED), str(otherwise))
    return outcomes(good["key"], fate, id=good["id"])


def _failed(bad: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    parts = pc.extract_regex(bad["error"], _ERROR)
    known = pc.is_valid(parts)
    message = pc.if_else(known, pc.struct_field(parts, "message"), bad["error"])
    code, fields = (
        pc.if_else(known, pc.struct_field(parts, name), None) for name in ("code", "fields")
    )
    return outcomes(bad["key"], Fate.FAILED, code=code, message=message, fields=fields)


def _rest(rest: pa.Array, results: Results, operation: Operation) -> list[pa.Table]:
    """Rows without an answer. Only those that were surely left alone may be inserted again."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sure = pc.is_in(rest, value_set=results.left)
    if operation is not Operation.INSERT:
        sure = pa.repeat(pa.scalar(True), len(rest))  # doing it twice does no harm
    error = results.error or "Salesforce did not process the row"
    doubt = "Salesforce does not tell whether the row was inserted: look for it there"
    return [
        outcomes(rest.filter(sure), Fate.UNPROCESSED, message=error),
        outcomes(rest.filter(pc.invert(sure)), Fate.UNKNOWN, message=doubt),
    ]


def _flat(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    flat = column.combine_chunks()
    return pa.concat_arrays(flat.chunks) if isinstance(flat, pa.ChunkedArray) else flat
