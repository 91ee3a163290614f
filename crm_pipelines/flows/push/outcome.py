"""What a delivery comes to, and two ways in which it ends without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_pipelines.flows.push.conflicts import Change
from crm_pipelines.model.sink import Found


@dataclass(frozen=True)
class Outcome:
    """A record as it is after delivery.

    ``written`` is what was sent; empty when the record said so already. ``before`` are the values
    that it took the place of. ``linked`` says that a create found its record instead of making
    it, ``change`` how fields in conflict were settled.
    """

    found: Found
    written: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)
    linked: bool = False
    change: Change | None = None


class Undecided(Exception):
    """A person has to decide; nothing was written. ``kind`` is that of ``sync.conflicts``."""

    def __init__(
        self, kind: str, words: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]
    ) -> None:
        super().__init__(words)
        self.kind, self.ours, self.theirs = kind, ours, theirs


class TooEarly(Exception):
    """The CRM may be at work still on what was sent before: look again at ``retry_at``."""

    def __init__(self, words: str, retry_at: datetime) -> None:
        super().__init__(words)
        self.retry_at = retry_at
