"""The way in: login, limits, strict parameters, then the operation; headers on the way out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_pipelines.sandbox.pipedrive import refusals
from crm_pipelines.sandbox.pipedrive.company import Company
from crm_pipelines.sandbox.pipedrive.costs import COSTS
from crm_pipelines.sandbox.pipedrive.operation import Call, Caller, Operation
from crm_pipelines.sandbox.pipedrive.parameters import parse
from crm_pipelines.sandbox.pipedrive.refusals import Refusal

PREFIXES = {"v2": ("/api/v2",), "v1": ("/v1", "/api/v1")}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Handler = Callable[[Request], Awaitable[Response]]


def routes(company: Company, operations: Iterable[Operation]) -> list[Route]:
    """One route for each path; literal paths before those with a variable."""
    by_path: dict[str, dict[str, Operation]] = defaultdict(dict)
    for operation in operations:
        for prefix in PREFIXES[operation.version]:
            by_path[prefix + operation.path][operation.method] = operation
    made = [
        Route(path, _handler(company, by_path[path]), methods=METHODS)
        for path in sorted(by_path, key=lambda path: (path.count("{"), path))
    ]
    rest = [f"{prefix}/{{rest:path}}" for prefixes in PREFIXES.values() for prefix in prefixes]
    return made + [Route(path, _unknown(company), methods=METHODS) for path in rest]


def _unknown(company: Company) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            company.access.recognise(request)
            raise refusals.unknown_path()
        except Refusal as refusal:
            return refusal.response()

    return answer


def _handler(company: Company, operations: dict[str, Operation]) -> Handler:
    async def answer(request: Request) -> Response:
        operation = operations.get(request.method)
        raw = await request.body()
        if company.meter.is_blocked() and "authorization" not in request.headers:
            return refusals.blocked_page()
        try:
            caller = company.access.recognise(request)
            if operation is None:
                raise refusals.wrong_method(sorted(operations))
            return await run_in_threadpool(_admit, company, operation, caller, request, raw)
        except Refusal as refusal:
            return refusal.response()

    return answer


def _admit(
    company: Company, operation: Operation, caller: Caller, request: Request, raw: bytes
) -> Response:
    meter, limits = company.meter, company.limits
    cost = COSTS[operation.version][operation.cost]
    state = request.scope.setdefault("state", {})
    state["cost"] = cost if limits["refusals_cost"] else 0
    meter.admit(
        caller.key,
        oauth=caller.oauth,
        search=operation.is_search,
        write=operation.is_write,
        cost=cost,
    )
    state["cost"] = cost
    try:
        response = operation.answer(_read(company, operation, caller, request, raw))
    except Refusal as refusal:
        response = refusal.response()
    if response.status_code >= 400 and not limits["failures_cost"]:
        meter.refund(cost)
        state["cost"] = 0
    shown = meter.headers(caller.key, oauth=caller.oauth, write=operation.is_write)
    response.headers.update(shown)
    return response


def _read(
    company: Company, operation: Operation, caller: Caller, request: Request, raw: bytes
) -> Call:
    given = [pair for pair in request.query_params.multi_items() if pair[0] != "api_token"]
    return Call(
        company,
        caller,
        operation.version,
        request.path_params,
        parse(operation.query, given, company.limits),
        _body(request, raw),
        str(request.base_url).rstrip("/"),
        request.scope["state"].get("fault"),
    )


def _body(request: Request, raw: bytes) -> object:
    if request.method in ("GET", "DELETE") and not raw.strip():
        return None
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind != "application/json":
        raise refusals.wrong_media()
    try:
        return msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refusals.bad_request("Request body is not valid JSON") from None
