"""How webhooks are doing: failures, bans, and days without success."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.pipedrive.records import Records
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record

FAILURES_TO_BAN = 10
BAN_SECONDS = 1800.0
REMOVED_AFTER = timedelta(days=3)


@dataclass
class Standing:
    """``banned_until`` is real (monotonic) time, ``failing_since`` the clock's."""

    failures: int = 0
    banned_until: float = 0.0
    failing_since: datetime | None = None
    shown: tuple[str, int | None] | None = None


class Standings:
    """Of every webhook. ``scaled`` turns real seconds into those of this sandbox."""

    def __init__(self, clock: Clock, records: Records, scaled: Callable[[float], float]) -> None:
        self._clock, self._records, self._scaled = clock, records, scaled
        self._lock = threading.Lock()
        self._of: dict[int, Standing] = {}

    def is_banned(self, webhook_id: int) -> bool:
        """Whether what happens now is lost for it."""
        return self.banned_seconds(webhook_id) > 0

    def banned_seconds(self, webhook_id: int) -> float:
        """How long its ban lasts still."""
        with self._lock:
            standing = self._of.get(webhook_id)
            return max(0.0, standing.banned_until - time.monotonic()) if standing else 0.0

    def ban(self, webhook_id: int, seconds: float | None = None) -> None:
        """From now on, for half an hour of the sandbox unless said otherwise."""
        wait = self._scaled(BAN_SECONDS) if seconds is None else seconds
        with self._lock:
            standing = self._of.setdefault(webhook_id, Standing())
            standing.failures = 0
            standing.banned_until = time.monotonic() + wait

    def judge(self, webhook_id: int, attempt: int, status: int | None, *, good: bool) -> None:
        """Failed first attempts count towards a ban; days without success end the webhook."""
        now = self._clock.now()
        with self._lock:
            standing = self._of.setdefault(webhook_id, Standing())
            standing.failing_since = None if good else standing.failing_since or now
            standing.failures += attempt == 1 and not good
            banned = standing.failures >= FAILURES_TO_BAN
            since = standing.failing_since
        if banned:
            self.ban(webhook_id)
        if since is not None and now - since >= REMOVED_AFTER:
            self._records.remove("webhooks", webhook_id)
            return
        self._show(webhook_id, standing, COLLECTIONS["webhooks"].write_time(now), status)

    def _show(self, webhook_id: int, standing: Standing, stamp: str, status: int | None) -> None:
        """In the list of webhooks; times are whole seconds there, so most need no write."""
        with self._lock:
            if standing.shown == (stamp, status):
                return
            standing.shown = (stamp, status)
        values: dict[str, Any] = {"last_delivery_time": stamp, "last_http_status": status}
        self._records.update("webhooks", webhook_id, **values)

    def show(self, webhook: Record) -> Record:
        """A webhook with what only the sandbox knows of it."""
        with self._lock:
            standing = self._of.get(webhook["id"], Standing())
        since = standing.failing_since
        return {
            **webhook,
            "failed_first_attempts": standing.failures,
            "banned_seconds": round(self.banned_seconds(webhook["id"]), 3),
            "failing_since": since and since.isoformat(),
        }

    def kept(self) -> list[Record]:
        """As JSON-ready values for the next start; times as seconds from now on."""
        with self._lock:
            return [
                {
                    "webhook_id": number,
                    "failures": one.failures,
                    "banned_seconds": max(0.0, one.banned_until - time.monotonic()),
                    "failing_since": one.failing_since and one.failing_since.isoformat(),
                }
                for number, one in self._of.items()
            ]

    def restore(self, kept: list[Record]) -> None:
        """What was kept."""
        with self._lock:
            for one in kept:
                since = one["failing_since"]
                self._of[one["webhook_id"]] = Standing(
                    one["failures"],
                    time.monotonic() + one["banned_seconds"],
                    datetime.fromisoformat(since) if since else None,
                )
