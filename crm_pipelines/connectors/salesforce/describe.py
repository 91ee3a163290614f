"""From an object's description to columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from crm_pipelines.connectors.salesforce.answers import decoded
from crm_pipelines.connectors.salesforce.streams import SalesforceStream, snake_case
from crm_pipelines.model.errors import FatalError, GoneError
from crm_pipelines.model.stream import Field, Type, free_name

if TYPE_CHECKING:
    import httpx

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

CHECKS = {"email": "email", "phone": "phone", "url": "url", "reference": "object_id"}
"""Checks by the type ``describe`` names."""

PLACES = {"PostalCode": "zip_code", "State": "state"}
"""Checks of parts of an address, which are right or wrong by its country."""

RESERVED = ("workspace_id", "_raw")
STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
Answer = Callable[[], "httpx.Response"]


class _Description(msgspec.Struct):
    fields: list[dict[str, Any]]


def columns(stream: SalesforceStream, described: Iterable[dict[str, Any]]) -> tuple[Field, ...]:
    """The key first, then every readable field in the org's order."""
    found: dict[str, Field] = {stream.key.name: stream.key}
    for field in described:
        if field["type"] in UNREADABLE or field["name"] == stream.key.source:
            continue
        name = free_name(snake_case(field["name"]), (*found, *RESERVED))
        check, country = _check(field)
        found[name] = Field(
            name,
            TYPES.get(field["type"], Type.TEXT),
            path=field["name"],
            description=str(field.get("label") or ""),
            check=check,
            length=int(field.get("length") or 0),
            country=country,
        )
    return tuple(found.values())


def _check(field: dict[str, Any]) -> tuple[str, str]:
    """What a field is checked as, and the column of the country that decides."""
    for part, check in PLACES.items():
        if field.get("compoundFieldName") and field["name"].endswith(part):
            return check, snake_case(field["name"].removesuffix(part) + "Country")
    return CHECKS.get(field["type"], ""), ""


def described(answer: Answer, sobject: str) -> list[dict[str, Any]]:
    """What the org says of an object's fields. Raises ``FatalError`` where it knows none."""
    try:
        return decoded(answer(), _Description).fields
    except GoneError as error:
        raise FatalError(
            f"the org has no object {sobject}, or the user may not see it: give the user a "
            f"permission set with Read on it, or leave it out of SALESFORCE_OBJECTS ({error})"
        ) from error


def stamp_of(fields: Iterable[Field]) -> str | None:
    """The field that tells when a record was changed: a few kinds of objects lack the best one.

    Histories have only ``CreatedDate``, which is enough for rows that never change.
    """
    there = {field.source for field in fields}
    return next((name for name in STAMPS if name in there), None)
