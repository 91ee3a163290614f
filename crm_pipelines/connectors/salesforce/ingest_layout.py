"""Columns of a writing against the fields the org has, so that no file is sent in vain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crm_pipelines.connectors.salesforce.ingest_spelling import MOST_FIELDS
from crm_pipelines.model.errors import FatalError
from crm_pipelines.model.writing import Operation, Writing

Described = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """How the files of one writing look.

    ``bytes`` is how large a file may become; ``folded`` says that keys know no case.
    """

    columns: tuple[str, ...]
    key: str
    parents: tuple[str, ...]
    bytes: int
    folded: bool

    @property
    def header(self) -> str:
        """The first line."""
        return ",".join(self.columns) + "\n"


def lay_out(
    writing: Writing, columns: Sequence[str], described: Iterable[Described], most_bytes: int
) -> Layout:
    """How the files look. Raises ``FatalError`` for what Salesforce would refuse as a whole."""
    fields = {str(field["name"]).lower(): field for field in described}
    names = [writing.key] if writing.operation is Operation.DELETE else list(columns)
    _check_columns(writing, columns, fields)
    _check_key(writing, fields[writing.key.lower()])
    parents = [name for name in writing.parents or _parents(names, fields) if name in names]
    folded = not fields[writing.key.lower()].get("caseSensitive")
    return Layout(tuple(names), writing.key, tuple(parents), most_bytes, folded)


def _check_columns(writing: Writing, names: Sequence[str], fields: dict[str, Described]) -> None:
    if writing.key not in names:
        raise FatalError(f"the rows have no column {writing.key}, which tells them apart")
    if len(names) > MOST_FIELDS:
        raise FatalError(
            f"Salesforce takes {MOST_FIELDS} fields at most, the rows have {len(names)}"
        )
    if len({name.lower() for name in names}) < len(names):
        raise FatalError("two columns have the same name: Salesforce does not look at their case")
    ways = {str(field.get("relationshipName") or "").lower() for field in fields.values()}
    unknown = [n for n in names if n.lower() not in fields and n.split(".")[0].lower() not in ways]
    unknown += [n for n in names if "." in n and n.split(".")[0].lower() not in ways]
    if unknown:
        raise FatalError(
            f"{writing.target} has no field {', '.join(dict.fromkeys(unknown))}, or the user may "
            "not see it: name columns by the fields' API names, parents as Account.External_Id__c"
        )


def _check_key(writing: Writing, field: Described) -> None:
    by_id = field["type"] == "id"
    if writing.operation in (Operation.UPDATE, Operation.DELETE) and not by_id:
        raise FatalError(
            f"Salesforce can {writing.operation} by Id only, not by {writing.key}: upsert by it"
        )
    if writing.operation is Operation.UPSERT and not (
        by_id or field.get("externalId") or field.get("idLookup")
    ):
        raise FatalError(
            f"{writing.key} is no external id of {writing.target}: make it one in its field's "
            "settings in Salesforce"
        )


def _parents(names: Sequence[str], fields: dict[str, Described]) -> Iterable[str]:
    """Columns that name parents; users are no parents, nobody locks them."""
    by_way = {str(field.get("relationshipName")).lower(): field for field in fields.values()}
    for name in names:
        way, dot, _ = name.lower().partition(".")
        field = by_way.get(way) if dot else fields[way]
        targets = (field or {}).get("referenceTo") or ()
        if targets and "User" not in targets:
            yield name
