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

import httpx

from crm_pipelines.connectors.pipedrive.events import identify
from crm_pipelines.flows.inbox.batches import Applied
from crm_pipelines.flows.inbox.flow import Inbox
from crm_pipelines.store import inbox as store
from crm_pipelines.store.inbox.arrivals import Arrival, insert
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.receiver import Receiver, receiving
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox

Body = dict[str, Any]
FAR = "1970-01-01T00:00:00Z"


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
        """What was delivered since the last time, once all of it has come."""
        deadline = time.monotonic() + 60
        while any(hook["waiting"] for hook in self._hooks()):
            assert time.monotonic() < deadline, "deliveries do not arrive"
            time.sleep(0.01)
        every = self.receiver.bodies()
        self.taken, new = len(every), every[self.taken :]
        return new

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
    with httpx.Client(trust_env=False, headers=headers) as client:
        client.post(f"{sandbox.url}/api/v1/webhooks", json=body).raise_for_status()


@contextmanager
def posting(sandbox: Sandbox, mirror: Mirroring, version: str = "2.0") -> Iterator[Post]:
    """The sandbox's webhooks of one version go to a receiver as long as the block lasts."""
    with receiving() as receiver:
        register(sandbox, receiver.url, version)
        yield Post(sandbox, mirror, receiver)
