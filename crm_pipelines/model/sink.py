"""What a connector offers to those who write: the counterpart of ``model.source``.

Fields are in the words of ``model.writable``; the connector turns them into the CRM's shapes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from crm_pipelines.model.command import Entity


@dataclass(frozen=True)
class Found:
    """A record as the CRM has it now.

    ``values`` are in the words of ``model.writable``; ``updated_at`` is the CRM's own stamp;
    ``our_id`` is what one of our creates left in it. ``remarks`` say, for people, which of the
    values that were to be written the CRM has no place for.
    """

    remote_id: int
    values: Mapping[str, Any]
    updated_at: datetime | None
    our_id: str | None = None
    remarks: tuple[str, ...] = ()


class Sink(Protocol):
    """An opened account that is written to: logged in, every call counted and paid for.

    Everything raises the errors of ``model.errors``; ``InvalidData.fields`` are in our words. A
    write whose answer is lost raises ``OutcomeUnknown``: look before it is sent again.
    """

    def prepare(self, entity: Entity) -> None:
        """Learn what writing such records takes, and make a place for our id if there is none."""

    def create(self, entity: Entity, values: Mapping[str, Any], our_id: str) -> Found:
        """Make a record that carries our id, where the CRM has a place for one."""

    def update(self, entity: Entity, remote_id: int, values: Mapping[str, Any]) -> Found:
        """Change these fields and nothing else. Raises ``GoneError`` for what is not there."""

    def read(self, entity: Entity, remote_id: int) -> Found | None:
        """A record as it is now."""

    def read_many(self, entity: Entity, remote_ids: Collection[int]) -> Mapping[int, Found]:
        """Many records as they are now, for fewer calls; whoever is missing has to be read."""

    def find_ours(
        self,
        entity: Entity,
        our_id: str,
        values: Mapping[str, Any],
        since: datetime,
        known: Sequence[int] = (),
    ) -> Found | None:
        """The record that a create of ours made since then, though its answer never came.

        Searches by our id; then, because a search index lags, looks through the records of that
        time. An entity that has no place for our id is told by its ``values``, among those
        whose ids are not ``known`` to be somebody else's.
        """

    def find_persons(self, email: str) -> Sequence[Found]:
        """Those who have exactly this address, whatever its case."""

    def find_organizations(self, name: str) -> Sequence[Found]:
        """Those of exactly this name, whatever its case."""

    def changed_since(self, entity: Entity, since: datetime) -> Iterator[Found]:
        """Every record that changed since then, not by way of a search index."""

    def user_id(self, email: str) -> int | None:
        """The user with this address, out of a list that is kept for a day."""

    def label_id(self, entity: Entity, name: str, *, make: bool = True) -> int | None:
        """The label of this name, whatever its case; made if it is missing."""

    def close(self) -> None:
        """Let go of connections."""
