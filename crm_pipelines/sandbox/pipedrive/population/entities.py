"""Persons, organizations, deals and activities."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from crm_pipelines.sandbox.pipedrive.population import words
from crm_pipelines.sandbox.pipedrive.population.custom import Values, address
from crm_pipelines.sandbox.pipedrive.population.times import LAST, Times, stamp
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.world import Sizes

USERS = 8
PERSON_LABELS = {1: "Customer", 2: "Hot lead", 3: "Warm lead", 4: "Cold lead"}
DEAL_LABELS = {5: "Hot", 6: "Warm", 7: "Cold"}
ORGANIZATION_LABELS = {8: "Partner", 9: "Prospect"}
ACTIVITY_TYPES = ("call", "meeting", "task", "deadline", "email", "lunch")
STAGES = {1: (1, 2, 3, 4, 5), 2: (6, 7, 8, 9, 10)}
"""Stage ids by pipeline."""


def _times(times: Times, number: int) -> dict[str, str | None]:
    updated = times.updated_at(number)
    return {
        "add_time": stamp(times.added_at(number)),
        "update_time": None if updated is None else stamp(updated),
    }


def _labels(rng: random.Random, known: dict[int, str]) -> list[int]:
    return sorted(rng.sample(list(known), rng.choice((0, 0, 1, 2))))


def persons(seed: int, sizes: Sizes, fields: Sequence[Record]) -> Iterator[Record]:
    """Some without organization, some with several e-mails and phones, odd surnames."""
    rng = random.Random(f"{seed}/persons")
    times = Times(rng, sizes.persons)
    custom = Values(rng, fields, sizes.persons, sizes.organizations)
    for number in range(sizes.persons):
        first = rng.choice(words.FIRST_NAMES)
        last = rng.choice(words.AWKWARD_NAMES if number % 10 == 3 else words.LAST_NAMES)
        named = number % 50 != 49
        organization = rng.randint(1, sizes.organizations) if sizes.organizations else None
        yield {
            "id": number + 1,
            "name": f"{first} {last}" if named else last,
            "first_name": first if named else None,
            "last_name": last,
            "owner_id": rng.randint(1, USERS),
            "org_id": organization if rng.random() < 0.8 else None,
            **_times(times, number),
            "emails": _emails(rng, number, first),
            "phones": _phones(rng),
            "is_deleted": False,
            "visible_to": rng.choice((1, 3, 3, 5, 7)),
            "label_ids": _labels(rng, PERSON_LABELS),
            "picture_id": rng.randint(1, 999) if rng.random() < 0.05 else None,
            "custom_fields": custom.make(),
        }


def _emails(rng: random.Random, number: int, first: str) -> list[Record]:
    count = rng.choice((0, 1, 1, 1, 2, 3))
    name = "".join(c for c in first.lower() if c.isascii()) or "person"
    values = [f"{name}.{number + 1}{'' if i == 0 else f'+{i}'}@example.com" for i in range(count)]
    if count and number % 40 == 5:
        values[0] = values[0].upper()
    return [
        {"value": value, "primary": i == 0, "label": ("work", "home", "other")[i]}
        for i, value in enumerate(values)
    ]


def _phones(rng: random.Random) -> list[Record]:
    def phone() -> str:
        return rng.choice(
            (
                f"+372 5{rng.randrange(10**6):06d}",
                f"0{rng.randrange(10**9):09d}",
                f"({rng.randint(200, 999)}) 555-{rng.randrange(10**4):04d}",
                f"+49-30-{rng.randrange(10**6)} ext. {rng.randint(1, 99)}",
            )
        )

    return [
        {"value": phone(), "primary": i == 0, "label": ("work", "mobile", "home")[i]}
        for i in range(rng.choice((0, 1, 1, 2, 3)))
    ]


def organizations(seed: int, sizes: Sizes, fields: Sequence[Record]) -> Iterator[Record]:
    """Companies; names repeat, since nothing makes them unique."""
    rng = random.Random(f"{seed}/organizations")
    times = Times(rng, sizes.organizations)
    custom = Values(rng, fields, sizes.persons, sizes.organizations)
    for number in range(sizes.organizations):
        name = f"{rng.choice(words.COMPANY_WORDS)} {rng.choice(words.COMPANY_FORMS)}"
        if number % 25 == 11:
            name = rng.choice(words.AWKWARD_NAMES)
        yield {
            "id": number + 1,
            "name": name,
            "owner_id": rng.randint(1, USERS),
            **_times(times, number),
            "is_deleted": False,
            "visible_to": rng.choice((3, 3, 7)),
            "address": address(rng) if rng.random() < 0.7 else None,
            "label_ids": _labels(rng, ORGANIZATION_LABELS),
            "website": f"https://company{number + 1}.example.com" if number % 3 == 0 else None,
            "linkedin": None,
            "industry": rng.randint(100, 104) if rng.random() < 0.5 else None,
            "annual_revenue": rng.randrange(10**9) if rng.random() < 0.3 else None,
            "employee_count": rng.randrange(5000) if rng.random() < 0.5 else None,
            "custom_fields": custom.make(),
        }


def deals(seed: int, sizes: Sizes, fields: Sequence[Record]) -> Iterator[Record]:
    """Open, won and lost ones; one in ten in the archive."""
    rng = random.Random(f"{seed}/deals")
    times = Times(rng, sizes.deals)
    custom = Values(rng, fields, sizes.persons, sizes.organizations)
    for number in range(sizes.deals):
        pipeline = rng.choice(list(STAGES))
        status = rng.choice(("open", "open", "open", "won", "lost"))
        stamps = _times(times, number)
        person = rng.randint(1, sizes.persons) if sizes.persons else None
        organization = rng.randint(1, sizes.organizations) if sizes.organizations else None
        yield {
            "id": number + 1,
            "title": f"{rng.choice(words.COMPANY_WORDS)} {rng.choice(words.DEAL_WORDS)}",
            "owner_id": rng.randint(1, USERS),
            "person_id": person if rng.random() < 0.7 else None,
            "org_id": organization if rng.random() < 0.7 else None,
            "pipeline_id": pipeline,
            "stage_id": rng.choice(STAGES[pipeline]),
            **_money(rng, number),
            **stamps,
            **_outcome(rng, status, stamps["update_time"] or stamps["add_time"]),
            "is_deleted": False,
            "is_archived": number % 10 == 4,
            "archive_time": stamps["update_time"] if number % 10 == 4 else None,
            "visible_to": rng.choice((1, 3, 7)),
            "label_ids": _labels(rng, DEAL_LABELS),
            "origin": "ManuallyCreated",
            "origin_id": None,
            "channel": None,
            "channel_id": None,
            "acv": None,
            "arr": None,
            "mrr": None,
            "custom_fields": custom.make(),
        }


def _money(rng: random.Random, number: int) -> Record:
    currency, _, places, _ = rng.choice(words.CURRENCIES)
    amount = rng.expovariate(1 / 20000)
    value: float = round(amount, places) if places else int(amount)
    if number % 30 == 17:
        value = rng.choice((0, 90071992547409.93, 0.07, 123456789012.345, 1e-05))
    return {"value": value, "currency": currency}


def _outcome(rng: random.Random, status: str, at: str | None) -> Record:
    closed = at if status != "open" else None
    return {
        "status": status,
        "stage_change_time": at if rng.random() < 0.5 else None,
        "probability": rng.choice((None, None, 10, 50, 100)),
        "lost_reason": rng.choice(("Price", "No\nanswer", None)) if status == "lost" else None,
        "close_time": closed,
        "won_time": at if status == "won" else None,
        "lost_time": at if status == "lost" else None,
        "expected_close_date": rng.choice((None, "2026-09-30", "2024-02-29")),
    }


def activities(seed: int, sizes: Sizes) -> Iterator[Record]:
    """Done and open ones, some bound to nothing."""
    rng = random.Random(f"{seed}/activities")
    times = Times(rng, sizes.activities)
    for number in range(sizes.activities):
        stamps = _times(times, number)
        person = rng.randint(1, sizes.persons) if sizes.persons and rng.random() < 0.6 else None
        done = rng.random() < 0.5
        due = times.added_at(number) + timedelta(days=rng.randrange(60))
        yield {
            "id": number + 1,
            "subject": rng.choice(words.SUBJECTS),
            "type": rng.choice(ACTIVITY_TYPES),
            "owner_id": rng.randint(1, USERS),
            "creator_user_id": rng.randint(1, USERS),
            "is_deleted": False,
            **stamps,
            "deal_id": _one_of(rng, sizes.deals, 0.4),
            "lead_id": None,
            "person_id": person,
            "org_id": _one_of(rng, sizes.organizations, 0.4),
            "project_id": None,
            "due_date": min(due, LAST).date().isoformat(),
            "due_time": rng.choice((None, "09:30:00", "23:45:00")),
            "duration": rng.choice((None, "00:30:00", "01:00:00")),
            "busy": rng.random() < 0.2,
            "done": done,
            "marked_as_done_time": stamps["update_time"] if done else None,
            "location": address(rng) if rng.random() < 0.2 else None,
            "participants": [{"person_id": person, "primary": True}] if person else [],
            "attendees": _attendees(rng, person),
            "conference_meeting_client": None,
            "conference_meeting_url": None,
            "conference_meeting_id": None,
            "public_description": None,
            "priority": rng.choice((None, None, 1, 2, 3)),
            "outcome": None,
            "note": rng.choice((None, "<p>Ask for <b>budget</b> &amp; time</p>", "")),
        }


def _one_of(rng: random.Random, total: int, share: float) -> int | None:
    return rng.randint(1, total) if total and rng.random() < share else None


def _attendees(rng: random.Random, person: int | None) -> list[dict[str, Any]]:
    if person is None or rng.random() < 0.7:
        return []
    return [
        {
            "email": f"guest{person}@example.com",
            "name": f"Guest {person}",
            "status": rng.choice(("noreply", "accepted", "declined")),
            "is_organizer": False,
            "person_id": person,
            "user_id": None,
        }
    ]
