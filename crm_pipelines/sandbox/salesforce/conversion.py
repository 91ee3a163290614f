"""Values as callers write them to canonical stored text, refused in Salesforce's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.identity import whole_id
from crm_pipelines.sandbox.salesforce.schema.fields import Field
from crm_pipelines.sandbox.salesforce.soql.spans import read_moment, stamp

_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?Z?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def to_text(field: Field, value: Any) -> str | None:
    """The stored form of a value; raises ``Problem``. Empty text is null: Salesforce has none."""
    if value is None or value == "":
        return "false" if field.type == "boolean" else None
    return _READERS.get(field.type, _text)(field, value)


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise mistyped(field, value)
    return value


def _boolean(field: Field, value: Any) -> str:
    if isinstance(value, str):
        known = {"true": "true", "1": "true", "false": "false", "0": "false"}
        if value.lower() in known:
            return known[value.lower()]
    elif isinstance(value, bool):
        return "true" if value else "false"
    raise mistyped(field, value)


def _number(field: Field, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise mistyped(field, value)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise mistyped(field, value) from error
    if not number.is_finite() or abs(number.adjusted()) > 40:
        raise mistyped(field, value)
    with localcontext(prec=80):
        number = number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP)
        if field.precision and abs(number) >= Decimal(10) ** (field.precision - field.scale):
            message = f"{field.title}: value outside of valid range on numeric field: {value}"
            raise Problem(400, "NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])
    return f"{number:f}"


def _date(field: Field, value: Any) -> str:
    try:
        found = date.fromisoformat(value[:10])
    except (ValueError, TypeError) as error:
        raise mistyped(field, value) from error
    _in_years(field, found.year)
    return found.isoformat()


def _moment(field: Field, value: Any) -> str:
    try:
        found = read_moment(value)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise mistyped(field, value) from error
    _in_years(field, found.year)
    return stamp(found)


def _in_years(field: Field, year: int) -> None:
    if not 1700 <= year <= 4000:
        message = f"{field.title}: invalid date: {year}"
        raise Problem(400, "NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])


def _time(field: Field, value: Any) -> str:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3]) > 59:
        raise mistyped(field, value)
    return f"{match[1]}:{match[2]}:{match[3]}.{(match[4] or '').ljust(3, '0')}Z"


def _reference(field: Field, value: Any) -> str:
    found = whole_id(value) if isinstance(value, str) else None
    if found is None:
        message = f"{field.title}: id value of incorrect type: {value}"
        raise Problem(400, "MALFORMED_ID", message, [field.name])
    return found


def _email(field: Field, value: Any) -> str:
    text = _text(field, value)
    if not _EMAIL.fullmatch(text):
        message = f"{field.title}: invalid email address: {text}"
        raise Problem(400, "INVALID_EMAIL_ADDRESS", message, [field.name])
    return text


_READERS: dict[str, Callable[[Field, Any], str]] = {
    "boolean": _boolean,
    "int": _number,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "date": _date,
    "datetime": _moment,
    "time": _time,
    "id": _reference,
    "reference": _reference,
    "email": _email,
}


def mistyped(field: Field, value: Any) -> Problem:
    """A value that is not of the field's type."""
    kind = "NUMBER" if isinstance(value, int | float | Decimal) else "STRING"
    return Problem(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from VALUE_{kind} value {value} or request "
        f"may be missing a required field: {field.name}",
    )
