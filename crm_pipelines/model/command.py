"""What is to be written into a CRM: commands of the outbox, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Entity(StrEnum):
    """Kinds of records that every CRM has; the values are stored and shown."""

    PERSON = "person"
    ORGANIZATION = "organization"
    DEAL = "deal"
    ACTIVITY = "activity"


class Kind(StrEnum):
    """What a command asks for."""

    CREATE = "create"
    UPDATE = "update"


class Status(StrEnum):
    """Where a command is on its way.

    ``pending`` waits for its turn; ``sending`` is in a worker's hands; ``delivered`` is in the
    CRM; ``failed`` has used up its quick attempts and waits for the batch job; ``dead`` needs a
    person (the reason is in ``error``).
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"


class Trigger(StrEnum):
    """Why a command was written."""

    MANUAL = "manual"
    SYNC = "sync"
    BATCH = "batch"
    RECONCILIATION = "reconciliation"


@dataclass(frozen=True)
class Wanted:
    """A command before it is in the outbox.

    ``local_id`` is the row of the local side, ``remote_id`` the CRM's record; a create has no
    ``remote_id``, a record that only the CRM has no ``local_id``. ``payload`` are fields in the
    words of ``model.writable``, ``base`` the values they had when the change was made, ``from``
    which nothing else may have changed them. ``who`` asked for it.
    """

    workspace: str
    crm: str
    entity: Entity
    kind: Kind
    payload: Mapping[str, Any]
    local_id: str | None = None
    remote_id: int | None = None
    base: Mapping[str, Any] = field(default_factory=dict)
    trigger: Trigger = Trigger.MANUAL
    priority: int = 1
    who: str = ""


@dataclass(frozen=True)
class Command:
    """A row of ``sync.outbox``; times are aware.

    ``version`` grows when a change is folded into a command that was not sent yet. ``sent_at`` is
    set before the first request leaves: a create that has it may already be in the CRM.
    """

    id: int
    workspace: str
    crm: str
    entity: Entity
    kind: Kind
    status: Status
    payload: Mapping[str, Any]
    base: Mapping[str, Any]
    local_id: str | None
    remote_id: int | None
    trigger: Trigger
    priority: int
    version: int
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    who: str = ""

    @property
    def our_id(self) -> str:
        """What marks the created record in the CRM as ours: the same for ever."""
        if self.local_id is None:
            return f"{self.workspace}:{self.entity}:#{self.id}"
        return f"{self.workspace}:{self.entity}:{self.local_id}"


@dataclass(frozen=True)
class Delivery:
    """What became of a command. ``problems`` maps fields to what is wrong with them.

    ``retry_at`` says when a command that is still pending is tried again.
    """

    id: int
    status: Status
    entity: Entity
    local_id: str | None = None
    remote_id: int | None = None
    error: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0
    retry_at: datetime | None = None
    linked: bool = False
    """Whether a create found its record there instead of making one."""
