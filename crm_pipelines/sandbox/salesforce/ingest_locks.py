"""Batches of one job run side by side, and lock the parents of the rows they write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.schema.objects import SObject


class ParentLocks:
    """Who holds which parent. ``batch_rows`` is how many rows one batch has."""

    def __init__(self, sobject: SObject, batch_rows: int) -> None:
        self._sobject, self._batch_rows = sobject, batch_rows
        self._holders: dict[tuple[str, str], int] = {}

    def take(self, number: int, wish: Mapping[str, Any]) -> None:
        """Lock the parents of a row, counted from 0. Raises what waiting in vain ends with."""
        batch = number // self._batch_rows
        for parent in self._parents(wish):
            if self._holders.setdefault(parent, batch) != batch:
                raise Problem(
                    400,
                    "UNABLE_TO_LOCK_ROW",
                    f"unable to obtain exclusive access to this record or 1 records: {parent[1]}",
                    [],
                )

    def _parents(self, wish: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, value in wish.items():
            named = isinstance(value, Mapping)
            found = (self._sobject.parents if named else self._sobject.by_name).get(name.lower())
            if found is None or found.type != "reference" or "User" in found.refers_to:
                continue
            text = next(iter(value.values())) if named else value
            if text is not None:
                yield found.name, str(text).lower()
