"""What all deliveries of one round share."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.flows.push.acquaintances import Known
from crm_pipelines.flows.push.rules import PushRules
from crm_pipelines.flows.push.sinks import Sinks
from crm_pipelines.model.command import Command, Entity
from crm_pipelines.model.memory import Memory
from crm_pipelines.model.notice import Notify
from crm_pipelines.model.sink import Found
from crm_pipelines.store import outbox
from crm_pipelines.store.database import Database
from crm_pipelines.store.outbox import Worker

LATELY_SECONDS = 15.0
"""How long what was read for a whole round is taken for what is there."""


@dataclass
class Stop:
    """Why a round ends early, told by the first delivery that finds out."""

    words: str = ""
    until: datetime | None = None
    priority: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, words: str, until: datetime, priority: int) -> None:
        """The most urgent priority that may not go on counts."""
        with self.lock:
            if self.until is None or priority < self.priority:
                self.words, self.until, self.priority = words, until, priority

    def holds(self, priority: int) -> bool:
        """Whether commands of this priority need not be tried."""
        with self.lock:
            return self.until is not None and priority >= self.priority


@dataclass(frozen=True)
class Round:
    """One round. ``worker`` claims commands; ``known`` is who is in the CRM, where looked up.

    ``seen`` are records that are to be changed, as they were when the round had ``begun``.
    """

    database: Database
    audit: AuditLog
    rules: PushRules
    notify: Notify
    sinks: Sinks
    memory: Memory
    workspace: str
    crm: str
    worker: Worker
    run: str = ""
    hurry: int | None = None
    known: Mapping[Entity, Known] = field(default_factory=dict)
    seen: Mapping[tuple[Entity, int], Found] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)
    stop: Stop = field(default_factory=Stop)

    @property
    def about(self) -> dict[str, Any]:
        """How statements name the account."""
        return {"workspace": self.workspace, "crm": self.crm}

    def priority(self, command: Command) -> int:
        """With which it is paid for; ``hurry`` is that of somebody who waits."""
        return command.priority if self.hurry is None else self.hurry

    def seen_lately(self, entity: Entity, remote_id: int) -> Found | None:
        """A record as it was when the round began, if that was a moment ago."""
        if time.monotonic() - self.begun > LATELY_SECONDS:
            return None
        return self.seen.get((entity, remote_id))

    def stamp(self, command: Command) -> None:
        """A write of this command leaves now. Raises ``ClaimLost`` before it does."""
        outbox.mark_sent(self.database, command)
