"""The way in to every ``/services/data`` resource: session, version, quota, errors, compression."""

from __future__ import annotations

import gzip
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from crm_pipelines.sandbox.faults import Fault
from crm_pipelines.sandbox.salesforce.answers import Problem, not_found, refusal
from crm_pipelines.sandbox.salesforce.quota import Quota
from crm_pipelines.sandbox.salesforce.sessions import Sessions

_log = logging.getLogger(__name__)
OLDEST, NEWEST, RETIRED = 31, 66, 21
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class Call:
    """One request that has been let in. ``version`` is as asked, such as ``64.0``."""

    request: Request
    version: str
    user_id: str
    body: bytes

    @property
    def base(self) -> str:
        """The path under which this version lives."""
        return f"/services/data/v{self.version}"

    @property
    def fault(self) -> Fault | None:
        """The fault that strikes this request, for what only the system itself can spoil."""
        found: Fault | None = self.request.scope["state"].get("fault")
        return found

    def part(self, name: str) -> str:
        """A piece of the path."""
        return str(self.request.path_params[name])

    def option(self, name: str) -> str | None:
        """A query parameter, whose name knows no case."""
        wanted = name.lower()
        return next(
            (v for k, v in self.request.query_params.multi_items() if k.lower() == wanted), None
        )

    def number(self, name: str) -> int | None:
        """A query parameter that must be a whole number above 0."""
        text = self.option(name)
        if text is None:
            return None
        if not text.isdigit() or int(text) < 1:
            raise Problem(400, "INVALID_QUERY_PARAM", f"{name} must be a positive integer")
        return int(text)

    def json(self) -> Any:
        """The body, decoded."""
        try:
            return _DECODER.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, "JSON_PARSER_ERROR", f"Unexpected input: {error}") from error

    def fields(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise Problem(400, "JSON_PARSER_ERROR", "The HTTP entity body must be a JSON object")
        return value


Handler = Callable[[Call], Response]
Reader = Callable[[Request], Awaitable[bytes]]


class Door:
    """Turns handlers into routes."""

    def __init__(self, sessions: Sessions, quota: Quota) -> None:
        self._sessions, self._quota = sessions, quota

    def routes(
        self, path: str, handlers: Mapping[str, Handler], read: Reader | None = None
    ) -> list[Route]:
        """Routes of one resource below the version, with and without a final slash."""

        async def endpoint(request: Request) -> Response:
            return await self._answer(request, handlers, read)

        full = "/services/data/v{version}" + path
        spellings = [full, full + "/"]
        return [Route(spelling, endpoint, methods=METHODS) for spelling in spellings]

    async def _answer(
        self, request: Request, handlers: Mapping[str, Handler], read: Reader | None
    ) -> Response:
        try:
            user_id = await run_in_threadpool(self._enter, request)
            version = checked(request.path_params["version"])
            handler = handlers.get(request.method)
            if handler is None:
                raise Problem(
                    405,
                    "METHOD_NOT_ALLOWED",
                    f"HTTP Method '{request.method}' not allowed. Allowed are {','.join(handlers)}",
                )
            body = await (read(request) if read else request.body())
            answer = await run_in_threadpool(handler, Call(request, version, user_id, body))
        except Problem as problem:
            answer = refusal(problem)
        except (sqlite3.OperationalError, OverflowError, RecursionError) as error:
            # the real service, too, gives up on some requests with nothing but a number
            _log.warning("%s %s: %s", request.method, request.url.path, error)
            answer = refusal(Problem(500, "UNKNOWN_EXCEPTION", f"An unexpected error: {error}"))
        answer.headers.update(await run_in_threadpool(self._quota.header))
        return compressed(request, answer)

    def _enter(self, request: Request) -> str:
        user_id = self._sessions.holder(request.headers.get("authorization"))
        request.scope["state"]["cost"] = 1
        self._quota.spend()
        return user_id


def checked(version: str) -> str:
    """A version that is served; raises 410 for retired ones, 404 for others."""
    number, _, rest = version.partition(".")
    if number.isdigit() and rest == "0":
        if OLDEST <= int(number) <= NEWEST:
            return version
        if RETIRED <= int(number) < OLDEST:
            raise Problem(
                410, "GONE", f"The requested API version {version} is retired and unavailable"
            )
    raise not_found()


def accepts_gzip(request: Request) -> bool:
    """Whether the caller takes gzip."""
    return "gzip" in request.headers.get("accept-encoding", "").lower()


def compressed(request: Request, answer: Response) -> Response:
    """A whole JSON answer gzipped when asked; streams see to it themselves."""
    if isinstance(answer, StreamingResponse) or len(answer.body) < 1_000:
        return answer
    if accepts_gzip(request):
        answer.body = gzip.compress(answer.body, compresslevel=1)
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer
