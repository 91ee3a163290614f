"""One API operation, declared; a call of it; and the shapes of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from crm_pipelines.sandbox.faults import Fault
from crm_pipelines.sandbox.pipedrive.costs import Kind
from crm_pipelines.sandbox.pipedrive.parameters import Reader
from crm_pipelines.sandbox.pipedrive.records import encode

if TYPE_CHECKING:
    from crm_pipelines.sandbox.pipedrive.company import Company


@dataclass(frozen=True)
class Caller:
    """Who asks: the user, and whether with an OAuth access token. ``key`` counts the windows."""

    user_id: int
    key: str
    oauth: bool = False


@dataclass(frozen=True)
class Call:
    """One request that passed login and limits. ``path`` holds the values in the address."""

    company: Company
    caller: Caller
    version: str
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    base_url: str
    fault: Fault | None = None


@dataclass(frozen=True)
class Operation:
    """What the API offers at one method and path; ``path`` is below the version's prefix."""

    method: str
    path: str
    cost: Kind
    answer: Callable[[Call], Response]
    query: Mapping[str, Reader] = field(default_factory=dict)
    version: str = "v2"

    @property
    def is_search(self) -> bool:
        """Whether the search window applies."""
        return self.cost == "search"

    @property
    def is_write(self) -> bool:
        """Whether it counts as a write."""
        return self.method in ("POST", "PUT")


def success(data: Any, status: int = 200, **more: Any) -> Response:
    """The usual envelope."""
    body = encode({"success": True, "data": data, **more})
    return Response(body, status, media_type="application/json")


def success_of_text(parts: list[str], additional: Mapping[str, Any]) -> Response:
    """The envelope around records that are JSON text already."""
    body = b"".join(
        (
            b'{"success":true,"data":[',
            ",".join(parts).encode(),
            b'],"additional_data":',
            encode(additional),
            b"}",
        )
    )
    return Response(body, media_type="application/json")
