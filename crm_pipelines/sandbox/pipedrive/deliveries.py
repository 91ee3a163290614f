"""Delivering events to webhooks: attempts, retries, bans, removal."""

from __future__ import annotations

import heapq
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.pipedrive import event_bodies
from crm_pipelines.sandbox.pipedrive.changes import Change
from crm_pipelines.sandbox.pipedrive.fields import Fields
from crm_pipelines.sandbox.pipedrive.records import Records, encode
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record

RETRY_SECONDS = (3.0, 30.0, 150.0)
ANSWER_SECONDS = 10.0
FAILURES_TO_BAN = 10
BAN_SECONDS = 1800.0
REMOVED_AFTER = timedelta(days=3)
SILENT = ("webhooks", "currencies", "filters", "files", "leadLabels")
"""Collections that no event is about."""


@dataclass(order=True)
class _Due:
    """One attempt that is planned, by real (monotonic) time."""

    at: float
    number: int
    webhook_id: int = field(compare=False)
    change: Change = field(compare=False)
    event: str = field(compare=False)
    attempt: int = field(compare=False, default=1)


@dataclass
class _Standing:
    """How a webhook is doing. Times: ``banned_until`` monotonic, ``failing_since`` the clock's."""

    failures: int = 0
    banned_until: float = 0.0
    failing_since: datetime | None = None


class Deliveries:
    """Sends in the background; its threads start with the first event for a webhook."""

    def __init__(
        self, clock: Clock, records: Records, fields: Fields, limits: Mapping[str, int]
    ) -> None:
        self._clock, self._records, self._fields = clock, records, fields
        self._limits = limits
        self._wake = threading.Condition()
        self._queue: list[_Due] = []
        self._standing: dict[int, _Standing] = {}
        self._log: deque[Record] = deque(maxlen=10_000)
        self._number = 0
        self._thread: threading.Thread | None = None
        self._stopping = False

    def hear(self, change: Change) -> None:
        """Queue a change for every webhook that wants it; banned ones lose it."""
        if change.collection in SILENT:
            return
        for webhook in self._records.each("webhooks"):
            if not webhook["is_active"] or not _wants(webhook, change):
                continue
            event = str(uuid.uuid4())
            if self._is_banned(webhook["id"]):
                self._note(webhook["id"], change, event, 0, "lost in a ban")
            else:
                self._plan(webhook["id"], change, event, 1, 0.0)

    def log(self) -> list[Record]:
        """The last attempts and losses, oldest first."""
        with self._wake:
            return list(self._log)

    def close(self) -> None:
        """Stop; what was not delivered is lost."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(ANSWER_SECONDS + 1)

    def _scaled(self, seconds: float) -> float:
        return seconds * self._limits["webhook_time_scale_percent"] / 100

    def _is_banned(self, webhook_id: int) -> bool:
        with self._wake:
            standing = self._standing.get(webhook_id)
            return standing is not None and time.monotonic() < standing.banned_until

    def _plan(self, webhook_id: int, change: Change, event: str, attempt: int, wait: float) -> None:
        with self._wake:
            self._number += 1
            due = _Due(time.monotonic() + wait, self._number, webhook_id, change, event, attempt)
            heapq.heappush(self._queue, due)
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def _run(self) -> None:
        with ThreadPoolExecutor(8, "webhook") as pool, httpx.Client(trust_env=False) as client:
            while (due := self._next()) is not None:
                pool.submit(self._attempt, client.post, due)

    def _next(self) -> _Due | None:
        with self._wake:
            while not self._stopping:
                wait = self._queue[0].at - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._queue)
                self._wake.wait(wait)
            return None

    def _attempt(self, post: Callable[..., httpx.Response], due: _Due) -> None:
        webhook = self._records.get("webhooks", due.webhook_id)
        if webhook is None or not webhook["is_active"]:
            return
        status, words = self._send(post, webhook, due)
        self._note(due.webhook_id, due.change, due.event, due.attempt, words, status)
        good = status is not None and 200 <= status < 300
        self._judge(webhook, due, good=good, status=status)
        if not good and due.attempt <= len(RETRY_SECONDS):
            wait = self._scaled(RETRY_SECONDS[due.attempt - 1])
            self._plan(due.webhook_id, due.change, due.event, due.attempt + 1, wait)

    def _send(
        self, post: Callable[..., httpx.Response], webhook: Record, due: _Due
    ) -> tuple[int | None, str]:
        user = webhook["http_auth_user"]
        auth = (user, webhook["http_auth_password"] or "") if user else None
        try:
            answer = post(
                webhook["subscription_url"],
                content=self._body(webhook, due),
                headers={"content-type": "application/json", "user-agent": "Pipedrive Webhooks"},
                auth=auth,
                timeout=max(0.2, self._scaled(ANSWER_SECONDS)),
            )
        except httpx.HTTPError as error:
            return None, f"{type(error).__name__}: {error}"
        return answer.status_code, "delivered" if answer.is_success else "refused"

    def _body(self, webhook: Record, due: _Due) -> bytes:
        if webhook["version"] == "1.0":
            return encode(event_bodies.old_body(due.change, webhook, due.event, due.attempt))
        kinds = {
            one["field_code"]: one["field_type"] for one in self._fields.of(due.change.collection)
        }
        return encode(event_bodies.new_body(due.change, kinds, webhook, due.event, due.attempt))

    def _judge(self, webhook: Record, due: _Due, *, good: bool, status: int | None) -> None:
        """Failed first attempts count towards a ban; days without success end the webhook."""
        now = self._clock.now()
        with self._wake:
            standing = self._standing.setdefault(webhook["id"], _Standing())
            if good:
                standing.failing_since = None
            else:
                standing.failing_since = standing.failing_since or now
                standing.failures += due.attempt == 1
                if standing.failures >= FAILURES_TO_BAN:
                    standing.failures = 0
                    standing.banned_until = time.monotonic() + self._scaled(BAN_SECONDS)
            since = standing.failing_since
        if since is not None and now - since >= REMOVED_AFTER:
            self._records.remove("webhooks", webhook["id"])
            return
        stamp = COLLECTIONS["webhooks"].write_time(now)
        self._records.update(
            "webhooks", webhook["id"], last_delivery_time=stamp, last_http_status=status
        )

    def _note(
        self,
        webhook_id: int,
        change: Change,
        event: str,
        attempt: int,
        words: str,
        status: int | None = None,
    ) -> None:
        entry: dict[str, Any] = {
            "webhook_id": webhook_id,
            "event": event,
            "action": change.action,
            "entity": COLLECTIONS[change.collection].entity,
            "entity_id": change.identity,
            "attempt": attempt,
            "status": status,
            "outcome": words,
        }
        with self._wake:
            self._log.append(entry)


def _wants(webhook: Record, change: Change) -> bool:
    entity = COLLECTIONS[change.collection].entity
    action: str = change.action
    if webhook["version"] == "1.0":
        action = event_bodies.old_action(change)
    elif entity == "activityType":
        return False
    return webhook["event_object"] in ("*", entity) and webhook["event_action"] in ("*", action)
