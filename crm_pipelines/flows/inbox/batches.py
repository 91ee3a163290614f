"""What one phase of the inbox hands to the next; plain values that can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm_pipelines.model.event import Event, Incoming, State
from crm_pipelines.model.manifest import Outcome


@dataclass(frozen=True)
class Batch:
    """Deliveries whose turn it is, in the order in which they came."""

    deliveries: tuple[Incoming, ...] = ()


@dataclass(frozen=True)
class Understood:
    """What they say. ``poison`` cannot be read, ``unheard`` is about nothing that we mirror:
    why, by id of the delivery. ``received_at`` is by id, too."""

    events: tuple[Event, ...] = ()
    poison: Mapping[int, str] = field(default_factory=dict)
    unheard: Mapping[int, str] = field(default_factory=dict)
    received_at: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """Which event is what, all by id of the delivery.

    ``leading`` is the newest event of each record: its state counts. ``passed`` are events of the
    same records that are older; ``stale`` those older than what was applied before. ``echoes`` map
    an event to the command whose write it tells of; ``early`` are those of a write that is under
    way, to be looked at again in a moment.
    """

    understood: Understood = field(default_factory=Understood)
    leading: frozenset[int] = frozenset()
    passed: frozenset[int] = frozenset()
    stale: frozenset[int] = frozenset()
    echoes: Mapping[int, int] = field(default_factory=dict)
    early: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Applied:
    """What came of a batch, or of several.

    ``states`` counts deliveries by the state that they were given; ``put_off`` those that wait
    longer, at most until ``resumes_at``, for the reason in ``words``. ``streams`` are the outcomes
    of the mirror, ``actions`` what stages set off. ``busy`` says that another applier is at work.
    """

    states: Mapping[State, int] = field(default_factory=dict)
    streams: Mapping[str, Outcome] = field(default_factory=dict)
    put_off: int = 0
    resumes_at: datetime | None = None
    words: str = ""
    api_calls: int = 0
    tokens: int = 0
    local: int = 0
    transitions: int = 0
    actions: int = 0
    busy: bool = False

    @property
    def settled(self) -> int:
        """Deliveries that do not wait any more."""
        return sum(self.states.values())
