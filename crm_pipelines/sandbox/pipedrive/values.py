"""Checks of values in request bodies: the strict types of v2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crm_pipelines.sandbox.pipedrive.company import Company

Check = Callable[[Any, "Company"], Any]
"""The value to store; raises ``ValueError`` with the reason."""

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_DURATION = re.compile(r"\d{2,3}:[0-5]\d(:[0-5]\d)?")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})")


def text(longest: int = 65_535, *, empty: bool = True) -> Check:
    """A string."""

    def check(value: Any, _: Company) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be a string")
        if not empty and not value.strip():
            raise ValueError("is not allowed to be empty")
        if len(value) > longest:
            raise ValueError(f"length must be less than or equal to {longest} characters long")
        return value

    return check


def whole(value: Any, _: Company) -> Any:
    """An integer that JavaScript can hold; no string, no boolean."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
        raise ValueError("must be an integer")
    return value


def number(value: Any, _: Company) -> Any:
    """Any number; no string, no boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


def within(lowest: float, highest: float) -> Check:
    """A number in a range."""

    def check(value: Any, company: Company) -> Any:
        if not lowest <= number(value, company) <= highest:
            raise ValueError(f"must be between {lowest:g} and {highest:g}")
        return value

    return check


def boolean(value: Any, _: Company) -> Any:
    """``true`` or ``false``; not 1 and 0."""
    if not isinstance(value, bool):
        raise ValueError("must be a boolean")
    return value


def one_of(*allowed: Any) -> Check:
    """One of some constants."""

    def check(value: Any, _: Company) -> Any:
        if isinstance(value, bool) or value not in allowed:
            raise ValueError(f"must be one of [{', '.join(map(str, allowed))}]")
        return value

    return check


def moment(value: Any, _: Company) -> Any:
    """RFC 3339 without fractions; stored in UTC."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("is not a valid datetime")
    try:
        at = datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a valid datetime") from None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def day(value: Any, _: Company) -> Any:
    """``YYYY-MM-DD``."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("must be a date in YYYY-MM-DD format")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a valid date") from None
    return value


def clock_time(value: Any, _: Company) -> Any:
    """``HH:MM`` or ``HH:MM:SS``."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("must be a time in HH:MM:SS format")
    return value


def duration(value: Any, _: Company) -> Any:
    """``HH:MM`` or ``HH:MM:SS``, also beyond a day."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError("must be a duration in HH:MM:SS format")
    return value


def spelled(inner: Check) -> Check:
    """A time in the one spelling that is taken at the moment: people met with both."""

    def check(value: Any, company: Company) -> Any:
        found, digits = inner(value, company), company.limits["time_digits"]
        if digits and len(found.split(":")) != {5: 2, 8: 3}[digits]:
            raise ValueError("is not a valid datetime")
        return found

    return check


def nullable(inner: Check) -> Check:
    """The value, or ``null`` to clear."""

    def check(value: Any, company: Company) -> Any:
        return None if value is None else inner(value, company)

    return check


def listed(inner: Check, *, empty: bool = True) -> Check:
    """An array."""

    def check(value: Any, company: Company) -> Any:
        if not isinstance(value, list):
            raise ValueError("must be an array")
        if not value and not empty:
            raise ValueError("must contain at least 1 item; use null to clear")
        return [inner(one, company) for one in value]

    return check


def reference(collection: str) -> Check:
    """The id of an existing record."""

    def check(value: Any, company: Company) -> Any:
        from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS

        if COLLECTIONS[collection].identity == "number":
            whole(value, company)
        elif not isinstance(value, str):
            raise ValueError("must be a string")
        record = company.records.get(collection, value)
        if record is None or COLLECTIONS[collection].is_gone(record):
            raise ValueError(f"refers to {COLLECTIONS[collection].entity} {value}, not found")
        return value

    return check


def shape(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """An object with these keys and no others."""

    def check(value: Any, company: Company) -> Any:
        if not isinstance(value, dict):
            raise ValueError("must be an object")
        missing = [name for name in required if name not in value]
        if missing:
            raise ValueError(f'"{missing[0]}" is required')
        made = {}
        for name, one in value.items():
            inner = required.get(name) or optional.get(name)
            if inner is None:
                raise ValueError(f'"{name}" is not allowed')
            made[name] = inner(one, company)
        return made

    return check


def option(collection: str, field: str) -> Check:
    """The id of an option of a field."""

    def check(value: Any, company: Company) -> Any:
        if whole(value, company) not in company.fields.option_labels(collection).get(field, {}):
            raise ValueError(f"has no option {value}")
        return value

    return check


def labels(collection: str) -> Check:
    """Ids of the entity's label options."""
    return listed(option(collection, "label_ids"))


ADDRESS_PARTS = (
    "country",
    "admin_area_level_1",
    "admin_area_level_2",
    "locality",
    "sublocality",
    "route",
    "street_number",
    "subpremise",
    "postal_code",
)


def address(value: Any, company: Company) -> Any:
    """An address; only ``value`` is required, all parts are shown afterwards."""
    parts = {part: nullable(text()) for part in ADDRESS_PARTS}
    given = shape({"value": text()}, parts)(value, company)
    return {"value": given["value"], **{part: given.get(part) for part in ADDRESS_PARTS}}


contact = shape({"value": text(255)}, {"primary": boolean, "label": text(255)})
"""An e-mail or phone."""
