"""How a record looks among search results: a summary, not the record itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crm_pipelines.sandbox.pipedrive.operation import Call
from crm_pipelines.sandbox.pipedrive.records import Question, decode
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record
from crm_pipelines.sandbox.pipedrive.search_index import SEARCHABLE_TYPES

NAMES = {collection.entity: collection.name for collection in COLLECTIONS.values()}


def item(call: Call, entity: str, identity: Any) -> Record:
    """One result with its score."""
    record = call.company.records.get(NAMES[entity], identity) or {"id": identity}
    wanted = call.query.get("include_fields") or ()
    made = {"id": record["id"], "type": entity, **_SUMMARIES[entity](call, record)}
    if "custom_fields" in record:
        made["custom_fields"] = _custom(call, NAMES[entity], record)
        made["notes"] = _notes(call, entity, record["id"])
    if "person.picture" in wanted and entity == "person":
        made["picture"] = record.get("picture_id")
    if "product.price" in wanted and entity == "product":
        made["prices"] = record.get("prices")
    if "lead.was_seen" in wanted and entity == "lead":
        made["was_seen"] = record.get("was_seen")
    if "deal.cc_email" in wanted and entity == "deal":
        made["cc_email"] = f"sandbox+deal{record['id']}@pipedrivemail.example.com"
    return {"result_score": _score(call, record), "item": made}


def related(call: Call, hits: Sequence[tuple[str, Any]]) -> list[Record]:
    """Up to 100 deals of the persons and organizations that were found."""
    made: list[Record] = []
    for entity, identity in hits:
        key = {"person": "person_id", "organization": "org_id"}.get(entity)
        if key is None or len(made) >= 100:
            continue
        question = Question("deals", limit=100 - len(made))
        question.require(f"gone = 0 AND {key} = ?", identity)
        rows = call.company.records.select(question)
        made.extend(item(call, "deal", row.identity) for row in rows)
    return made


def _score(call: Call, record: Record) -> float:
    """Full for a name that is the term, less for anything else."""
    name = str(record.get("name") or record.get("title") or "")
    return 1.0 if name.casefold() == str(call.query["term"]).casefold() else 0.5


def _custom(call: Call, name: str, record: Record) -> list[str]:
    types = {field["field_code"]: field["field_type"] for field in call.company.fields.custom(name)}
    values = (
        value.get("value") if isinstance(value, dict) else value
        for code, value in record["custom_fields"].items()
        if types.get(code) in SEARCHABLE_TYPES
    )
    return [str(value) for value in values if value not in (None, "")]


def _notes(call: Call, entity: str, identity: Any) -> list[str]:
    key = "org_id" if entity == "organization" else f"{entity}_id"
    if key not in COLLECTIONS["notes"].columns:
        return []
    question = Question("notes", limit=100)
    question.require(f"gone = 0 AND {key} = ?", identity)
    return [decode(row.body)["content"] for row in call.company.records.select(question)]


def _link(call: Call, collection: str, identity: Any) -> Record | None:
    record = call.company.records.get(collection, identity) if identity is not None else None
    return None if record is None else {"id": record["id"], "name": record["name"]}


def _person(call: Call, record: Record) -> Record:
    return {
        "name": record.get("name"),
        "phones": [phone["value"] for phone in record.get("phones") or ()],
        "emails": [email["value"] for email in record.get("emails") or ()],
        "primary_email": next(
            (e["value"] for e in record.get("emails") or () if e["primary"]), None
        ),
        "visible_to": record.get("visible_to"),
        "owner": {"id": record.get("owner_id")},
        "organization": _link(call, "organizations", record.get("org_id")),
    }


def _organization(_: Call, record: Record) -> Record:
    return {
        "name": record.get("name"),
        "address": (record.get("address") or {}).get("value"),
        "visible_to": record.get("visible_to"),
        "owner": {"id": record.get("owner_id")},
    }


def _deal(call: Call, record: Record) -> Record:
    return {
        "title": record.get("title"),
        "value": record.get("value"),
        "currency": record.get("currency"),
        "status": record.get("status"),
        "visible_to": record.get("visible_to"),
        "owner": {"id": record.get("owner_id")},
        "stage": _link(call, "stages", record.get("stage_id")),
        "person": _link(call, "persons", record.get("person_id")),
        "organization": _link(call, "organizations", record.get("org_id")),
        "is_archived": record.get("is_archived"),
    }


def _product(_: Call, record: Record) -> Record:
    return {
        "name": record.get("name"),
        "code": record.get("code"),
        "visible_to": record.get("visible_to"),
        "owner": {"id": record.get("owner_id")},
    }


def _lead(call: Call, record: Record) -> Record:
    value = record.get("value") or {}
    return {
        "title": record.get("title"),
        "owner": {"id": record.get("owner_id")},
        "person": _link(call, "persons", record.get("person_id")),
        "organization": _link(call, "organizations", record.get("organization_id")),
        "phones": [],
        "emails": [],
        "custom_fields": [],
        "notes": [],
        "value": value.get("amount"),
        "currency": value.get("currency"),
        "visible_to": int(record.get("visible_to") or 3),
        "is_archived": record.get("is_archived"),
    }


def _file(_: Call, record: Record) -> Record:
    return {"name": record.get("name"), "url": f"/files/{record['id']}/download"}


_SUMMARIES = {
    "person": _person,
    "organization": _organization,
    "deal": _deal,
    "product": _product,
    "lead": _lead,
    "file": _file,
}
