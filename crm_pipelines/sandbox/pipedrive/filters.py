"""Saved filters, turned into conditions on stored records."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from crm_pipelines.sandbox.pipedrive.fields import Fields
from crm_pipelines.sandbox.pipedrive.records import Records
from crm_pipelines.sandbox.pipedrive.refusals import bad_request, not_found
from crm_pipelines.sandbox.pipedrive.schema import Record

TYPES = {
    "persons": "people",
    "organizations": "org",
    "deals": "deals",
    "activities": "activity",
    "products": "products",
    "leads": "leads",
}
"""The word filters use for each collection."""

OPERATORS = {
    "=": "{0} = ?",
    "!=": "{0} IS NOT ?",
    ">": "{0} > ?",
    "<": "{0} < ?",
    ">=": "{0} >= ?",
    "<=": "{0} <= ?",
    "LIKE '%$%'": "instr(lower({0}), lower(?)) > 0",
    "NOT LIKE '%$%'": "coalesce(instr(lower({0}), lower(?)), 0) = 0",
    "LIKE '$%'": "instr(lower({0}), lower(?)) = 1",
    "IS NULL": "{0} IS NULL",
    "IS NOT NULL": "{0} IS NOT NULL",
}
"""What a condition's operator means on a value."""


@dataclass(frozen=True)
class Condition:
    """A piece of SQL with its values."""

    sql: str
    values: tuple[Any, ...]


class Filters:
    """The company's saved filters."""

    def __init__(self, records: Records, fields: Fields) -> None:
        self._records, self._fields = records, fields

    def condition(self, number: int, collection: str) -> Condition:
        """What a filter asks of a collection. Raises a ``Refusal`` for an unknown or wrong one."""
        found = self._records.get("filters", number)
        if found is None or not found["active_flag"]:
            raise not_found("Filter")
        if found["type"] != TYPES.get(collection):
            raise bad_request(f"Filter {number} is not for {collection}")
        return self.translate(found["conditions"], collection)

    def translate(self, conditions: Record, collection: str) -> Condition:
        """The two groups of a filter: all of the first, any of the second."""
        parts: list[str] = []
        values: list[Any] = []
        for group in conditions.get("conditions") or ():
            pieces = [self._one(one, collection) for one in group.get("conditions") or ()]
            if pieces:
                glue = " OR " if group.get("glue") == "or" else " AND "
                parts.append("(" + glue.join(piece.sql for piece in pieces) + ")")
                values.extend(value for piece in pieces for value in piece.values)
        return Condition(" AND ".join(parts) or "1", tuple(values))

    def _one(self, condition: Record, collection: str) -> Condition:
        code = self._code(condition, collection)
        operator = OPERATORS.get(str(condition.get("operator")))
        if operator is None:
            raise bad_request(f"Unknown filter operator {condition.get('operator')!r}")
        inside = "custom_fields." if re.fullmatch(r"[0-9a-f]{40}", code) else ""
        place = f"json_extract(body, '$.{inside}\"{code}\"')"
        values = (_typed(condition.get("value")),) if "?" in operator else ()
        return Condition(operator.format(place), values)

    def _code(self, condition: Record, collection: str) -> str:
        wanted = str(condition.get("field_code") or condition.get("field_id"))
        for number, field in self._fields.numbered(collection):
            if wanted in (str(number), field["field_code"]):
                return str(field["field_code"])
        raise bad_request(f"Unknown filter field {wanted!r}")


def _typed(value: Any) -> Any:
    """Filter values are texts; numbers compare as numbers, ``true`` as SQLite's 1."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value) if "." in value else int(value)
    return {"true": 1, "false": 0}.get(value, value) if isinstance(value, str) else value
