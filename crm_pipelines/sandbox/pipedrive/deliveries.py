"""Delivering events to webhooks: attempts and retries, and trouble on request.

Levers are limits (``webhook_…``, see ``limits``): every event several times, in another order,
later, or never.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive import event_bodies, subscriptions
from crm_pipelines.sandbox.pipedrive.changes import Change
from crm_pipelines.sandbox.pipedrive.fields import Fields
from crm_pipelines.sandbox.pipedrive.lanes import CLOSING_SECONDS, Lane
from crm_pipelines.sandbox.pipedrive.outstanding import Due, Shelf
from crm_pipelines.sandbox.pipedrive.records import Records, encode
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record
from crm_pipelines.sandbox.pipedrive.sending import Sender, basic
from crm_pipelines.sandbox.pipedrive.standings import Standings

RETRY_SECONDS = (3.0, 30.0, 150.0)
ANSWER_SECONDS = 10.0
SHORTEST_ANSWER_SECONDS = 0.2
"""However fast time is made to run, an honest receiver needs a moment."""

SILENCE_SECONDS = 0.3
"""After so long without an event, those that wait to be shuffled go out."""

HEADERS = {"Content-Type": "application/json", "User-Agent": "Pipedrive Webhooks"}


class Deliveries:
    """Sends in the background; its threads start with the first event for a webhook."""

    def __init__(
        self,
        clock: Clock,
        records: Records,
        fields: Fields,
        limits: Mapping[str, int],
        database: Database,
    ) -> None:
        self._records, self._fields, self._limits = records, fields, limits
        self._standings = Standings(clock, records, self._scaled)
        self._shelf = Shelf(database)
        self._chance = random.Random(1)
        self._settling = threading.Lock()
        self._wake = threading.Condition()
        self._queue: list[Due] = []
        self._mixed: list[Due] = []
        self._mix_until = 0.0
        self._under_way: dict[int, Due] = {}
        self._lanes: dict[int, Lane[Due]] = {}
        self._log: deque[Record] = deque(maxlen=50_000)
        self._number = 0
        self._thread: threading.Thread | None = None
        self._stopping = False

    def go_on(self) -> None:
        """With what the last sandbox of this home did not come to."""
        kept = self._shelf.take(time.monotonic())
        self._standings.restore(kept.standings)
        self._plan(kept.due)

    def hear(self, change: Change) -> None:
        """Queue a change for every webhook that wants it; banned ones lose it."""
        if change.collection in subscriptions.SILENT:
            return
        found: list[Due] = []
        for webhook in self._records.each("webhooks"):
            if not subscriptions.wants(webhook, change, self._records):
                continue
            due = Due(time.monotonic(), 0, webhook["id"], change, str(uuid.uuid4()))
            if self._standings.is_banned(webhook["id"]):
                self._note(due, "lost in a ban", attempt=0)
            elif self._limits["webhook_drop"]:
                self._note(due, "dropped", attempt=0)
            else:
                found += [replace(due) for _ in range(max(1, self._limits["webhook_copies"]))]
        self._plan(found)

    def log(self) -> list[Record]:
        """The last attempts and losses, oldest first."""
        with self._wake:
            return list(self._log)

    def show(self) -> list[Record]:
        """Every webhook, with its standing and how many deliveries it waits for."""
        with self._wake:
            waiting = [*self._queue, *self._mixed, *self._under_way.values()]
        return [
            {
                **self._standings.show(webhook),
                "waiting": sum(one.webhook_id == webhook["id"] for one in waiting),
            }
            for webhook in self._records.each("webhooks")
        ]

    def ban(self, webhook_id: int, seconds: float | None = None) -> None:
        """As if its receiver had failed too often. Raises ``KeyError`` for one not there."""
        if self._records.get("webhooks", webhook_id) is None:
            raise KeyError(f"webhook {webhook_id}")
        self._standings.ban(webhook_id, seconds)

    def close(self) -> None:
        """Stop; what was not delivered waits for the next start."""
        with self._settling, self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
        for lane in self._lanes.values():
            lane.stop()
        with self._wake:
            left = [*self._queue, *self._mixed, *self._under_way.values()]
            self._shelf.put(left, self._standings.kept(), time.monotonic())
        until = time.monotonic() + CLOSING_SECONDS
        for lane in self._lanes.values():
            lane.join(until)

    def _scaled(self, seconds: float) -> float:
        return seconds * self._limits["webhook_time_scale_percent"] / 100

    def _plan(self, some: Iterable[Due]) -> None:
        """First attempts may be mixed and late, where levers say so."""
        most, late = self._limits["webhook_shuffle"], self._limits["webhook_delay_milliseconds"]
        with self._wake:
            for due in some:
                self._number += 1
                due.number = self._number
                if late and due.attempt == 1:
                    due.at += self._chance.uniform(0, late / 1000)
                if most > 1 and due.attempt == 1:
                    self._mixed.append(due)
                    self._mix_until = time.monotonic() + SILENCE_SECONDS
                else:
                    heapq.heappush(self._queue, due)
            if most <= len(self._mixed):
                self._mix()
            if (self._queue or self._mixed) and self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def _mix(self) -> None:
        self._chance.shuffle(self._mixed)
        numbers = sorted(due.number for due in self._mixed)
        moments = sorted(due.at for due in self._mixed)
        for due, number, at in zip(self._mixed, numbers, moments, strict=True):
            due.number, due.at = number, at
            heapq.heappush(self._queue, due)
        self._mixed.clear()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            lane = self._lanes.get(due.webhook_id)
            if lane is None:
                lane = self._lanes[due.webhook_id] = Lane(self._attempt)
            lane.put(due)

    def _next(self) -> Due | None:
        with self._wake:
            while not self._stopping:
                now = time.monotonic()
                if self._mixed and now >= self._mix_until:
                    self._mix()
                if self._queue and self._queue[0].at <= now:
                    due = heapq.heappop(self._queue)
                    self._under_way[due.number] = due
                    return due
                moments = [one.at for one in self._queue[:1]]
                moments += [self._mix_until] if self._mixed else []
                self._wake.wait(min(moments) - now if moments else None)
            return None

    def _attempt(self, sender: Sender, due: Due) -> None:
        prepared = self._prepare(due)
        if prepared is not None:
            webhook, body = prepared
            own = basic(webhook["http_auth_user"], webhook["http_auth_password"])
            seconds = max(SHORTEST_ANSWER_SECONDS, self._scaled(ANSWER_SECONDS))
            url, headers = webhook["subscription_url"], {**HEADERS, **own}
            self._settle(due, *sender.post(url, body, headers, seconds))

    def _prepare(self, due: Due) -> tuple[Record, bytes] | None:
        """The webhook and what it is sent; nothing where it is sent nothing any more."""
        with self._settling:
            if self._stopping:
                return None
            webhook = self._records.get("webhooks", due.webhook_id)
            if webhook is None or not webhook["is_active"]:
                self._end(due, "lost with its webhook")
            elif self._standings.is_banned(due.webhook_id):
                self._end(due, "lost in a ban")
            else:
                return webhook, self._body(webhook, due)
            return None

    def _settle(self, due: Due, status: int | None, words: str) -> None:
        good = status is not None and 200 <= status < 300
        with self._settling:
            if self._stopping:  # it is kept as not delivered, and comes again
                return
            self._standings.judge(due.webhook_id, due.attempt, status, good=good)
            if not good and due.attempt <= len(RETRY_SECONDS):
                at = time.monotonic() + self._scaled(RETRY_SECONDS[due.attempt - 1])
                self._plan([replace(due, at=at, attempt=due.attempt + 1)])
            self._end(due, words, status)

    def _end(self, due: Due, words: str = "", status: int | None = None) -> None:
        with self._wake:
            self._under_way.pop(due.number, None)
        if words:
            self._note(due, words, status=status, attempt=due.attempt)

    def _body(self, webhook: Record, due: Due) -> bytes:
        if webhook["version"] == "1.0":
            return encode(event_bodies.old_body(due.change, webhook, due.event, due.attempt))
        kinds = self._fields.types(due.change.collection)
        return encode(event_bodies.new_body(due.change, kinds, webhook, due.event, due.attempt))

    def _note(self, due: Due, words: str, *, attempt: int, status: int | None = None) -> None:
        entry: dict[str, Any] = {
            "webhook_id": due.webhook_id,
            "event": due.event,
            "action": due.change.action,
            "entity": COLLECTIONS[due.change.collection].entity,
            "entity_id": due.change.identity,
            "attempt": attempt,
            "status": status,
            "outcome": words,
        }
        with self._wake:
            self._log.append(entry)
