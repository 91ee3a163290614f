"""A believable local side: people, companies, what was done and what may be sold.

The same seed gives the same rows, whenever it is asked.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Row = Mapping[str, Any]

SELLERS = 6
"""Users of the simulated Pipedrive have these addresses, so that owners are found."""

CONTACTS_OF_A_COMPANY = 4
TODAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
"""What is due before is done."""

FIRST_NAMES = (
    *("Aino", "Baptiste", "Carmen", "Dagmar", "Emil", "Freya", "Giulia", "Henrik", "Inês"),
    *("Jakub", "Katarzyna", "Leïla", "Matteo", "Nadia", "Otto", "Petra", "Rafael", "Signe"),
    *("Tuuli", "Ulrike", "Vincent", "Wanda", "Yara", "Zeynep"),
)
LAST_NAMES = (
    *("Almeida", "Berg", "Conti", "Duarte", "Ek", "Fischer", "García", "Horváth", "Ilves"),
    *("Johansson", "Keller", "Laurent", "Møller", "Novák", "Öztürk", "Pärn", "Ricci", "Sato"),
    *("Tamm", "Urban", "Virtanen", "Wójcik", "Ziegler"),
)
COMPANY_STEMS = (
    *("Alder", "Brightwater", "Cinder", "Dovetail", "Elmfield", "Foxglove", "Granite"),
    *("Harbour", "Ironwood", "Juniper", "Kingfisher", "Lantern", "Marlow", "Nordlys"),
)
COMPANY_TRADES = (
    "Analytics",
    "Diagnostics",
    "Foods",
    "Logistics",
    "Robotics",
    "Software",
    "Textiles",
)
INDUSTRIES = ("Health care", "Manufacturing", "Retail", "Software", "Transport")
PLACES = (
    ("Estonia", "Pikk 12, Tallinn", "+372 5"),
    ("Finland", "Aleksanterinkatu 3, Helsinki", "+358 40 "),
    ("France", "8 rue des Lilas, Nantes", "+33 6 "),
    ("Germany", "Lindenstraße 40, Leipzig", "+49 151 "),
    ("Portugal", "Rua do Ouro 77, Porto", "+351 91 "),
)
SUBJECTS = {
    "CALL": ("First call", "Call about the offer", "Call back"),
    "EMAIL": ("Sent the brochure", "Follow-up by e-mail"),
    "MEETING": ("Demo", "Meeting on site"),
    "LINKEDIN": ("Wrote on LinkedIn",),
    "REFERRAL": ("Was recommended to us",),
    "CONFERENCE": ("Talked at the fair",),
}
NOTES = (
    "Wants to see figures & a plan first.",
    "Decides with the head of <operations>.",
    "Budget is settled in the next quarter.",
    None,
)
SCORES, WEIGHTS = (0, 1, 2, 3, 4, 5), (20, 20, 18, 14, 16, 12)


def demo_rows(contacts: int, seed: int) -> dict[str, list[Row]]:
    """Rows by table, in an order in which they can be inserted."""
    dice = random.Random(seed)
    companies = list(_companies(dice, seed, max(1, contacts // CONTACTS_OF_A_COMPANY)))
    people = list(_people(dice, seed, contacts, companies))
    return {
        "users": [_seller(number) for number in range(1, SELLERS + 1)],
        "organizations": [{n: v for n, v in one.items() if n != "dial"} for one in companies],
        "contacts": people,
        "deals": list(_deals(dice, people)),
        "activities": list(_activities(dice, people)),
    }


def _seller(number: int) -> Row:
    name = f"{FIRST_NAMES[number * 3]} {LAST_NAMES[number * 2]}"
    return {"id": f"demo-user-{number}", "email": _seller_address(number), "name": name}


def _seller_address(number: int) -> str:
    return f"user{number}@sandbox.example.com"


def _companies(dice: random.Random, seed: int, number: int) -> Iterator[Row]:
    names = len(COMPANY_STEMS) * len(COMPANY_TRADES)
    for place in range(number):
        country, address, dial = dice.choice(PLACES)
        round_, which = divmod(place, names)
        stem, trade = COMPANY_STEMS[which % 14], COMPANY_TRADES[which // 14]
        yield {
            "id": f"demo-{seed}-organization-{place + 1}",
            "name": f"{stem} {trade}" + (f" {round_ + 1}" if round_ else ""),
            "industry": dice.choice(INDUSTRIES),
            "country": country,
            "address": address,
            "dial": dial,
        }


def _people(dice: random.Random, seed: int, number: int, companies: list[Row]) -> Iterator[Row]:
    for place in range(1, number + 1):
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        company = dice.choice(companies)
        alone = dice.random() < 0.08
        host = "mail.example.org" if alone else f"{_plain(company['name'])}.example.com"
        yield {
            "id": f"demo-{seed}-contact-{place}",
            "name": f"{first} {last}",
            "email": f"{_plain(first)}.{_plain(last)}.{seed}-{place}@{host}",
            "phone": f"{company['dial']}{dice.randrange(10**6, 10**7)}",
            "organization_id": None if alone else company["id"],
            "user_email": _seller_address(dice.randint(1, SELLERS)),
            "warmness_score": dice.choices(SCORES, WEIGHTS)[0],
        }


def _deals(dice: random.Random, people: list[Row]) -> Iterator[Row]:
    for person in people:
        if person["warmness_score"] >= 3 and dice.random() < 0.4:
            yield {
                "id": f"{person['id']}-deal",
                "title": f"{dice.choice(('Licences', 'Pilot', 'Roll-out'))} for {person['name']}",
                "value": dice.randrange(5, 400) * 100,
                "currency": dice.choice(("EUR", "USD")),
                "contact_id": person["id"],
            }


def _activities(dice: random.Random, people: list[Row]) -> Iterator[Row]:
    for person in people:
        for number in range(1, dice.randint(0, person["warmness_score"]) + 1):
            kind = dice.choice(tuple(SUBJECTS))
            due_at = TODAY + timedelta(days=dice.randint(-40, 20), minutes=15 * dice.randrange(40))
            yield {
                "id": f"{person['id']}-activity-{number}",
                "contact_id": person["id"],
                "type": kind,
                "subject": dice.choice(SUBJECTS[kind]),
                "note": dice.choice(NOTES),
                "due_at": due_at.isoformat(),
                "minutes": dice.choice((15, 30, 60)),
                "done": due_at < TODAY,
            }


def _plain(text: str) -> str:
    """Letters of an address."""
    text = text.replace("ø", "o").replace("ß", "ss")
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(letters.split())
