"""The way into every simulated system: latency, faults, and the journal (raw ASGI)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_pipelines.sandbox.faults import REFUSALS, Fault
from crm_pipelines.sandbox.system import System
from crm_pipelines.sandbox.wire import cut
from crm_pipelines.sandbox.world import World


class Gate:
    """Wraps the application; admin paths pass untouched."""

    def __init__(self, app: ASGIApp, world: World, systems: Sequence[System]) -> None:
        self._app, self._world, self._systems = app, world, systems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; what a fault leaves of the answer is what is sent."""
        system = self._system_of(scope)
        if system is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(self._world.latency_ms / 1000)
        query = scope["query_string"].decode("latin-1")
        target = scope["path"] + ("?" + query if query else "")
        fault = self._world.faults.strike(system.name, scope["method"], target)
        scope.setdefault("state", {}).update(cost=0, fault=fault)
        status = 0

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._answer(system, fault, scope, receive, noted_send)
        finally:
            self._world.journal.add(
                at=self._world.clock.now().isoformat(),
                system=system.name,
                method=scope["method"],
                path=scope["path"],
                query=query,
                status=status,
                cost=scope["state"]["cost"],
                fault=fault.kind if fault else None,
            )

    def close(self) -> None:
        """Stop what systems do in the background, where they do such a thing."""
        for system in self._systems:
            close = getattr(system, "close", None)
            if close is not None:
                close()

    def _system_of(self, scope: Scope) -> System | None:
        if scope["type"] != "http":
            return None
        return next((s for s in self._systems if s.owns(scope["path"])), None)

    async def _answer(
        self, system: System, fault: Fault | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault is None or fault.kind == "short_page":
            await self._app(scope, receive, send)
        elif fault.kind in REFUSALS:
            response = system.refuse(fault.kind)
            if fault.kind == "server_error":
                response.status_code = fault.status
            await response(scope, receive, send)
        elif fault.kind == "reset":
            await cut(scope, receive, hard=True)
        elif fault.kind == "timeout":
            await asyncio.sleep(fault.seconds)
            await cut(scope, receive)
        elif fault.kind == "late":
            whole = await _read(receive)  # while the caller is still there
            await asyncio.sleep(fault.seconds)
            await self._spoil(fault, scope, whole, send)
        else:
            await self._spoil(fault, scope, receive, send)

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, collect)
        if fault.kind in ("lost_answer", "late") or start is None:
            await cut(scope, receive)
            return
        if fault.kind == "malformed_json":
            whole = bytes(body[: max(1, int(len(body) * fault.at))])
            start["headers"] = [(k, v) for k, v in start["headers"] if k != b"content-length"]
            await send(start)
            await send({"type": "http.response.body", "body": whole})
            return
        await send(start)
        if fault.kind == "cut_body":
            part = bytes(body[: int(len(body) * fault.at)])
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await cut(scope, receive)
            return
        pieces = 10
        size = len(body) // pieces + 1
        for at in range(0, len(body), size):
            await asyncio.sleep(fault.seconds / pieces)
            piece = bytes(body[at : at + size])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _read(receive: Receive) -> Receive:
    """The request as it is by now, to be read once more before what follows."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body.extend(message.get("body", b""))
        more = bool(message.get("more_body"))
    kept: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return again
