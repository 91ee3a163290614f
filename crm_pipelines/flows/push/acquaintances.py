"""Who is in the CRM already, by e-mail address or name, without a search for each of them.

The mirror knows everybody up to its watermark; one list of what changed since then makes it
current. A search costs twenty tokens and its index lags; this costs next to nothing for many.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from crm_pipelines.model.command import Entity
from crm_pipelines.model.sink import Found, Sink
from crm_pipelines.store import history
from crm_pipelines.store.database import Database

STREAMS = {Entity.PERSON: "persons", Entity.ORGANIZATION: "organizations"}
Known = Mapping[str, frozenset[int]]
"""Ids of records by key."""


def key_of(text: str) -> str:
    """What an address or a name is compared by."""
    return text.strip().lower()


class Acquaintances:
    """Those of one account. Safe to share between threads."""

    def __init__(self, database: Database, workspace: str, crm: str) -> None:
        self._database = database
        self._about = {"workspace": workspace, "crm": crm}
        self._lock = threading.Lock()
        self._seen: dict[Entity, dict[int, frozenset[str]]] = defaultdict(dict)
        self._seen_from: dict[Entity, datetime] = {}
        self._seen_until: dict[Entity, datetime] = {}

    def look(self, sink: Sink, entity: Entity, keys: Iterable[str]) -> Known | None:
        """Who has these addresses (or names) now; ``None`` without a mirror to start from."""
        watermark = history.watermark(self._database, **self._about, stream=STREAMS[entity])
        if watermark is None or not self._mirrored(entity):
            return None
        wanted = sorted({key_of(key) for key in keys})
        with self._lock:
            self._catch_up(sink, entity, watermark)
            seen = dict(self._seen[entity])
        found: dict[str, set[int]] = {key: set() for key in wanted}
        rows = self._database.run(
            f"push.mirrored_{STREAMS[entity]}",
            {"workspace": self._about["workspace"], "keys": wanted},
        )
        for row in rows:
            if row["id"] not in seen:
                found[row["key"]].add(row["id"])
        for identity, its_keys in seen.items():
            for key in its_keys & found.keys():
                found[key].add(identity)
        return {key: frozenset(ids) for key, ids in found.items()}

    def _mirrored(self, entity: Entity) -> bool:
        table = f"{self._about['crm']}.{STREAMS[entity]}"
        return bool(self._database.run("push.mirror_exists", {"table": table})[0]["there"])

    def _catch_up(self, sink: Sink, entity: Entity, watermark: datetime) -> None:
        """What was seen before the watermark is in the mirror by now."""
        begun = history.database_time(self._database)
        if entity not in self._seen_from or self._seen_from[entity] < watermark:
            self._seen[entity].clear()
            self._seen_from[entity] = self._seen_until[entity] = watermark
        for found in sink.changed_since(entity, self._seen_until[entity]):
            self._seen[entity][found.remote_id] = _keys(entity, found)
        self._seen_until[entity] = begun


def _keys(entity: Entity, found: Found) -> frozenset[str]:
    if entity is Entity.PERSON:
        return frozenset(key_of(address) for address in found.values.get("email") or ())
    return frozenset({key_of(str(found.values.get("name") or ""))})
