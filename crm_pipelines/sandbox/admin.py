"""The admin interface under ``/sandbox``: see and change what the simulated CRMs hold and do."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from crm_pipelines.sandbox.faults import Fault
from crm_pipelines.sandbox.system import Record, System
from crm_pipelines.sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]


def routes(world: World, systems: Sequence[System]) -> list[Route]:
    """Everything under ``/sandbox``; JSON in, JSON out."""
    admin = Admin(world, {system.name: system for system in systems})
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/sandbox", admin.overview),
        ("GET", "/sandbox/clock", admin.show_clock),
        ("POST", "/sandbox/clock", admin.set_clock),
        ("GET", "/sandbox/faults", admin.show_faults),
        ("POST", "/sandbox/faults", admin.add_fault),
        ("DELETE", "/sandbox/faults", admin.clear_faults),
        ("GET", "/sandbox/journal", admin.show_journal),
        ("POST", "/sandbox/latency", admin.set_latency),
        ("GET", "/sandbox/{system}/usage", admin.show_usage),
        ("GET", "/sandbox/{system}/limits", admin.show_limits),
        ("PATCH", "/sandbox/{system}/limits", admin.set_limits),
        ("GET", "/sandbox/{system}/records/{name}", admin.list_records),
        ("POST", "/sandbox/{system}/records/{name}", admin.create_record),
        ("PATCH", "/sandbox/{system}/records/{name}/{identity}", admin.edit_record),
        ("DELETE", "/sandbox/{system}/records/{name}/{identity}", admin.delete_record),
        ("POST", "/sandbox/{system}/records/{name}/{identity}/merge", admin.merge_record),
    ]
    return [Route(path, guarded(handler), methods=[method]) for method, path, handler in table]


def guarded(handler: Handler) -> Handler:
    """Bad admin input becomes a 400 or 404 that says what was wrong."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except KeyError as error:
            return JSONResponse({"error": f"no such thing: {error.args[0]}"}, 404)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer


def _lines(records: Iterator[Record]) -> Iterator[str]:
    """Many records to a piece: each piece costs a change of threads."""
    while some := list(islice(records, 500)):
        yield "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in some)


class Admin:
    """The handlers; each is one lever."""

    def __init__(self, world: World, systems: Mapping[str, System]) -> None:
        self._world, self._systems = world, systems

    def _system(self, request: Request) -> System:
        return self._systems[request.path_params["system"]]

    async def overview(self, _: Request) -> Response:
        """Which systems there are, with sizes, seed and limits."""
        return JSONResponse(
            {
                "seed": self._world.seed,
                "sizes": dataclasses.asdict(self._world.sizes),
                "now": self._world.clock.now().isoformat(),
                "systems": {
                    name: {"objects": list(system.objects()), "limits": system.limits}
                    for name, system in self._systems.items()
                },
            }
        )

    async def show_clock(self, _: Request) -> Response:
        """The sandbox's time."""
        return JSONResponse({"now": self._world.clock.now().isoformat()})

    async def set_clock(self, request: Request) -> Response:
        """``{"now": ISO, "frozen": bool}`` or ``{"advance_seconds": n}`` or ``{"reset": true}``."""
        wish = await request.json()
        if wish.get("reset"):
            self._world.clock.reset()
        elif "advance_seconds" in wish:
            self._world.clock.advance(float(wish["advance_seconds"]))
        else:
            at = datetime.fromisoformat(wish["now"])
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            self._world.clock.set(at, frozen=bool(wish.get("frozen", False)))
        return await self.show_clock(request)

    async def show_faults(self, _: Request) -> Response:
        """Rules in force with their counts."""
        return JSONResponse(self._world.faults.show())

    async def add_fault(self, request: Request) -> Response:
        """A rule: see ``faults.Fault`` for the fields."""
        return JSONResponse(self._world.faults.add(Fault(**await request.json())).show(), 201)

    async def clear_faults(self, _: Request) -> Response:
        """No more faults."""
        self._world.faults.clear()
        return Response(status_code=204)

    async def show_journal(self, request: Request) -> Response:
        """Requests after ``?since=NUMBER``."""
        return JSONResponse(self._world.journal.since(int(request.query_params.get("since", 0))))

    async def set_latency(self, request: Request) -> Response:
        """``{"milliseconds": n}`` before every answer."""
        self._world.latency_ms = int((await request.json())["milliseconds"])
        return JSONResponse({"milliseconds": self._world.latency_ms})

    async def show_usage(self, request: Request) -> Response:
        """What the system counted."""
        return JSONResponse(dict(await run_in_threadpool(self._system(request).usage)))

    async def show_limits(self, request: Request) -> Response:
        """The limits in force."""
        return JSONResponse(self._system(request).limits)

    async def set_limits(self, request: Request) -> Response:
        """Change some limits; unknown names are refused."""
        system, wish = self._system(request), await request.json()
        unknown = set(wish) - set(system.limits)
        if unknown:
            raise ValueError(f"unknown limits {sorted(unknown)}: {sorted(system.limits)} exist")
        system.limits.update({name: int(value) for name, value in wish.items()})
        return JSONResponse(system.limits)

    async def list_records(self, request: Request) -> Response:
        """Every record, one JSON object a line; ``?deleted=true`` shows deleted ones as well."""
        deleted = request.query_params.get("deleted", "false") == "true"
        records = self._system(request).truth(request.path_params["name"], deleted=deleted)
        return StreamingResponse(_lines(records), media_type="application/x-ndjson")

    async def create_record(self, request: Request) -> Response:
        """A new record from its fields."""
        return await self._change(request, self._system(request).create, await request.json(), 201)

    async def edit_record(self, request: Request) -> Response:
        """Changed fields only."""
        return await self._change(request, self._system(request).edit, await request.json())

    async def delete_record(self, request: Request) -> Response:
        """Delete as the CRM does."""
        await run_in_threadpool(
            self._system(request).delete,
            request.path_params["name"],
            request.path_params["identity"],
        )
        return Response(status_code=204)

    async def merge_record(self, request: Request) -> Response:
        """``{"into": id}``."""
        into = str((await request.json())["into"])
        return await self._change(request, self._system(request).merge, into)

    async def _change(
        self, request: Request, lever: Callable[..., Any], value: Any, status: int = 200
    ) -> Response:
        path = request.path_params
        names = [path["name"]] + ([path["identity"]] if "identity" in path else [])
        return JSONResponse(await run_in_threadpool(lever, *names, value), status)
