"""Checks of custom field values in request bodies, by field type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.pipedrive.values import (
    Check,
    address,
    clock_time,
    day,
    listed,
    nullable,
    number,
    reference,
    shape,
    text,
    whole,
)

if TYPE_CHECKING:
    from crm_pipelines.sandbox.pipedrive.company import Company

ZONE = {"timezone_id": 1, "timezone_name": "Europe/Tallinn"}
"""The company's own time zone, taken where a time is given without one."""

_zone = {"timezone_id": nullable(whole), "timezone_name": nullable(text(100))}


def _zoned(inner: Check) -> Check:
    def check(value: Any, company: Company) -> Any:
        return {**ZONE, **inner(value, company)}

    return check


def _currency(value: Any, company: Company) -> Any:
    if not isinstance(value, str) or value not in company.currency_codes():
        raise ValueError("must be the code of a currency of the company")
    return value


currency: Check = _currency

CHECKS: dict[str, Check] = {
    "varchar": text(255),
    "varchar_auto": text(255),
    "text": text(65_535),
    "phone": text(255),
    "double": number,
    "monetary": shape({"value": number, "currency": currency}, {}),
    "user": reference("users"),
    "org": reference("organizations"),
    "people": reference("persons"),
    "date": day,
    "daterange": shape({"value": day, "until": day}, {}),
    "time": _zoned(shape({"value": clock_time}, _zone)),
    "timerange": _zoned(shape({"value": clock_time, "until": clock_time}, _zone)),
    "address": address,
}
"""Every type but the ones with options."""


def _option(field: Record) -> Check:
    known = {option["id"] for option in field["options"] or ()}

    def check(value: Any, company: Company) -> Any:
        if whole(value, company) not in known:
            raise ValueError(f"has no option {value}")
        return value

    return check


def _check_of(field: Record) -> Check:
    if field["field_type"] == "enum":
        return _option(field)
    if field["field_type"] == "set":
        return listed(_option(field), empty=False)
    return CHECKS[field["field_type"]]


def custom_fields(collection: str) -> Check:
    """The ``custom_fields`` object of an entity; ``null`` clears a field, also a ``set``."""

    def check(value: Any, company: Company) -> Any:
        if not isinstance(value, dict):
            raise ValueError("must be an object")
        known = {field["field_code"]: field for field in company.fields.custom(collection)}
        made = {}
        for code, one in value.items():
            if code not in known:
                raise ValueError(f'"{code}" is not allowed')
            try:
                made[code] = nullable(_check_of(known[code]))(one, company)
            except ValueError as error:
                raise ValueError(f'"{code}" {error}') from None
        return made

    return check
