"""Counting what is spent: tokens a day, requests in a rolling window, and ignored refusals."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive import refusals
from crm_pipelines.sandbox.pipedrive.refusals import Refusal

WINDOW_SECONDS = 2.0


class Meter:
    """One company's counters. Days follow the sandbox's clock, windows real time.

    A frozen or shifted clock must not stop the rolling window, or a paced client would hang.
    """

    def __init__(self, database: Database, clock: Clock, limits: Mapping[str, int]) -> None:
        self._database, self._clock, self._limits = database, clock, limits
        self._lock = threading.Lock()
        self._windows: dict[str, deque[float]] = defaultdict(deque)
        self._refused: deque[float] = deque()
        self._blocked_until = 0.0
        with database.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pipedrive_usage"
                " (day PRIMARY KEY, tokens, requests, writes, refused)"
            )

    def is_blocked(self) -> bool:
        """Whether API token traffic is shut out at the moment."""
        return time.monotonic() < self._blocked_until

    def admit(self, caller: str, *, oauth: bool, search: bool, write: bool, cost: int) -> None:
        """Take a place in the windows and pay for the day. Raises a ``Refusal``, status 429."""
        with self._lock:
            size = self._limits["burst"] * (self._limits["burst_oauth_factor"] if oauth else 1)
            windows = [(f"{caller} search", self._limits["burst_search"])] if search else []
            if not search or self._limits["search_takes_general"]:
                windows.append((caller, size))
            now = time.monotonic()
            for name, places in windows:
                wait = self._wait(name, places, now)
                if wait > 0:
                    raise self._refuse(oauth, refusals.burst_spent, ceil(wait), caller, size)
            if self._spent("tokens") + cost > self._limits["daily_tokens"]:
                raise self._refuse(
                    oauth, refusals.day_spent, self._seconds_to_midnight(), caller, size
                )
            for name, _ in windows:
                self._windows[name].append(now)
            self._book(tokens=cost, requests=1, writes=int(write))

    def refusal(self, *, daily: bool) -> Refusal:
        """A 429 out of turn, worded and counted like a real one of an API token."""
        with self._lock:
            words = refusals.day_spent if daily else refusals.burst_spent
            seconds = self._seconds_to_midnight() if daily else int(WINDOW_SECONDS)
            refused = self._refuse(False, words, seconds, "api-token", self._limits["burst"])
            name = "x-daily-ratelimit-token-remaining" if daily else "x-ratelimit-remaining"
            if name in refused.headers:
                refused.headers[name] = "0"
            return refused

    def refund(self, cost: int) -> None:
        """Give back what an answer did not cost after all."""
        with self._lock:
            self._book(tokens=-cost)

    def headers(self, caller: str, *, oauth: bool, write: bool) -> dict[str, str]:
        """The counters as the API shows them."""
        with self._lock:
            size = self._limits["burst"] * (self._limits["burst_oauth_factor"] if oauth else 1)
            shown = self._headers(caller, size)
            if write and not oauth:
                left = max(0, self._limits["daily_writes"] - self._spent("writes"))
                shown["x-daily-requests-left"] = str(left)
            return shown

    def usage(self) -> dict[str, Any]:
        """Today's counters."""
        with self._lock:
            return {
                "day": self._day(),
                **{n: self._spent(n) for n in ("tokens", "requests", "writes", "refused")},
                "tokens_left": max(0, self._limits["daily_tokens"] - self._spent("tokens")),
            }

    def _wait(self, name: str, places: int, now: float) -> float:
        window = self._windows[name]
        while window and now - window[0] >= WINDOW_SECONDS:
            window.popleft()
        return 0.0 if len(window) < places else window[0] + WINDOW_SECONDS - now

    def _refuse(self, oauth: bool, words: Any, seconds: int, caller: str, size: int) -> Refusal:
        self._book(refused=1)
        if not oauth:
            self._note_refusal()
        refusal: Refusal = words(seconds, self._headers(caller, size))
        return refusal

    def _note_refusal(self) -> None:
        now = time.monotonic()
        self._refused.append(now)
        while now - self._refused[0] > self._limits["cloudflare_within_seconds"]:
            self._refused.popleft()
        if len(self._refused) >= self._limits["cloudflare_after"] > 0:
            self._blocked_until = now + self._limits["cloudflare_block_seconds"]
            self._refused.clear()

    def _headers(self, caller: str, size: int) -> dict[str, str]:
        now = time.monotonic()
        self._wait(caller, size, now)
        window = self._windows[caller]
        reset = ceil(window[0] + WINDOW_SECONDS - now) if window else int(WINDOW_SECONDS)
        shown = {
            "x-ratelimit-limit": str(size),
            "x-ratelimit-remaining": str(max(0, size - len(window))),
            "x-ratelimit-reset": str(reset),
        }
        if self._limits["token_headers"]:
            budget = self._limits["daily_tokens"]
            shown["x-daily-ratelimit-token-limit"] = str(budget)
            shown["x-daily-ratelimit-token-remaining"] = str(max(0, budget - self._spent("tokens")))
        return shown

    def _seconds_to_midnight(self) -> int:
        if self._limits["daily_retry_after_seconds"]:
            return self._limits["daily_retry_after_seconds"]
        now = self._clock.now()
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
        return ceil((midnight - now).total_seconds())

    def _day(self) -> str:
        return self._clock.now().date().isoformat()

    def _spent(self, column: str) -> int:
        found = self._database.rows(
            f"SELECT {column} FROM pipedrive_usage WHERE day = ?",  # noqa: S608
            (self._day(),),
        )
        return int(found[0][0]) if found else 0

    def _book(
        self, *, tokens: int = 0, requests: int = 0, writes: int = 0, refused: int = 0
    ) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO pipedrive_usage VALUES (?, ?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET"
                " tokens = tokens + excluded.tokens, requests = requests + excluded.requests,"
                " writes = writes + excluded.writes, refused = refused + excluded.refused",
                (self._day(), tokens, requests, writes, refused),
            )
