"""``python -m crm_pipelines_tests.benchmarks``: measure, show a table, write JSON on request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from crm_pipelines_tests.benchmarks import ground, report
from crm_pipelines_tests.benchmarks.rounds import Contacts, Persons

WIDTH = 190


def main(
    contacts: Annotated[
        int, typer.Option(help="Contacts in Salesforce; 0: none.", min=0)
    ] = 100_000,
    persons: Annotated[int, typer.Option(help="Persons in Pipedrive; 0: none.", min=0)] = 10_000,
    changed: Annotated[
        float, typer.Option(help="Per cent changed before the last re-sync.", min=0, max=100)
    ] = 1.0,
    rounds: Annotated[int, typer.Option(help="Rounds; medians are shown.", min=1)] = 1,
    json_: Annotated[
        Path | None, typer.Option("--json", help="Write every figure into this file; - shows it.")
    ] = None,
    sandbox_home: Annotated[
        Path | None, typer.Option(help="Folder in which the simulated CRMs' records are kept.")
    ] = None,
) -> None:
    """Measure the mirror beside a raw COPY of the same rows in the same rounds.

    Uses the PostgreSQL of CRM_DATABASE_URL, in databases of its own, or an embedded one.
    """
    console = Console(stderr=str(json_) == "-")
    if not console.is_terminal:
        console = Console(stderr=console.stderr, width=WIDTH)
    found: dict[str, Any] = {"machine": report.machine()}

    def tell(words: str) -> None:
        console.print(f"… {words}", style="dim", highlight=False)

    tell("starting PostgreSQL and filling the simulated CRMs")
    with ground.prepared(contacts, persons, sandbox_home) as here:
        with psycopg.connect(here.server_url) as connection:
            found["machine"]["postgresql"] = connection.info.server_version
        if contacts:
            found["contacts"] = _contacts(here, contacts, changed, rounds, tell)
            console.print(report.contacts_table(found["contacts"]))
        if persons:
            found["persons"] = _persons(here, persons, rounds, tell)
            console.print(report.persons_table(found["persons"]))
    if str(json_) == "-":
        typer.echo(json.dumps(found, indent=2))
    elif json_ is not None:
        json_.write_text(json.dumps(found, indent=2) + "\n")


def _contacts(
    here: ground.Ground, number: int, changed: float, rounds: int, tell: Any
) -> dict[str, Any]:
    measuring = Contacts(here, number, round(number * changed / 100))
    for round_ in range(1, rounds + 1):
        measuring.run(round_, lambda words, r=round_: tell(f"round {r} of {rounds}: {words}"))  # type: ignore[misc]
    return {
        "csv_mb": round(measuring.csv_bytes / 1e6, 1),
        "wire_mb": round(measuring.wire_bytes / 1e6, 1),
        "columns": measuring.columns,
        "measured": [one.summary() for one in measuring.measured],
    }


def _persons(here: ground.Ground, number: int, rounds: int, tell: Any) -> dict[str, Any]:
    measuring = Persons(here, number)
    for _ in range(rounds):
        measuring.run(tell)
    return {"measured": [one.summary() for one in measuring.measured]}


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
