"""What a simulated CRM must offer to live in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute

Record = dict[str, Any]


class System(Protocol):
    """One simulated CRM: its HTTP surface, and the levers the admin interface pulls.

    ``limits`` are plain numbers that may be changed at any time (daily budget, burst, …).
    Records given to and taken from the levers have the shape the CRM's own API shows.
    """

    name: str
    limits: dict[str, int]

    def routes(self) -> Sequence[BaseRoute]:
        """The HTTP surface, with absolute paths."""

    def owns(self, path: str) -> bool:
        """Whether a request path belongs to this system."""

    def populate(self) -> None:
        """Fill an empty database, deterministically by seed and sizes; nothing if it is filled."""

    def refuse(self, kind: str) -> Response:
        """The answer this CRM gives for a fault kind (see ``faults.REFUSALS``)."""

    def usage(self) -> Mapping[str, Any]:
        """What was spent and what is left, as the CRM itself counts."""

    def objects(self) -> Sequence[str]:
        """Names of the collections that can be edited."""

    def truth(self, name: str, *, deleted: bool = False) -> Iterator[Record]:
        """Every record of a collection as the API would show it now; deleted ones on request."""

    def create(self, name: str, fields: Record) -> Record:
        """Add a record behind the API's back (as a person in the CRM's own pages would)."""

    def edit(self, name: str, identity: str, fields: Record) -> Record:
        """Change a record; its update time moves unless given explicitly."""

    def delete(self, name: str, identity: str) -> None:
        """Delete a record the way the CRM deletes."""

    def merge(self, name: str, identity: str, into: str) -> Record:
        """Merge ``identity`` into ``into``; the first disappears. Returns the survivor."""
