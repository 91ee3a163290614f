"""From an object's description to columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crm_pipelines.connectors.salesforce.streams import SalesforceStream, snake_case
from crm_pipelines.model.stream import Field, Type

TYPES = {
    "boolean": Type.BOOLEAN,
    "int": Type.INTEGER,
    "long": Type.INTEGER,
    "double": Type.DECIMAL,
    "currency": Type.DECIMAL,
    "percent": Type.DECIMAL,
    "date": Type.DATE,
    "datetime": Type.TIMESTAMP,
    "time": Type.TIME,
}
"""Column types by the type ``describe`` names; everything else is text."""

UNREADABLE = frozenset({"address", "location", "base64", "complexvalue"})
"""Types that a Bulk query refuses; the parts of a compound field are fields of their own."""

CHECKS = {"email": "email", "phone": "phone", "url": "url"}
LONGEST_NAME = 63


def columns(stream: SalesforceStream, described: Iterable[dict[str, Any]]) -> tuple[Field, ...]:
    """The key first, then every readable field in the org's order."""
    found: dict[str, Field] = {stream.key.name: stream.key}
    for field in described:
        if field["type"] in UNREADABLE or field["name"] == stream.key.source:
            continue
        name = _free(snake_case(field["name"]), found)
        found[name] = Field(
            name,
            TYPES.get(field["type"], Type.TEXT),
            path=field["name"],
            description=str(field.get("label") or ""),
            check=CHECKS.get(field["type"], ""),
            length=int(field.get("length") or 0),
        )
    return tuple(found.values())


def _free(name: str, taken: dict[str, Field]) -> str:
    """A column name PostgreSQL keeps whole, and no other field of the object has."""
    wanted, number = name[:LONGEST_NAME], 1
    while wanted in taken or wanted in ("workspace_id", "_raw"):
        number += 1
        suffix = f"_{number}"
        wanted = name[: LONGEST_NAME - len(suffix)] + suffix
    return wanted
