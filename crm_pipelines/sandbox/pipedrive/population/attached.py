"""Leads with their labels, and what hangs on other records: notes and files."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence

from crm_pipelines.sandbox.pipedrive.old_shapes import flat_values
from crm_pipelines.sandbox.pipedrive.population import words
from crm_pipelines.sandbox.pipedrive.population.custom import Values
from crm_pipelines.sandbox.pipedrive.population.entities import USERS
from crm_pipelines.sandbox.pipedrive.population.fixed import ADDED_V1, CHANGED_V1
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.world import Sizes


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


def leads(seed: int, sizes: Sizes, fields: Sequence[Record]) -> Iterator[Record]:
    """Thirty, five of them in the archive; UUID ids, times with milliseconds.

    Custom fields are those of deals; those that are set stand among the other keys.
    """
    rng = random.Random(f"{seed}/leads")
    labels = [label["id"] for label in lead_labels()]
    custom = Values(rng, fields, sizes.persons, sizes.organizations)
    for number in range(30):
        title = rng.choice(words.AWKWARD_TEXTS) if number % 7 == 3 else ""
        yield {
            "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "title": title or f"{rng.choice(words.COMPANY_WORDS)} lead",
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
            **flat_values(custom.make()),
        }


def notes(seed: int, sizes: Sizes) -> Iterator[Record]:
    """Twenty-five, on persons and deals; times are shared by many, and missing in two."""
    rng = random.Random(f"{seed}/notes")
    for number in range(1, 26):
        on_deal = number % 2 == 0 and sizes.deals > 0
        yield {
            "id": number,
            "active_flag": True,
            "add_time": ADDED_V1,
            "update_time": CHANGED_V1 if number % 12 else None,
            "content": f"<p>{number}: {rng.choice((*words.SUBJECTS, *words.AWKWARD_TEXTS))}</p>",
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
    """Fifteen attachments; one without time of change, names of all kinds."""
    for number in range(1, 16):
        name = words.AWKWARD_TEXTS[number % len(words.AWKWARD_TEXTS)] or "Offer"
        yield {
            "id": number,
            "user_id": 1,
            "deal_id": None,
            "person_id": number if number <= sizes.persons else None,
            "org_id": None,
            "product_id": None,
            "activity_id": None,
            "lead_id": None,
            "project_id": None,
            "deal_name": None,
            "person_name": None,
            "org_name": None,
            "product_name": None,
            "lead_name": None,
            "project_name": None,
            "add_time": ADDED_V1,
            "update_time": CHANGED_V1 if number != 9 else None,
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
            "name": f"{name} {number}.pdf",
            "url": f"https://app.pipedrive.example.com/v1/files/{number}/download",
            "description": None,
        }
