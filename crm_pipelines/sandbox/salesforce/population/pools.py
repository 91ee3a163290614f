"""Pools of believable values for every type of field; a column draws from its pool."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from crm_pipelines.sandbox.salesforce.population import awkward
from crm_pipelines.sandbox.salesforce.schema.fields import Field

Value = str | None

_FIRST = ("Ann", "Bao", "Carlos", "Dawit", "Elena", "Fatima", "Grace", "Hodan", "Jürgen", "Mai")
_LAST = ("Anderson", "Berg", "Carlson", "Dahl", "Hassan", "Johnson", "Lee", "Moua", "Olson", "Vang")
_CITIES = ("Minneapolis", "St. Paul", "Duluth", "Rochester", "St. Cloud", "Thief River Falls")
_STREETS = ("Nicollet Mall", "Hennepin Ave", "Summit Avenue", "Lake St E", "Main Street", "3rd Ave")
_WORDS = (
    *("care", "clinic", "patient", "referral", "network", "review", "contract", "renewal"),
    *("visit", "north", "lakes", "county", "provider", "billing", "schedule", "follow-up"),
    *("summary", "meeting", "notes", "call", "annual", "rural", "outreach"),
)
_START = date(1990, 1, 1)

LAST_NAMES = _LAST


def pool(field: Field, rng: Random, size: int) -> list[Value]:
    """Values for one field, without nulls."""
    made: list[Value] = [one(field, rng) for _ in range(size)]
    for value in odd(field):
        made[rng.randrange(size)] = value[: field.length] if field.length else value
    return made


def odd(field: Field) -> tuple[str, ...]:
    """Awkward values this field may hold."""
    match field.type:
        case "string" if field.length >= 40:
            return awkward.TEXTS
        case "textarea":
            return awkward.AREAS
        case "date":
            return awkward.DATES
        case "datetime":
            return awkward.MOMENTS
        case "double" if field.precision == 18 and field.scale == 8:
            return ("1234567890.12345678", "-0.00000001", "9999999999.99999999")
        case "double" if field.precision == 18 and field.scale == 0:
            return ("999999999999999999", "-1", "0", "9007199254740993")
        case "currency" if field.scale == 2:
            return ("9999999999999999.99", "-0.01", "0.00")
    return ()


def one(field: Field, rng: Random) -> str:
    """One value."""
    match field.type:
        case "picklist":
            return rng.choice(field.values)
        case "multipicklist":
            return ";".join(rng.sample(field.values, rng.randint(1, min(3, len(field.values)))))
        case "boolean":
            return rng.choice(("true", "false"))
        case "int" | "double" | "currency" | "percent":
            return number(field, rng)
        case "date":
            return (_START + timedelta(days=rng.randrange(13_000))).isoformat()
        case "datetime":
            return _moment(rng)
        case "time":
            return f"{rng.randrange(24):02d}:{rng.choice((0, 15, 30, 45)):02d}:00.000Z"
        case "email":
            return f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}@example.org".lower()
        case "phone":
            return rng.choice(awkward.PHONES)
        case "url":
            return f"https://example.org/{rng.choice(_WORDS)}/{rng.randrange(1000)}?a=1&b=%20"
        case "textarea":
            return area(field, rng)
        case "base64":
            return "aGVsbG8sIHdvcmxk"  # 12 bytes
    return words(field, rng)


def _moment(rng: Random) -> str:
    day = date(2015, 1, 1) + timedelta(days=rng.randrange(4_198))
    hour, minute, second = rng.randrange(24), rng.randrange(60), rng.randrange(60)
    return f"{day}T{hour:02d}:{minute:02d}:{second:02d}.000Z"


def number(field: Field, rng: Random) -> str:
    """A number within the field's digits."""
    if field.name == "Graduation_Year__c":
        return str(rng.randint(1960, 2025))
    whole = min(field.precision - field.scale, 6)
    if field.type == "percent":
        whole = 2
    value = rng.randrange(10**whole)
    if not field.scale or field.type == "int":
        return str(value)
    if field.name.endswith("itude__s"):
        return f"{rng.uniform(-97.2, -89.5) if 'Long' in field.name else rng.uniform(43.5, 49):.6f}"
    return f"{value}.{rng.randrange(10**field.scale):0{field.scale}d}"


def area(field: Field, rng: Random) -> str:
    """Several lines of text, or a street."""
    if "Street" in field.name:
        unit = f"\nSuite {rng.randrange(1, 400)}" if rng.random() < 0.3 else ""
        return f"{rng.randrange(1, 9999)} {rng.choice(_STREETS)}{unit}"
    line = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(3, 12)))
    return line + ("\n" + line if rng.random() < 0.1 else "")


def words(field: Field, rng: Random) -> str:
    """Single-line text that fits what the field is called."""
    name = field.name
    plain = {"FirstName": _FIRST, "LastName": _LAST, "Alias": _LAST}
    made = None
    if name in plain:
        made = rng.choice(plain[name])
    elif "City" in name:
        made = rng.choice(_CITIES)
    elif name.endswith(("State", "State__c")):
        made = "MN"
    elif "Country" in name:
        made = rng.choice(("USA", "United States", "US"))
    elif "Postal" in name or "Zip" in name:
        made = rng.choice(awkward.ZIPS)
    elif name == "MN_Legislative_District__c":
        made = f"{rng.randrange(1, 68):02d}{rng.choice('AB')}"
    elif name == "Census_Tract__c":
        made = f"27053{rng.randrange(10**6):06d}"
    elif "Number" in name or "Id" in name or "Code" in name:
        made = f"{rng.randrange(10**9):010d}"
    elif name in {"Company", "CompanyName", "Practice_Name__c", "Name"}:
        made = f"{rng.choice(_LAST)} {rng.choice(('Clinic', 'Health', 'Medical Group'))}"
    if made is None:
        made = " ".join(rng.choice(_WORDS) for _ in range(2)).capitalize()
    return made[: field.length]
