"""Opened accounts, one for each thread that writes, kept for the next one."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.model.call import Budget, Call, Observation
from crm_pipelines.model.connector import Account
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.sink import Sink

PURSE = "push"
"""Under which name the ledger counts what is written."""


class Watched:
    """A budget that says when a write is about to leave: after its turn has come, not before."""

    def __init__(self, purse: Budget) -> None:
        self._purse = purse
        self.before_write: Callable[[], None] | None = None

    def spend(self, call: Call) -> None:
        """Pay, wait for the turn, then say so."""
        self._purse.spend(call)
        if self.before_write is not None and call.method != "GET":
            self.before_write()

    def admit(self) -> None:
        """Whether anything may be sent at all."""
        self._purse.admit()

    def refund(self, call: Call) -> None:
        """Take back what was paid."""
        self._purse.refund(call)

    def learn(self, seen: Observation) -> None:
        """Correct the ledger."""
        self._purse.learn(seen)

    def exhaust(self, wait: float | None) -> datetime:
        """The day is over for us."""
        return self._purse.exhaust(wait)

    def report(self, trouble: Exception | None) -> None:
        """How a call ended."""
        self._purse.report(trouble)

    def block(self, trouble: Exception) -> None:
        """Nobody sends anything."""
        self._purse.block(trouble)


@dataclass(frozen=True)
class Opened:
    """A sink and the budget that it pays from."""

    sink: Sink
    budget: Watched

    @contextmanager
    def announcing(self, before_write: Callable[[], None]) -> Iterator[Sink]:
        """Writes in the block are announced just before they leave."""
        self.budget.before_write = before_write
        try:
            yield self.sink
        finally:
            self.budget.before_write = None


class Sinks:
    """Sinks of one account, by priority and, where users have ceilings of their own, by user."""

    def __init__(self, account: Account, ledgers: Ledgers) -> None:
        self._account, self._ledgers = account, ledgers
        self._idle: dict[tuple[int, str], list[Opened]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self, priority: int, who: str = "") -> Iterator[Opened]:
        """One that nobody else uses for the time being. Raises what opening an account raises."""
        key = (priority, who if self._account.limits.user_calls else "")
        with self._lock:
            opened = self._idle[key].pop() if self._idle[key] else None
        opened = opened or self._open(*key)
        try:
            yield opened
        finally:
            with self._lock:
                self._idle[key].append(opened)

    def _open(self, priority: int, who: str) -> Opened:
        account = self._account
        purse = self._ledgers.purse(
            account.workspace, account.crm, PURSE, account.limits, Priority(priority), who
        )
        budget = Watched(purse)
        return Opened(account.open_sink(budget), budget)

    def close(self) -> None:
        """Close those that are not in use."""
        with self._lock:
            idle = [opened for some in self._idle.values() for opened in some]
            self._idle.clear()
        for opened in idle:
            opened.sink.close()
