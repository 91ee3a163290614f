"""One caller's purse on the shared ledger."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from crm_pipelines.budget.breaker import PROBE_SECONDS, Breaker
from crm_pipelines.model.call import GENERAL, Call, Limits, Observation
from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.priority import CLAIMS, HEADROOM, Priority, kept_from
from crm_pipelines.store.database import Database

GRACE_SECONDS = 3.0
"""A waiting process that does not look again in time is taken for dead after so long."""

ROLLING_SLACK, DAILY_SLACK = 50, 1_000
"""Units by which the CRM's figure must be below ours before it counts: calls may be under way."""


class Pace:
    """How much slower than the quickest of its kind a call was, in seconds.

    Nobody knows when exactly a CRM counted a call; it cannot be later than so much after its turn.
    """

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._quickest = 0.0

    def begin(self) -> None:
        """A call leaves as soon as this is answered."""
        self._begun = time.monotonic()

    def lateness(self) -> float:
        """The call is answered. All of the first one counts: it may have had to connect."""
        took = time.monotonic() - self._begun
        late = took - self._quickest
        self._quickest = min(took, self._quickest or took)
        return max(0.0, late)


Clock = Callable[[], datetime | None]
"""The time that days are counted by; ``None`` is the database's own clock."""


def database_clock() -> None:
    """The clock of production: the database's, the same for every machine."""


