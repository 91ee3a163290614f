"""The operations of API v1 that have no successor, declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive.items import find
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success


def operations() -> Iterator[Operation]:
    """Everything under ``/v1`` and ``/api/v1``."""
    for name in ("users", "currencies", "activityTypes", "leadLabels"):
        yield Operation("GET", f"/{name}", "list", _whole(name), {}, "v1")
    yield Operation("GET", "/users/me", "one", _me, {}, "v1")
    yield Operation(
        "GET", "/users/{id}", "one", lambda call: success(find(call, "users")), {}, "v1"
    )


def _whole(name: str) -> Callable[[Call], Response]:
    """These lists have no pages."""

    def answer(call: Call) -> Response:
        return success(list(call.company.records.each(name)))

    return answer


def _me(call: Call) -> Response:
    user = call.company.records.get("users", call.caller.user_id) or {}
    return success(
        {
            **user,
            "company_id": 1,
            "company_name": "Sandbox company",
            "company_domain": "sandbox",
            "company_country": "EE",
            "company_industry": None,
            "language": {"language_code": "en", "country_code": "US"},
        }
    )
