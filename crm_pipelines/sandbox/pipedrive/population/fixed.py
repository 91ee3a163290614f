"""The small collections: users, pipelines, stages, products and the v1-only lists."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

from crm_pipelines.sandbox.pipedrive.population import words
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


def products(seed: int) -> Iterator[Record]:
    """Twenty."""
    rng = random.Random(f"{seed}/products")
    for number in range(1, 21):
        yield {
            "id": number,
            "name": f"{rng.choice(words.COMPANY_WORDS)} module {number}",
            "code": f"00{number}",
            "unit": rng.choice(("piece", "hour", "")),
            "tax": rng.choice((0, 20, 7.5)),
            "description": None,
            "category": None,
            "is_deleted": False,
            "is_linkable": True,
            "visible_to": 3,
            "owner_id": rng.randint(1, USERS),
            "add_time": ADDED,
            "update_time": CHANGED,
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
            "custom_fields": {},
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


def lead_labels() -> Iterator[Record]:
    """Three."""
    for number, (name, color) in enumerate((("Hot", "red"), ("Warm", "yellow"), ("Cold", "blue"))):
        yield {
            "id": str(uuid.UUID(int=0xABC0 + number)),
            "name": name,
            "color": color,
            "add_time": "2015-01-05T08:00:00.000Z",
            "update_time": "2020-02-29T12:00:00.000Z",
        }


def leads(seed: int, sizes: Sizes) -> Iterator[Record]:
    """Twelve, two of them in the archive; UUID ids, times with milliseconds."""
    rng = random.Random(f"{seed}/leads")
    labels = [label["id"] for label in lead_labels()]
    for number in range(12):
        yield {
            "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "title": f"{rng.choice(words.COMPANY_WORDS)} lead",
            "owner_id": rng.randint(1, USERS),
            "creator_id": 1,
            "label_ids": rng.sample(labels, rng.randint(0, 2)),
            "person_id": rng.randint(1, sizes.persons) if sizes.persons else None,
            "organization_id": None,
            "source_name": "Manually created",
            "origin": "ManuallyCreated",
            "origin_id": None,
            "channel": None,
            "channel_id": None,
            "source_deal_id": None,
            "is_archived": number % 6 == 5,
            "was_seen": rng.random() < 0.5,
            "value": {"amount": rng.randrange(10**5), "currency": "EUR"} if number % 2 else None,
            "expected_close_date": None,
            "next_activity_id": None,
            "add_time": f"2021-03-{number + 1:02d}T10:00:00.123Z",
            "update_time": f"2022-03-{number + 1:02d}T10:00:00.456Z",
            "visible_to": "3",
            "cc_email": f"sandbox+lead{number}@pipedrivemail.example.com",
        }


def notes(seed: int, sizes: Sizes) -> Iterator[Record]:
    """Twenty-five, on persons and deals."""
    rng = random.Random(f"{seed}/notes")
    for number in range(1, 26):
        on_deal = number % 2 == 0 and sizes.deals > 0
        yield {
            "id": number,
            "active_flag": True,
            "add_time": ADDED_V1,
            "update_time": CHANGED_V1,
            "content": f"<p>Note {number}: {rng.choice(words.SUBJECTS)}</p>",
            "lead_id": None,
            "deal_id": rng.randint(1, sizes.deals) if on_deal else None,
            "person_id": rng.randint(1, sizes.persons) if not on_deal and sizes.persons else None,
            "org_id": None,
            "project_id": None,
            "task_id": None,
            "user_id": rng.randint(1, USERS),
            "last_update_user_id": None,
            "pinned_to_lead_flag": False,
            "pinned_to_deal_flag": False,
            "pinned_to_organization_flag": False,
            "pinned_to_person_flag": False,
            "pinned_to_project_flag": False,
            "pinned_to_task_flag": False,
        }


def files(sizes: Sizes) -> Iterator[Record]:
    """Five attachments."""
    for number in range(1, 6):
        yield {
            "id": number,
            "user_id": 1,
            "deal_id": None,
            "person_id": number if number <= sizes.persons else None,
            "org_id": None,
            "product_id": None,
            "activity_id": None,
            "lead_id": None,
            "add_time": ADDED_V1,
            "update_time": CHANGED_V1,
            "file_name": f"{uuid.UUID(int=number)}.pdf",
            "file_type": "pdf",
            "file_size": 1000 * number,
            "active_flag": True,
            "inline_flag": False,
            "remote_location": "s3",
            "remote_id": f"company/1/user/1/files/{number}.pdf",
            "cid": None,
            "s3_bucket": None,
            "mail_message_id": None,
            "mail_template_id": None,
            "name": f"Offer {number}.pdf",
            "description": None,
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
            "active_flag": True,
            "type": kind,
            "temporary_flag": None,
            "user_id": 1,
            "add_time": ADDED_V1,
            "update_time": CHANGED_V1,
            "visible_to": "7",
            "custom_view_id": None,
            "conditions": {
                "glue": "and",
                "conditions": [
                    {"glue": "and", "conditions": [condition]},
                    {"glue": "or", "conditions": []},
                ],
            },
        }