class Ledger:
    """Pays for the calls of one stream from the budget of its account.

    Every spend is one statement in PostgreSQL, so any number of processes and machines can
    share an account. ``calls`` and ``tokens`` count what this purse spent. ``user`` is whoever
    causes the calls, where a ceiling per user is set.
    """

    def __init__(
        self,
        database: Database,
        account: dict[str, str],
        stream: str,
        limits: Limits,
        priority: Priority,
        user: str = "",
        clock: Clock = database_clock,
    ) -> None:
        self._database, self._limits, self._clock = database, limits, clock
        self._account, self._stream, self._priority = account, stream, priority
        self._windows = _windows(limits, user)
        self._ticket = uuid.uuid4().hex
        self._breaker = Breaker(database, account, self._ticket)
        self._day: date | None = None
        self._slot: datetime | None = None
        self._in_trouble = False
        self._pace = Pace()
        self._counting = threading.Lock()  # several threads may download at once
        self.calls = 0
        self.tokens = 0

    def admit(self) -> None:
        """Raise ``CircuitOpen`` where not even a login is worth trying."""
        if self._day is None or self._in_trouble:
            self._breaker.look()

    def forgive(self) -> None:
        """A person asks: failures so far are no reason not to try."""
        self._breaker.reset()

    def spend(self, call: Call) -> None:
        """Pay and take a turn, in one step, once it has come.

        Raises ``BudgetSpent`` and ``CircuitOpen``. Nothing is paid while waiting.
        """
        values = self._wish(call)
        row = self._ask(values)
        while row["verdict"] == "wait":
            self._nap(row["wait"])
            row = self._ask(values)
        if row["verdict"] == "open":
            raise self._breaker.refusal(row["until"], row["failures"], row["reason"])
        if row["verdict"] == "spent":
            raise BudgetSpent(self._spent_words(), row["until"].astimezone(UTC))
        self._day, self._slot, self._in_trouble = row["day"], row["slot"], row["failures"] > 0
        self._count(1, call.cost)

    def refund(self, call: Call) -> None:
        """The call never left."""
        self._database.run("budget.refund", {**self._about(), "day": self._day, "cost": call.cost})
        self._count(-1, -call.cost)

    def learn(self, seen: Observation) -> None:
        """Correct the ledger by the CRM's own figures; others may use the same account."""
        window = self._windows.get(GENERAL)
        burst = seen.burst if window and seen.burst_left is not None else None
        if seen.remaining is None and burst is None:
            return
        slack = max(DAILY_SLACK, (seen.daily or self._limits.daily) // 20)
        self._database.run(
            "budget.learn",
            {
                **self._about(),
                "day": self._day,
                "configured": self._limits.daily,
                "daily": seen.daily,
                "remaining": seen.remaining,
                "slack": ROLLING_SLACK if self._limits.rolling else slack,
                "kind": GENERAL,
                "requests": window[0] if window else 0,
                "seconds": window[1] if window else 0.0,
                "burst": burst,
                "burst_left": seen.burst_left,
                "slot": self._slot,
                "late": self._pace.lateness() if window else 0.0,
            },
        )

    def exhaust(self, wait: float | None) -> datetime:
        """Stop every process that uses this account, for so long or until the next day begins."""
        row = self._database.run("budget.exhaust", {**self._about(), "wait": wait})[0]
        found: datetime = row["exhausted_until"]
        return found.astimezone(UTC)

    def report(self, trouble: Exception | None) -> None:
        """Tell the circuit breaker how a call ended."""
        if trouble is not None:
            self._in_trouble = True
            self._breaker.fail(trouble)
        elif self._in_trouble:
            self._in_trouble = False
            self._breaker.close()

    def block(self, trouble: Exception) -> None:
        """Shut the door for every process of this account."""
        self._in_trouble = True
        self._breaker.block(trouble)

    def _count(self, calls: int, tokens: int) -> None:
        with self._counting:
            self.calls += calls
            self.tokens += tokens

    def _ask(self, values: dict[str, Any]) -> dict[str, Any]:
        self._pace.begin()
        return self._database.run("budget.spend", values)[0]

    def _nap(self, seconds: float) -> None:
        try:
            time.sleep(seconds)
        except BaseException:
            self._database.run("budget.leave", {**self._account, "ticket": self._ticket})
            raise

    def _about(self) -> dict[str, Any]:
        return {
            **self._account,
            "stream": self._stream,
            "ticket": self._ticket,
            "priority": self._priority.label,
            "rank": int(self._priority),
            "now": self._clock(),
            "zone": self._limits.zone,
            "rolling": self._limits.rolling,
        }

    def _wish(self, call: Call) -> dict[str, Any]:
        elsewhere = self._limits.bursts.keys() - {GENERAL, call.kind}
        kinds = [kind for kind in self._windows if kind not in elsewhere]
        return {
            **self._about(),
            "patience": CLAIMS[self._priority].patience,
            "cost": call.cost,
            "daily": self._limits.daily,
            "share": self._limits.share,
            "kept": kept_from(self._priority),
            "kinds": kinds,
            "requests": [self._windows[kind][0] for kind in kinds],
            "seconds": [self._windows[kind][1] for kind in kinds],
            "headroom": HEADROOM,
            "grace": GRACE_SECONDS,
            "probe": PROBE_SECONDS,
        }

    def _spent_words(self) -> str:
        words = f"the daily budget of {self._account['crm']} is spent"
        if self._priority is Priority.INTERACTIVE:
            return words
        return f"{words}, as far as it is for {CLAIMS[self._priority].what}"


class Ledgers:
    """Purses of every account that shares this database."""

    def __init__(self, database: Database, clock: Clock = database_clock) -> None:
        self._database, self._clock = database, clock

    def purse(
        self,
        workspace: str,
        crm: str,
        stream: str,
        limits: Limits,
        priority: Priority = Priority.DELTA,
        user: str = "",
    ) -> Ledger:
        """A purse for one stream's calls."""
        account = {"workspace": workspace, "crm": crm}
        return Ledger(self._database, account, stream, limits, priority, user, self._clock)

    def now(self) -> datetime:
        """The time that days are counted by."""
        found = self._clock()
        if found is not None:
            return found
        now: datetime = self._database.run("budget.now")[0]["now"]
        return now


def _windows(limits: Limits, user: str) -> dict[str, tuple[int, float]]:
    """Every window that calls of this purse may have to take a place in, in one fixed order."""
    windows = dict(sorted(limits.bursts.items()))
    if user and limits.user_calls:
        windows[f"user {user}"] = (limits.user_calls, 60.0)
    return windows
