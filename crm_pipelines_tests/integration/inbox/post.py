"""Deliveries of a sandbox: taken down by a receiver, put into the inbox as a test wants them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crm_pipelines.connectors.pipedrive.events import identify
from crm_pipelines.flows.inbox.batches import Applied
from crm_pipelines.flows.inbox.flow import Inbox
from crm_pipelines.model.window import Mode
from crm_pipelines.store import inbox as store
from crm_pipelines.store.inbox.arrivals import Arrival, insert
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.receiver import Receiver, receiving
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client

Body = dict[str, Any]
TABLES = (
    "persons",
    "organizations",
    "deals",
    "activities",
    "products",
    "leads",
    "notes",
    "pipelines",
    "stages",
    "users",
    "activity_types",
)
STREAMS = (*TABLES, "archived_deals", "archived_leads")
"""What events of the simulated Pipedrive are about."""


@dataclass
class Post:
    """What comes of the sandbox's webhooks, and the inbox that it is for."""

    sandbox: Sandbox
    mirror: Mirroring
    receiver: Receiver
    taken: int = 0

    @property
    def flow(self) -> Inbox:
        """The inbox of the sandbox's Pipedrive."""
        return self.mirror.wiring.inbox("default")

    def change(self, method: str, path: str, body: Any = None, source: str = "app") -> Any:
        """Somebody changes something in the CRM's pages."""
        return self.sandbox.admin(method, f"/pipedrive/records/{path}", body)

    def bodies(self) -> list[Body]:
        """What was delivered since the last time, once all of it has come; the oldest first."""
        deadline = time.monotonic() + 60
        while any(hook["waiting"] for hook in self._hooks()):
            assert time.monotonic() < deadline, "deliveries do not arrive"
            time.sleep(0.01)
        every = self.receiver.bodies()
        self.taken, new = len(every), every[self.taken :]
        return sorted(new, key=lambda one: str(one["meta"]["timestamp"]))  # ways cross

    def put(self, bodies: Sequence[Body | bytes]) -> None:
        """Into the inbox, as the receiver would: what has come before is left out."""
        arrivals = []
        for body in bodies:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            id_ = identify(raw) or f"test-{hash(raw)}"
            arrivals.append(Arrival("default", "pipedrive", id_, raw, None, datetime.now(UTC)))
        with self.mirror.wiring.database.transaction() as connection:
            insert(connection, arrivals)

    def work(self, bodies: Sequence[Body | bytes] | None = None, most: int = 500) -> Applied:
        """Put them in (what was delivered, unless given), and apply what waits."""
        self.put(self.bodies() if bodies is None else bodies)
        return self.flow.work(most=most)

    def states(self) -> Counter[str]:
        """How many deliveries are in which state."""
        counts = store.counts(self.mirror.wiring.database, "default")
        return Counter({state: count for state, count in counts.items() if count})

    def hurry(self) -> None:
        """The time of everything that waits has come."""
        self.mirror.query(
            "UPDATE sync.inbox SET next_attempt_at = clock_timestamp() WHERE status = 'waiting'"
        )

    def calls(self, since: int) -> list[str]:
        """Requests to the CRM after a number of its journal, those about webhooks left out."""
        entries = self.sandbox.journal(since)
        return [one["path"] for one in entries if "/webhooks" not in one["path"]]

    def journal_end(self) -> int:
        """The number of the last request."""
        entries = self.sandbox.journal()
        return int(entries[-1]["number"]) if entries else 0

    def _hooks(self) -> list[Body]:
        found: list[Body] = self.sandbox.admin("GET", "/pipedrive/webhooks")
        return found


def snapshot(mirror: Mirroring, names: Sequence[str]) -> dict[tuple[str, Any], dict[str, Any]]:
    """Rows of mirror tables as the CRM's columns have them, and whether they are tombstones."""
    found: dict[tuple[str, Any], dict[str, Any]] = {}
    for name in names:
        for id_, row in mirror.rows(f"pipedrive.{name}", deleted=True).items():
            own = {key: value for key, value in row.items() if not key.startswith("_")}
            found[name, id_] = {**own, "deleted": row["_deleted_at"] is not None}
    return found


def wrong_rows(
    mirror: Mirroring, tables: Sequence[str] = TABLES, streams: Sequence[str] = STREAMS
) -> dict[tuple[str, Any], Any]:
    """What full syncs change in the mirror, by table and id: nothing, if it is right."""
    before = snapshot(mirror, tables)
    for name in streams:
        mirror(f"pipedrive.{name}", mode=Mode.FULL)
    after = snapshot(mirror, tables)
    found: dict[tuple[str, Any], Any] = {}
    for key in {*before, *after}:
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            found[key] = "missing" if old is None else "lost"
        elif old != new:
            found[key] = {n: (old[n], new[n]) for n in new if old[n] != new[n]}
    return found


def register(sandbox: Sandbox, url: str, version: str) -> None:
    """A webhook for everything."""
    body: Mapping[str, str] = {
        "subscription_url": url,
        "event_action": "*",
        "event_object": "*",
        "name": f"everything {version}",
        "version": version,
    }
    headers = {"x-api-token": TOKEN}
    with plain_client(headers=headers) as client:
        client.post(f"{sandbox.url}/api/v1/webhooks", json=body).raise_for_status()


@contextmanager
def posting(sandbox: Sandbox, mirror: Mirroring, version: str = "2.0") -> Iterator[Post]:
    """The sandbox's webhooks of one version go to a receiver as long as the block lasts."""
    with receiving() as receiver:
        register(sandbox, receiver.url, version)
        yield Post(sandbox, mirror, receiver)
