"""Random edits of a handful of rows and of their records."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_pipelines_tests.integration.push.pushing import COLLECTIONS
from crm_pipelines_tests.integration.two_way.sides import Sides

NAMES = ("Ada", "Ada & Co", "Grace <Hopper>", "Łódź", "x" * 200, "'; --")
STAGES = (1, 2, 3)


def _texts(dice: random.Random) -> str:
    return dice.choice(NAMES) + str(dice.randrange(100))


def _email(dice: random.Random) -> str | None:
    return dice.choice((None, f"a{dice.randrange(30)}@example.com"))


def _phone(dice: random.Random) -> str | None:
    return dice.choice((None, f"+372 {dice.randrange(1000)}"))


def _list(value: str | None) -> list[dict[str, Any]]:
    return [{"value": value, "primary": True, "label": "work"}] if value else []


def _due(dice: random.Random) -> datetime | None:
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(500_000))
    return dice.choice((None, day))


class Edits:
    """Both sides have the same two contacts, their company, two deals and two activities."""

    def __init__(self, sides: Sides, dice: random.Random) -> None:
        self.sides, self.dice = sides, dice
        self.company = sides.push.add("organizations", name="Engines", country="Estonia")
        self.contacts = [
            sides.push.lead(name, organization_id=self.company) for name in ("Ada", "Grace")
        ]
        self.deals = [
            sides.push.add("deals", title="Deal", contact_id=one) for one in self.contacts
        ]
        self.activities = [
            sides.push.add("activities", contact_id=one, type="CALL", subject="Hello")
            for one in self.contacts
        ]
        sides.settle()

    def here(self) -> None:
        """Somebody edits a row, one or two fields of it."""
        table, identity = self._row()
        values = self._some(_HERE[table](self))
        self.sides.push.change(table, identity, **values)

    def there(self, *, by_program: bool = False) -> None:
        """Somebody edits a record."""
        table, identity = self._row()
        values = self._some(_THERE[table](self))
        if by_program:
            remote_id = self.sides.remote_id(table, identity)
            self.sides.change_by_program(COLLECTIONS[table][0], remote_id, **values)
        else:
            self.sides.change(table, identity, **values)

    def _row(self) -> tuple[str, str]:
        rows = [
            ("organizations", self.company),
            *(("contacts", one) for one in self.contacts),
            *(("deals", one) for one in self.deals),
            *(("activities", one) for one in self.activities),
        ]
        return self.dice.choice(rows)

    def _some(self, values: dict[str, Any]) -> dict[str, Any]:
        names = self.dice.sample(sorted(values), self.dice.choice((1, 1, 2)))
        return {name: values[name] for name in names}


Values = dict[str, Any]


def _contact(edits: Edits) -> Values:
    dice = edits.dice
    company = dice.choice((None, edits.company))
    return {
        "name": _texts(dice),
        "email": _email(dice),
        "phone": _phone(dice),
        "organization_id": company,
    }


def _person(edits: Edits) -> Values:
    dice = edits.dice
    company = edits.sides.remote_id("organizations", edits.company)
    return {
        "name": _texts(dice),
        "emails": _list(_email(dice)),
        "phones": _list(_phone(dice)),
        "org_id": dice.choice((None, company)),
    }


def _local_company(edits: Edits) -> Values:
    dice = edits.dice
    return {"name": _texts(dice), "country": dice.choice(("Estonia", "Latvia"))}


def _company(edits: Edits) -> Values:
    dice = edits.dice
    country = dice.choice(("Estonia", "Latvia"))
    return {"name": _texts(dice), "address": {"value": "Street 1", "country": country}}


def _local_deal(edits: Edits) -> Values:
    dice = edits.dice
    return {
        "title": _texts(dice),
        "value": dice.choice((0, 1.5, 20_000)),
        "stage_id": dice.choice(STAGES),
        "status": dice.choice(("open", "won", "lost")),
        "contact_id": dice.choice(edits.contacts),
    }


def _deal(edits: Edits) -> Values:
    dice = edits.dice
    contact = edits.sides.remote_id("contacts", dice.choice(edits.contacts))
    values = _local_deal(edits)
    del values["contact_id"]
    return {**values, "currency": dice.choice(("EUR", "USD")), "person_id": contact}


def _local_activity(edits: Edits) -> Values:
    dice = edits.dice
    return {
        "subject": _texts(dice),
        "type": dice.choice(("CALL", "LINKEDIN", "REFERRAL", "lunch")),
        "note": dice.choice((None, "a < b\nc", "plain")),
        "done": dice.choice((True, False)),
        "due_at": _due(dice),
        "duration": dice.choice((None, timedelta(minutes=45))),
    }


def _activity(edits: Edits) -> Values:
    dice, due = edits.dice, _due(edits.dice)
    return {
        "subject": _texts(dice),
        "type": dice.choice(("call", "task", "lunch")),
        "note": dice.choice((None, "<p>one</p><p>two</p>", "x &amp; y")),
        "done": dice.choice((True, False)),
        "due_date": due and due.date().isoformat(),
        "duration": dice.choice((None, "00:30:00")),
    }


_HERE = {
    "contacts": _contact,
    "organizations": _local_company,
    "deals": _local_deal,
    "activities": _local_activity,
}
_THERE = {
    "contacts": _person,
    "organizations": _company,
    "deals": _deal,
    "activities": _activity,
}
