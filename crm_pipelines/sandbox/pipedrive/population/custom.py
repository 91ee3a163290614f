"""Custom fields of every kind, and values for them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from crm_pipelines.sandbox.pipedrive.definition import definition
from crm_pipelines.sandbox.pipedrive.population import words
from crm_pipelines.sandbox.pipedrive.schema import Record

KINDS: tuple[tuple[str, str], ...] = (
    ("External ID", "varchar"),
    ("Specialty", "enum"),
    ("Interests", "set"),
    ("About", "text"),
    ("Score", "double"),
    ("Yearly spend", "monetary"),
    ("Assistant phone", "phone"),
    ("Account lead", "user"),
    ("Parent organization", "org"),
    ("Referred by", "people"),
    ("Since", "date"),
    ("Contract period", "daterange"),
    ("Best time", "time"),
    ("Office hours", "timerange"),
    ("Home address", "address"),
    ("Tags", "varchar_auto"),
)
"""Name and type of each custom field."""

OPTIONS = {
    "enum": ("Cardiology", "Dental", "General practice", "N/A", "Oncology"),
    "set": ("Golf", "Newsletter", "Wine, red", 'Say "hi"', "Ünïcode"),
}
FIRST_OPTION = {"persons": 10, "organizations": 40, "deals": 70, "products": 200}


def code_of(seed: int, collection: str, name: str) -> str:
    """The 40-digit hash that stands for a custom field."""
    text = f"{seed}/{collection}/{name}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def definitions(seed: int, collection: str) -> list[Record]:
    """The custom fields of a collection."""
    made, option = [], FIRST_OPTION[collection]
    for name, kind in KINDS:
        options = None
        if kind in OPTIONS:
            labels = OPTIONS[kind]
            options = [
                {
                    "id": option + i,
                    "label": label,
                    "color": None,
                    "add_time": "2015-01-05T08:00:00Z",
                    "update_time": None,
                }
                for i, label in enumerate(labels)
            ]
            option += len(labels)
        code = code_of(seed, collection, name)
        made.append(definition(name, code, kind, options, custom=True))
    return made


class Values:
    """Values for the custom fields of a collection: every code is there, most are null."""

    def __init__(
        self, rng: random.Random, fields: Sequence[Record], persons: int, organizations: int
    ) -> None:
        self._rng, self._fields = rng, fields
        self._persons, self._organizations = max(1, persons), max(1, organizations)
        self._makers: dict[str, Callable[[Record], Any]] = {
            "varchar": lambda _: self._text(),
            "varchar_auto": lambda _: self._text(),
            "text": lambda _: self._text(),
            "phone": lambda _: f"+49 0{rng.randrange(10**9)}",
            "double": lambda _: rng.choice((0, -1.5, rng.randrange(10**6) / 8, 123456789.123456)),
            "monetary": lambda _: {
                "value": rng.choice((0, 0.1, rng.randrange(10**7) / 100, 12345678901234.56)),
                "currency": rng.choice(words.CURRENCIES)[0],
            },
            "enum": lambda field: rng.choice(field["options"])["id"],
            "set": lambda field: sorted(
                option["id"] for option in rng.sample(field["options"], rng.randint(1, 3))
            ),
            "user": lambda _: rng.randint(1, 8),
            "org": lambda _: rng.randint(1, self._organizations),
            "people": lambda _: rng.randint(1, self._persons),
            "date": lambda _: self._date(),
            "daterange": lambda _: self._range(),
            "time": lambda _: {"value": self._time(0), **self._zone()},
            "timerange": lambda _: {
                "value": self._time(0),
                "until": self._time(12),
                **self._zone(),
            },
            "address": lambda _: address(rng),
        }

    def make(self) -> Record:
        """Values for one record."""
        rng = self._rng
        return {
            field["field_code"]: self._makers[field["field_type"]](field)
            if rng.random() < 0.15
            else None
            for field in self._fields
        }

    def _text(self) -> str:
        rng = self._rng
        if rng.random() < 0.4:
            return rng.choice(words.AWKWARD_TEXTS)
        return f"{rng.choice(words.COMPANY_WORDS)}-{rng.randrange(10**6):06d}"

    def _date(self) -> str:
        early = self._rng.random() < 0.2
        first = date(1850, 1, 1) if early else date(1990, 1, 1)
        return (first + timedelta(days=self._rng.randrange(15000))).isoformat()

    def _range(self) -> Record:
        first, second = sorted((self._date(), self._date()))
        return {"value": first, "until": second}

    def _time(self, start: int) -> str:
        return f"{start + self._rng.randrange(12):02d}:{self._rng.choice((0, 15, 30)):02d}:00"

    def _zone(self) -> Record:
        number, name = self._rng.choice(words.ZONES)
        return {"timezone_id": number, "timezone_name": name}


def address(rng: random.Random) -> Record:
    """An address with its parts."""
    city, country, code = rng.choice(words.CITIES)
    street, number = rng.choice(words.STREETS), str(rng.randint(1, 200))
    return {
        "value": f"{number} {street}, {code} {city}, {country}",
        "country": country,
        "admin_area_level_1": None,
        "admin_area_level_2": None,
        "locality": city,
        "sublocality": None,
        "route": street,
        "street_number": number,
        "subpremise": None,
        "postal_code": code,
    }
