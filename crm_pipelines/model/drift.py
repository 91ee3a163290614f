"""How a stream's fields differ from those of its last sync."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crm_pipelines.model.stream import Field, free_name

NOTE = "schema_drift"
"""Under which name a run's metrics and metadata hold it."""


@dataclass(frozen=True)
class Drift:
    """Columns by name, types as ``bigint → text``, keys as ``column.member``.

    ``vanished`` are fields the CRM no longer has: their columns stay, with the data they had.
    ``narrowed`` are types that hold less than before: the column stays as wide as it was.
    ``unread`` counts records by members that no column is declared for, where they are new or
    changed. ``hindrances`` say what
    kept a column or a view from following.
    """

    added: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    widened: Mapping[str, str] = field(default_factory=dict)
    narrowed: Mapping[str, str] = field(default_factory=dict)
    added_keys: tuple[str, ...] = ()
    vanished_keys: tuple[str, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    hindrances: tuple[str, ...] = ()

    @property
    def notes(self) -> dict[str, Any]:
        """What there is to tell, ready for JSON; empty if nothing is new."""
        told = {
            "added_columns": list(self.added),
            "vanished_columns": list(self.vanished),
            "widened_columns": dict(self.widened),
            "narrowed_columns": dict(self.narrowed),
            "added_keys": list(self.added_keys),
            "vanished_keys": list(self.vanished_keys),
            "unread_keys": dict(self.unread),
            "hindrances": list(self.hindrances),
        }
        return {name: value for name, value in told.items() if value}


def keep_names(known: Iterable[Field], now: Iterable[Field]) -> tuple[Field, ...]:
    """Described fields under the column names they had, whatever came or went beside them.

    Two fields of the CRM may have one name in snake case; the first of them has the plain one.
    """
    names = {one.source: one.name for one in known}
    described = tuple(now)
    taken = {names[one.source] for one in described if one.source in names}
    found = []
    for one in described:
        name = names.get(one.source) or free_name(one.name, taken)
        taken.add(name)
        found.append(replace(one, name=name))
    return tuple(found)


def unfilled(known: Iterable[Field], now: Iterable[Field]) -> bool:
    """Whether a field is new, or of another type: its values may have come without any stamp."""
    before = {(one.name, one.type) for one in known}
    return bool(before) and any((one.name, one.type) not in before for one in now)


def vanished(known: Iterable[Field], now: Iterable[Field]) -> tuple[str, ...]:
    """Columns whose fields the last sync knew and this one does not."""
    left = {one.name for one in now}
    return tuple(one.name for one in known if one.name not in left)


def appeared(known: Iterable[Field], now: Iterable[Field]) -> tuple[str, ...]:
    """Columns whose fields the last sync did not know; none where there was no last sync."""
    before = {one.name for one in known}
    return tuple(one.name for one in now if one.name not in before) if before else ()
