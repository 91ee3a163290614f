"""A stream's fields, and the members of its records, as the last sync knew them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from crm_pipelines.model.stream import Field
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query


@dataclass(frozen=True)
class Known:
    """``keys`` are members of records by the column they stand in."""

    fields: tuple[Field, ...] = ()
    keys: dict[str, list[str]] = field(default_factory=dict)


def recall(database: Database, about: Mapping[str, Any]) -> Known:
    """What the last sync knew; nothing before the first."""
    rows = database.run("known.recall", about)
    if not rows:
        return Known()
    return Known(msgspec.convert(rows[0]["fields"], tuple[Field, ...]), rows[0]["keys"])


def remember(connection: Connection, about: Mapping[str, Any], now: Known) -> None:
    """Replace it, if it is another."""
    fields = Jsonb(msgspec.to_builtins(now.fields))
    values = {**about, "fields": fields, "keys": Jsonb(now.keys)}
    connection.execute(query("known.remember"), values)
