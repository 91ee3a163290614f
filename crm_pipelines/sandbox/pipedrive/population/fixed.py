"""The small collections: users, pipelines, stages, products and the lists a company sets up."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence

from crm_pipelines.sandbox.pipedrive.population import words
from crm_pipelines.sandbox.pipedrive.population.custom import Values
from crm_pipelines.sandbox.pipedrive.population.entities import (
    ACTIVITY_TYPES,
    STAGES,
    USERS,
)
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.world import Sizes

ADDED, CHANGED = "2015-01-05T08:00:00Z", "2020-02-29T12:00:00Z"
ADDED_V1, CHANGED_V1 = "2015-01-05 08:00:00", "2020-02-29 12:00:00"
STAGE_NAMES = ("Qualified", "Contact made", "Demo", "Proposal", "Negotiation")


def users() -> Iterator[Record]:
    """Eight, the first an admin, the last deactivated."""
    for number in range(1, USERS + 1):
        first = words.FIRST_NAMES[number]
        admin = number == 1
        yield {
            "id": number,
            "name": f"{first} {words.LAST_NAMES[number]}",
            "default_currency": "EUR",
            "locale": "en_US",
            "lang": 1,
            "email": f"user{number}@sandbox.example.com",
            "phone": None,
            "activated": True,
            "last_login": CHANGED_V1,
            "created": ADDED_V1,
            "modified": None if number % 3 == 0 else CHANGED_V1,
            "has_created_company": admin,
            "is_admin": 1 if admin else 0,
            "access": [
                {"app": "global", "admin": admin, "permission_set_id": str(uuid.UUID(int=number))},
                {"app": "sales", "admin": admin, "permission_set_id": str(uuid.UUID(int=number))},
            ],
            "active_flag": number != USERS,
            "timezone_name": "Europe/Tallinn",
            "timezone_offset": "+02:00",
            "role_id": 1,
            "icon_url": None,
            "is_you": admin,
            "is_deleted": False,
        }


def pipelines() -> Iterator[Record]:
    """Two."""
    for number in STAGES:
        yield {
            "id": number,
            "name": ("Sales", "Renewals")[number - 1],
            "order_nr": number,
            "is_deleted": False,
            "is_deal_probability_enabled": number == 1,
            "add_time": ADDED,
            "update_time": CHANGED,
        }


def stages() -> Iterator[Record]:
    """Five in each pipeline."""
    for pipeline, ids in STAGES.items():
        for order, number in enumerate(ids, 1):
            yield {
                "id": number,
                "order_nr": order,
                "name": STAGE_NAMES[order - 1],
                "is_deleted": False,
                "deal_probability": order * 20,
                "pipeline_id": pipeline,
                "is_deal_rot_enabled": order == 5,
                "days_to_rotten": 30 if order == 5 else None,
                "add_time": ADDED,
                "update_time": CHANGED,
            }


def products(seed: int, sizes: Sizes, fields: Sequence[Record]) -> Iterator[Record]:
    """Twenty, one never changed since an import."""
    rng = random.Random(f"{seed}/products")
    custom = Values(rng, fields, sizes.persons, sizes.organizations)
    for number in range(1, 21):
        yield {
            "id": number,
            "name": f"{rng.choice(words.COMPANY_WORDS)} module {number}",
            "code": f"00{number}",
            "unit": rng.choice(("piece", "hour", "")),
            "tax": rng.choice((0, 20, 7.5)),
            "description": rng.choice((None, *words.AWKWARD_TEXTS)),
            "category": None,
            "is_deleted": False,
            "is_linkable": True,
            "visible_to": 3,
            "owner_id": rng.randint(1, USERS),
            "add_time": ADDED,
            "update_time": CHANGED if number != 7 else None,
            "billing_frequency": "one-time",
            "billing_frequency_cycles": None,
            "prices": [
                {
                    "product_id": number,
                    "price": rng.randrange(10**6) / 100,
                    "currency": "EUR",
                    "cost": 0,
                    "direct_cost": None,
                    "notes": "",
                }
            ],
            "custom_fields": custom.make(),
        }


def currencies() -> Iterator[Record]:
    """A few, with different numbers of decimals."""
    for number, (code, name, places, symbol) in enumerate(words.CURRENCIES, 1):
        yield {
            "id": number,
            "code": code,
            "name": name,
            "decimal_points": places,
            "symbol": symbol,
            "active_flag": True,
            "is_custom_flag": False,
        }


def activity_types() -> Iterator[Record]:
    """The stock ones and one of the company's own."""
    for number, key in enumerate((*ACTIVITY_TYPES, "site_visit"), 1):
        yield {
            "id": number,
            "order_nr": number,
            "name": key.replace("_", " ").capitalize(),
            "key_string": key,
            "icon_key": key if key in ACTIVITY_TYPES else "car",
            "active_flag": True,
            "color": "FFFFFF",
            "is_custom_flag": key not in ACTIVITY_TYPES,
            "add_time": ADDED_V1,
            "update_time": CHANGED_V1,
        }


def filters() -> Iterator[Record]:
    """Two that can be used with ``filter_id``."""
    for number, (name, kind, field, value) in enumerate(
        (("Big deals", "deals", "value", "50000"), ("My people", "people", "owner_id", "1")), 1
    ):
        operator = ">" if field == "value" else "="
        condition = {
            "object": {"deals": "deal", "people": "person"}[kind],
            "field_id": field,
            "operator": operator,
            "value": value,
            "extra_value": None,
        }
        yield {
            "id": number,
            "name": name,
            "filter_code": None,
            "is_editable": True,
            "active_flag": True,
            "type": kind,
            "temporary_flag": None,
            "user_id": 1,
            "add_time": ADDED_V1,
            "update_time": CHANGED_V1 if number % 2 else None,
            "visible_to": "7",
            "last_used_time": None,
            "custom_view_id": None,
            "conditions": {
                "glue": "and",
                "conditions": [
                    {"glue": "and", "conditions": [condition]},
                    {"glue": "or", "conditions": []},
                ],
            },
        }
