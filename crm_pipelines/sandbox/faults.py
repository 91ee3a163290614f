"""Faults on order: a rule matches requests, and spoils their answer in one declared way."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

REFUSALS = ("burst_429", "daily_429", "html_403", "server_error", "expired_login")
"""Kinds answered instead of doing the work; the system words the answer."""

SPOILS = (
    "timeout",
    "cut_body",
    "slow_body",
    "malformed_json",
    "lost_answer",
    "late",
    "reset",
    "short_page",
)
"""Kinds that spoil the answer after (or while) the work is done.

``timeout``: no answer for ``seconds``, then the connection closes; nothing was applied.
``lost_answer``: the work is applied, then the connection closes without an answer.
``late``: the work is applied after ``seconds``, whether or not the caller still waits, and not
answered. ``cut_body``: the body stops at ``at`` (a share of its length) and the connection closes.
``slow_body``: the body trickles over ``seconds``. ``reset``: closed at once, nothing applied.
``short_page``: the system leaves records out of a page it says is whole.
"""


@dataclass
class Fault:
    """One rule. ``after`` matching requests pass first, then ``times`` are hit (0: for ever)."""

    kind: str
    system: str | None = None
    method: str | None = None
    path: str = ""
    after: int = 0
    times: int = 1
    status: int = 503
    seconds: float = 30.0
    at: float = 0.5
    number: int = 0
    seen: int = 0
    hits: int = 0
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in REFUSALS + SPOILS:
            raise ValueError(f"unknown fault kind {self.kind!r}: one of {REFUSALS + SPOILS}")
        try:
            self.pattern = re.compile(self.path)
        except (re.error, TypeError) as error:
            raise ValueError(f"path must be a regular expression: {error}") from error

    def matches(self, system: str, method: str, target: str) -> bool:
        """``target`` is the path with its query string."""
        return (
            (self.system is None or self.system == system)
            and (self.method is None or self.method.upper() == method)
            and bool(self.pattern.search(target))
        )

    def show(self) -> dict[str, Any]:
        """As JSON-ready values."""
        values = asdict(self)
        values.pop("pattern")
        return values


class Faults:
    """The rules in force; the first that matches and is due is the one that strikes."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()
        self._number = 0

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force."""
        with self._lock:
            self._number += 1
            fault.number = self._number
            self._rules.append(fault)
            return fault

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def show(self) -> list[dict[str, Any]]:
        """Every rule with how often it was seen and struck."""
        with self._lock:
            return [rule.show() for rule in self._rules]

    def strike(self, system: str, method: str, target: str) -> Fault | None:
        """The rule that hits this request, counted as hit."""
        with self._lock:
            for rule in self._rules:
                if not rule.matches(system, method, target):
                    continue
                rule.seen += 1
                if rule.seen > rule.after and (rule.times == 0 or rule.hits < rule.times):
                    rule.hits += 1
                    return rule
            return None
