"""``python -m crm_pipelines_tests.benchmarks``: measure, show tables, write JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from crm_pipelines_tests.benchmarks import ground, plot, promises, report
from crm_pipelines_tests.benchmarks.contacts import Contacts
from crm_pipelines_tests.benchmarks.persons import Persons

WIDTH = 230
CONTACTS, PERSONS = ["10000,100000,600000,1000000"], ["50000"]
OUTPUT = Path("bench.json")
Sizes = list[Contacts | Persons]


def main(
    contacts: Annotated[
        list[str],
        typer.Option(help="Contacts in Salesforce: sizes, as a comma list or repeated; 0: none."),
    ] = CONTACTS,
    persons: Annotated[
        list[str], typer.Option(help="Persons in Pipedrive, likewise; 0: none.")
    ] = PERSONS,
    changed: Annotated[
        float, typer.Option(help="Per cent changed before a re-sync.", min=0, max=100)
    ] = 1.0,
    obvious_rows: Annotated[
        int,
        typer.Option(help="At most so many rows the obvious way, which is slow; 0: none.", min=0),
    ] = 20_000,
    rounds: Annotated[int, typer.Option(help="Rounds; medians are shown.", min=1)] = 3,
    output: Annotated[
        Path,
        typer.Option(help="Write FILE with every figure (JSON), and a picture beside it (.svg)."),
    ] = OUTPUT,
    sandbox_home: Annotated[
        Path | None, typer.Option(help="Folder in which the simulated CRMs' records are kept.")
    ] = None,
) -> None:
    """Measure the mirror beside a raw COPY of the same rows in the same rounds.

    Uses the PostgreSQL of CRM_DATABASE_URL, in databases of its own, or an embedded one. All sizes
    take about half an hour and 10 GB; --contacts 10000,100000 --rounds 1 takes two minutes.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    if obvious_rows and not find_spec("pandas"):
        console.print("pandas is not installed: the obvious way is left out (make bench has it)")

    def tell(words: str) -> None:
        console.print(f"… {words}", style="dim", highlight=False)

    with ExitStack() as stack:
        tell("starting PostgreSQL")
        server = stack.enter_context(ground.running_server())
        measuring: Sizes = []
        for name, number in _sizes(contacts, persons):
            tell(f"filling a simulated CRM with {number:,} {name}")
            more = {"accounts": max(1, number // 10)} if name == "contacts" else {}
            here = ground.running_sandbox(
                server, f"{name}-{number}", sandbox_home, **{name: number}, **more
            )
            standing, some = stack.enter_context(here), round(number * changed / 100)
            if name == "contacts":
                measuring.append(Contacts(standing, number, some, obvious_rows))
            else:
                measuring.append(Persons(standing, number, some))
        found = _measure(server, measuring, rounds, output, tell)
    _show(console, found)


def _measure(
    server: ground.Server,
    measuring: Sizes,
    rounds: int,
    output: Path,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """All sizes in turn, round after round; what is known is written after each."""
    about = report.machine()
    with psycopg.connect(server.url) as connection:
        about["postgresql"] = connection.info.server_version
    found: dict[str, Any] = {}
    for round_ in range(1, rounds + 1):
        for one in measuring:
            title = one.title
            one.run(round_, lambda words, t=title, r=round_: tell(f"round {r}, {t}: {words}"))  # type: ignore[misc]
        found = {
            "machine": about,
            "rounds": round_,
            "contacts": [one.summary() for one in measuring if isinstance(one, Contacts)],
            "persons": [one.summary() for one in measuring if isinstance(one, Persons)],
        }
        found["promises"] = promises.judge(found)
        output.write_text(json.dumps(found, indent=2) + "\n")
        if drawn := plot.picture(found):
            output.with_suffix(".svg").write_text(drawn)
    return found


def _show(console: Console, found: dict[str, Any]) -> None:
    for size in found["contacts"]:
        console.print(report.contacts_table(size))
    if len(found["contacts"]) > 1:
        console.print(report.growth_table(found["contacts"]))
    for size in found["persons"]:
        console.print(report.persons_table(size))
    console.print(report.promises_table(found["promises"]))


def _sizes(contacts: list[str], persons: list[str]) -> list[tuple[str, int]]:
    found = []
    for name, texts in (("contacts", contacts), ("persons", persons)):
        for text in ",".join(texts).split(","):
            try:
                number = int(text.replace("_", ""))
            except ValueError:
                raise typer.BadParameter(f"--{name} takes numbers, not {text!r}") from None
            if number < 0:
                raise typer.BadParameter(f"--{name} must not be negative")
            found.append((name, number))
    return sorted({each for each in found if each[1]})


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
