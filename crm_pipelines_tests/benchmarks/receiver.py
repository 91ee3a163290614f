"""``python -m crm_pipelines_tests.benchmarks.receiver``: how fast webhooks are taken in.

A gateway of its own on a PostgreSQL of its own (or that of CRM_DATABASE_URL), both as the product
runs them; every delivery answered 200 is looked for in the inbox afterwards.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psycopg
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from crm_pipelines.store.database import Database
from crm_pipelines.store.migrations import migrate
from crm_pipelines_tests.benchmarks import ground
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.webhooks import BY_HAND, Gateway, delivery, request, running_gateway

WIDTH = 130


@dataclass
class Round:
    """What one round came to; latencies in seconds, processor time by program."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    processor: dict[str, float] = field(default_factory=dict)

    def quantile(self, share: float) -> float:
        """Milliseconds that this share of the deliveries stayed below."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main(
    deliveries: Annotated[int, typer.Option(help="In each round.", min=1)] = 20_000,
    connections: Annotated[int, typer.Option(help="Side by side.", min=1)] = 32,
    rate: Annotated[
        int, typer.Option(help="Deliveries a second; 0: as many as go through.", min=0)
    ] = 0,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    signed: Annotated[bool, typer.Option(help="Signatures instead of Basic credentials.")] = False,
) -> None:
    """Send deliveries of Pipedrive's shape to a gateway, each with a time of its own.

    With a rate, latency counts from the moment when a delivery was due, not when it was sent.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    table = Table("round", "deliveries/s", "p50 ms", "p99 ms", "slowest", "not 200", "in inbox")
    for name in ("client", "gateway"):
        table.add_column(f"{name} µs each", justify="right")
    table.add_column("load before", justify="right")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crm-receiver-")))
        server = stack.enter_context(ground.running_server())
        url = stack.enter_context(server.database())
        database = Database(url)
        stack.callback(database.close)
        migrate(database)
        gateway = stack.enter_context(running_gateway(url, folder, free_port()))
        for number in range(1, rounds + 1):
            load = os.getloadavg()[0]
            requests = _requests(gateway, number, deliveries, signed)
            found = uvloop.run(_send(gateway, requests, connections, rate))
            table.add_row(*_row(number, found, _count(url, number), deliveries, load))
    console.print(table)


def _requests(gateway: Gateway, number: int, deliveries: int, signed: bool) -> list[bytes]:
    made = []
    for one in range(deliveries):
        body = delivery(f"{number:08x}-0000-4000-8000-{one:012x}", one)
        headers = gateway.signature(body) if signed else BY_HAND
        made.append(request(gateway.port, body, headers))
    return made


async def _send(gateway: Gateway, requests: Sequence[bytes], connections: int, rate: int) -> Round:
    found, rest = Round(), iter(enumerate(requests))
    used, ours = gateway.processor_seconds(), time.process_time()
    begun = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        for number, content in rest:
            due = begun + number / rate if rate else time.perf_counter()
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(content)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            found.latencies.append(time.perf_counter() - due)
            found.refused += head[9:12] != b"200"
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(connections)))
    found.seconds = time.perf_counter() - begun
    found.processor = {
        "client": time.process_time() - ours,
        "gateway": gateway.processor_seconds() - used,
    }
    return found


def _count(url: str, number: int) -> int:
    with psycopg.connect(url) as connection:
        counted = connection.execute(
            "SELECT count(*) FROM sync.inbox WHERE position(%s IN encode(body, 'escape')) > 0",
            [f'"{number:08x}-0000-'],
        ).fetchone()
    assert counted is not None
    return int(counted[0])


def _row(number: int, found: Round, rows: int, deliveries: int, load: float) -> list[str]:
    return [
        str(number),
        f"{deliveries / found.seconds:,.0f}",
        f"{1000 * statistics.median(found.latencies):.1f}",
        f"{found.quantile(0.99):.1f}",
        f"{1000 * max(found.latencies):.1f}",
        f"{found.refused:,}",
        f"{rows:,}",
        *(f"{1e6 * seconds / deliveries:.0f}" for seconds in found.processor.values()),
        f"{load:.1f}",
    ]


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
