"""Two records becoming one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from crm_pipelines.sandbox.pipedrive.records import Question, Records, decode
from crm_pipelines.sandbox.pipedrive.schema import Record

LINKS: dict[str, tuple[tuple[str, str], ...]] = {
    "persons": (("deals", "person_id"), ("activities", "person_id"), ("notes", "person_id")),
    "organizations": (
        ("persons", "org_id"),
        ("deals", "org_id"),
        ("activities", "org_id"),
        ("notes", "org_id"),
    ),
    "deals": (("activities", "deal_id"), ("notes", "deal_id")),
}
"""Which keys of which collections point at a record of each kind that can be merged."""


def combine(name: str, leaving: Record, staying: Record) -> Record:
    """The one that stays wins every conflict; what it lacks comes from the other."""
    if name not in LINKS:
        raise ValueError(f"{name} cannot be merged")
    made = copy.deepcopy(staying)
    for key, value in leaving.items():
        if key in ("emails", "phones"):
            held = {one["value"] for one in made[key]}
            extra = [one for one in value if one["value"] not in held]
            made[key] += [
                {**one, "primary": not made[key] and i == 0} for i, one in enumerate(extra)
            ]
        elif key == "label_ids":
            made[key] = sorted({*made[key], *value})
        elif key == "custom_fields":
            own = made[key]
            made[key] = {k: v if own.get(k) is None else own[k] for k, v in value.items()}
        elif made.get(key) is None:
            made[key] = value
    return made


def repointed(
    records: Records, name: str, identity: Any, into: Any
) -> Iterator[tuple[str, Record]]:
    """Records that pointed at the one that leaves, pointing at the other now."""
    for other, key in LINKS[name]:
        question = Question(other, limit=1_000_000)
        question.require(f"{key} = ?", identity)
        for row in records.select(question):
            record: Record = decode(row.body)
            record[key] = into
            for one in record.get("participants") or ():
                if name == "persons" and one["person_id"] == identity:
                    one["person_id"] = into
            yield other, record
