"""What a mirror table must hold, worked out from the simulated CRM by other means than ours.

A connector without an entry in ``TRUTHS`` fails the contract suite: add how its sandbox is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from crm_pipelines.model.stream import KEY, Field, Stream, Type
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client

Record = dict[str, Any]
Row = dict[str, Any]


def _pipedrive(sandbox: Sandbox, stream: Any) -> list[Record]:
    if stream.name.endswith("_fields"):
        return _field_list(sandbox, stream.path)
    records = sandbox.truth("pipedrive", stream.path.split("/")[3])
    if stream.table_name in ("deals", "leads"):
        archived = stream.name.startswith("archived_")
        records = [record for record in records if record["is_archived"] is archived]
    return [_with_custom_fields(r) for r in records] if stream.table_name == "leads" else records


def _with_custom_fields(lead: Record) -> Record:
    """Leads show those of deals by their codes, in v1's way: parts of a value have suffixes."""
    codes = [key for key in lead if re.match("[0-9a-f]{40}", key)]
    return {**lead, "custom_fields": {code: lead[code] for code in codes}}


def _field_list(sandbox: Sandbox, path: str) -> list[Record]:
    found: list[Record] = []
    params = {"limit": "500"}
    with plain_client(headers={"x-api-token": TOKEN}) as client:
        while True:
            answer = client.get(sandbox.url + path, params=params).json()
            found += answer["data"]
            following = answer["additional_data"].get("next_cursor")
            if not following:
                assert not answer["additional_data"].get("more_items_in_collection")
                return found
            params["cursor"] = following


def _salesforce(sandbox: Sandbox, stream: Any) -> list[Record]:
    return sandbox.truth("salesforce", stream.sobject)


TRUTHS: dict[str, Callable[[Sandbox, Stream], list[Record]]] = {
    "pipedrive": _pipedrive,
    "salesforce": _salesforce,
}

_DEALS = {"creator_user_id", "local_won_date", "local_lost_date", "local_close_date"}
OPTIONAL: dict[str, set[str]] = {
    "pipedrive.persons": {"job_title", "notes", "birthday", "im", "postal_address"},
    "pipedrive.deals": _DEALS,
    "pipedrive.archived_deals": _DEALS,
}
"""Fields a company may not have, by stream; elsewhere a declared field that never comes is wrong.

Those of persons come with contact sync only.
"""


def truth(sandbox: Sandbox, stream: Stream, crm: str, fields: tuple[Field, ...]) -> dict[Any, Row]:
    """What the rows of a stream must be, by id."""
    key = next(field for field in fields if field.name == KEY)
    return {
        record[key.source]: {field.name: expected(field, record) for field in fields}
        for record in TRUTHS[crm](sandbox, stream)
    }


def differences(sandbox: Sandbox, mirror: Mirroring, name: str) -> dict[Any, Any]:
    """What a mirror has wrong, by id: nothing, if all is well."""
    flow = mirror.flow(name)
    manifest = mirror.manifests[name]
    wanted = truth(sandbox, flow.stream, flow.account.crm, manifest.fields)
    rows = mirror.rows(f"{flow.account.crm}.{flow.stream.table_name}", where=flow.stream.scope)
    found: dict[Any, Any] = {}
    for identity in set(wanted) | set(rows):
        if identity not in rows:
            found[identity] = "missing"
        elif identity not in wanted:
            found[identity] = "ghost"
        else:
            row, values = rows[identity], wanted[identity]
            wrong = {n: (row[n], value) for n, value in values.items() if row[n] != value}
            found.update({identity: wrong} if wrong else {})
    return found


def expected(field: Field, record: Record) -> Any:
    """The value of a column for a record as the CRM shows it."""
    return _cast(field.type, _find(field.source, record))


def _find(path: str, record: Record) -> Any:
    if "[primary]." not in path:
        return record.get(path)
    name, member = path.split("[primary].")
    items = record.get(name) or []
    chosen = [item for item in items if item.get("primary")] + items
    return chosen[0].get(member) if chosen else None


def _cast(kind: Type, value: Any) -> Any:
    if value is None:
        return None
    if kind is Type.JSON:
        return _without_nul(value)
    if kind is Type.INTEGER:
        return int(value)
    if kind is Type.DECIMAL:
        return Decimal(str(value))
    if kind is Type.DATE:
        return date.fromisoformat(value)
    if kind is Type.TIME:
        return time.fromisoformat(value.removesuffix("Z"))
    if kind is Type.TIMESTAMP:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if kind is Type.TEXT:
        return _without_nul(value) if isinstance(value, str) else json.dumps(value)
    return value


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_nul(one) for name, one in value.items()}
    return value
