"""Stored text to what REST answers show, and to what the admin interface shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from crm_pipelines.sandbox.salesforce.schema.fields import Field
from crm_pipelines.sandbox.salesforce.soql.plan import Output

Shown = Callable[[Any], Any]


def _decimal(text: Any) -> Decimal:
    return Decimal(str(text))


def _moment(text: str) -> str:
    return text[:-1] + "+0000"


_REST: dict[str, Shown] = {
    "boolean": lambda text: text == "true",
    "int": int,
    "double": _decimal,
    "currency": _decimal,
    "percent": _decimal,
    "datetime": _moment,
}


def rest_value(kind: str, stored: Any) -> Any:
    """One value as REST shows it: typed, date-times with ``+0000``."""
    if stored is None:
        return None
    return _REST[kind](stored) if kind in _REST else stored


def compound(field: Field, parts: Sequence[Field], values: Sequence[Any]) -> Any:
    """An address or a location from its parts; null when all of them are."""
    if all(value is None for value in values):
        return None
    shown = {
        part_name(part): rest_value(part.type, value)
        for part, value in zip(parts, values, strict=True)
    }
    if field.type == "address":
        return {"geocodeAccuracy": None, "latitude": None, "longitude": None, **shown}
    return shown


def part_name(part: Field) -> str:
    """``MailingPostalCode`` is ``postalCode`` in the compound."""
    for ending in ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude"):
        if part.name.removesuffix("__s").endswith(ending):
            return ending[0].lower() + ending[1:]
    return part.name


def output_value(output: Output, values: Sequence[Any]) -> Any:
    """One selected value from the SQL columns that make it."""
    if output.parts:
        return compound(output.field, output.parts, values)
    return rest_value(output.types[0], values[0])
