"""Contacts to write, with everything in them that a file may trip over, and what is to become."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

SCHEMA = pa.schema(
    {
        "External_Id__c": pa.string(),
        "LastName": pa.large_string(),
        "FirstName": pa.dictionary(pa.int32(), pa.string()),
        "Description": pa.string(),
        "Birthdate": pa.date32(),
        "DoNotCall": pa.bool_(),
        "Quality_Score__c": pa.decimal128(5, 2),
        "Claims_Count__c": pa.int64(),
        "Lifetime_Value__c": pa.float64(),
        "Credentialed_At__c": pa.timestamp("us", "Europe/Berlin"),
        "Opens_At__c": pa.time64("us"),
        "Account.External_Id__c": pa.string(),
    }
)
MORNING = datetime(2020, 1, 1, 8, tzinfo=UTC)
TEXTS = (
    'say "hello", twice',
    "two\nlines",
    "; | \t ^ ` 'quoted'",
    "naïve 日本 \U0001f600",
    '"',
    ",",
)


def people(count: int, parents: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of contacts, the children of each parent far from each other."""
    rows = [person(number, parents) for number in range(count)]
    for start in range(0, count, 3_000):
        yield pa.RecordBatch.from_pylist(rows[start : start + 3_000], schema=SCHEMA)


def person(number: int, parents: list[str]) -> dict[str, Any]:
    """One of them; every value differs from its neighbours'."""
    return {
        "External_Id__c": f"P-{number:06}",
        "LastName": f"{TEXTS[number % len(TEXTS)]} {number}",
        "FirstName": ("Ann", "Bo", None)[number % 3],
        "Description": None if number % 5 == 0 else f"line\n{number}",
        "Birthdate": date(1950, 1, 1) + timedelta(days=number),
        "DoNotCall": number % 2 == 0,
        "Quality_Score__c": Decimal(number % 1_000) / 100,
        "Claims_Count__c": number,
        "Lifetime_Value__c": number / 8 if number % 7 else 1e-8 * number,
        "Credentialed_At__c": MORNING + timedelta(minutes=number, milliseconds=number % 1_000),
        "Opens_At__c": time(number % 24, number % 60, 0, 500_000),
        "Account.External_Id__c": parents[number % len(parents)],
    }


def stored(row: dict[str, Any], accounts: dict[str, str]) -> dict[str, Any]:
    """The row as the sandbox's truth tells it."""
    moment = row["Credentialed_At__c"].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    rest = {name: value for name, value in row.items() if "." not in name}
    return {
        **rest,
        "Birthdate": row["Birthdate"].isoformat(),
        "Quality_Score__c": float(row["Quality_Score__c"]),
        "Lifetime_Value__c": round(row["Lifetime_Value__c"], 8),
        "Credentialed_At__c": moment,
        "Opens_At__c": row["Opens_At__c"].strftime("%H:%M:%S.500Z"),
        "AccountId": accounts[row["Account.External_Id__c"]],
    }
