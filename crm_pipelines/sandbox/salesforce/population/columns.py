"""Columns of one object's records, drawn chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from crm_pipelines.sandbox.salesforce.identity import make_id
from crm_pipelines.sandbox.salesforce.population import awkward
from crm_pipelines.sandbox.salesforce.population.pools import LAST_NAMES, Value, pool
from crm_pipelines.sandbox.salesforce.schema.fields import Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject

_FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)
_SECONDS = int((datetime(2026, 6, 30, tzinfo=UTC) - _FIRST_DAY).total_seconds())
_DAYS = [(_FIRST_DAY + timedelta(days=n)).date().isoformat() for n in range(_SECONDS // 86_400 + 1)]
_NULLS = 0.3

Counts = dict[str, int]
"""How many records each object has, by object name."""


class Columns:
    """Draws an object's values; the same seed draws the same ones."""

    def __init__(self, sobject: SObject, prefixes: dict[str, str], counts: Counts, seed: int):
        self._sobject, self._prefixes, self._counts = sobject, prefixes, counts
        self._rng = Random(f"{seed}/{sobject.name}")
        # a small company meets as many odd values as a large one
        self._pool_size = 96 if counts[sobject.name] <= 500 else 512
        self._pools = {f.name: self._pool(f) for f in sobject.stored}
        self._imports = [self._rng.randrange(_SECONDS) for _ in range(40)]

    def rows(self, first: int, count: int) -> list[tuple[Value, ...]]:
        """Records number ``first`` up to ``first + count``, in the order of stored fields."""
        stamps = self._stamps(count)
        numbers = range(first, first + count)
        columns = [
            stamps[field.name] if field.name in stamps else self._column(field, numbers)
            for field in self._sobject.stored
        ]
        return list(zip(*columns, strict=True))

    def _pool(self, field: Field) -> list[Value]:
        values = pool(field, self._rng, self._pool_size)
        if field.name == "LastName":
            values = [*(self._rng.choice(LAST_NAMES) for _ in range(500)), *awkward.LAST_NAMES]
        if field.nillable:
            values += [None] * int(len(values) * _NULLS / (1 - _NULLS))
        return values

    def _column(self, field: Field, numbers: Sequence[int]) -> Sequence[Value]:
        count = len(numbers)
        if field.name == "Id":
            return [make_id(self._sobject.prefix, number) for number in numbers]
        if field.name in {"IsDeleted", "MasterRecordId"}:
            return [None if field.name == "MasterRecordId" else "false"] * count
        if field.type == "reference":
            return self._references(field, count)
        if field.external_id or field.unique:
            return self._unique(field, numbers)
        if field.name == "Email":
            return self._emails(numbers)
        return self._rng.choices(self._pools[field.name], k=count)

    def _references(self, field: Field, count: int) -> list[Value]:
        target = field.refers_to[0]
        size = self._counts.get(target, 0)
        if not size or field.name in {"ParentId", "ReportsToId", "ManagerId"}:
            return [None] * count
        prefix, rng = self._prefixes[target], self._rng
        drawn = [int(rng.random() * size) + 1 for _ in range(count)]
        nulls = _NULLS if field.nillable else 0.0
        return [None if rng.random() < nulls else make_id(prefix, n) for n in drawn]

    def _unique(self, field: Field, numbers: Sequence[int]) -> list[Value]:
        if field.name.lower() == "npi__c":
            return [f"{number * 7919 % 10**10:010d}" for number in numbers]
        if field.name == "Username":
            return [
                "sandbox@example.com" if number == 1 else f"user{number}@example.com"
                for number in numbers
            ]
        return [f"{self._sobject.name[:3].upper()}-{number:08d}" for number in numbers]

    def _emails(self, numbers: Sequence[int]) -> list[Value]:
        domains = ("example.org", "example.com", "clinic.example", "Müller.example")
        return [
            None if self._rng.random() < _NULLS else f"p{n}@{domains[n % len(domains)]}"
            for n in numbers
        ]

    def _stamps(self, count: int) -> dict[str, list[Value]]:
        rng = self._rng
        rows: list[tuple[str, str, str]] = []
        for _ in range(count):
            changed = (
                rng.choice(self._imports) if rng.random() < 0.2 else int(rng.random() * _SECONDS)
            )
            created = int(rng.random() * changed)
            modified = changed if rng.random() < 0.9 else (created + changed) // 2
            rows.append((_stamp(created), _stamp(modified), _stamp(changed)))
        created_at, modified_at, changed_at = map(list, zip(*rows, strict=True))
        return {
            "CreatedDate": created_at,
            "LastModifiedDate": modified_at,
            "SystemModstamp": changed_at,
        }


def _stamp(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    minutes, second = divmod(rest, 60)
    return f"{_DAYS[days]}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.000Z"
