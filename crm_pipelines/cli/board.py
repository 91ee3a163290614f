"""What ``sync`` shows: live progress per stream, then one table."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from crm_pipelines.model.manifest import Outcome
from crm_pipelines.reports.progress import StreamName

COLUMNS = (
    "fetched",
    "created",
    "updated",
    "unchanged",
    "rejected",
    "deleted",
    "api_calls",
    "tokens",
)


@dataclass
class Line:
    """One stream's result."""

    name: StreamName
    status: str = "waiting"
    outcome: Outcome = field(default_factory=Outcome)
    seconds: float = 0.0
    why: str = ""
    resumes_at: datetime | None = None


class Board:
    """Listens to the flows of this process."""

    def __init__(self, names: list[StreamName], console: Console, *, live: bool) -> None:
        self.lines = {name: Line(name) for name in names}
        self._started: dict[StreamName, float] = {}
        self._tasks: dict[StreamName, TaskID] = {}
        self._console = console
        self._live = live and console.is_terminal
        self._spoken = live and not console.is_terminal
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[words]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Board:
        if self._live:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def phase(self, name: StreamName, phase: str, words: str) -> None:
        """A phase began or got further."""
        self._started.setdefault(name, time.monotonic())
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(label(name), total=1, words="")
        self._progress.update(self._tasks[name], words=f"{phase}: {words}")

    def finished(self, name: StreamName, outcome: Outcome) -> None:
        """The stream is in the mirror."""
        line = self._end(name, "partial" if outcome.rejected else "success")
        line.outcome = outcome
        if outcome.rejected:
            whose = f"{name.crm}.{name.stream}"
            line.why = f"{outcome.rejected} rejected, see crm-pipelines rejected {whose}"

    def failed(self, name: StreamName, words: str, resumes_at: datetime | None) -> None:
        """The stream broke off."""
        line = self._end(name, "paused" if resumes_at else "failed")
        line.why, line.resumes_at = " ".join(words.split()), resumes_at

    def _end(self, name: StreamName, status: str) -> Line:
        line = self.lines[name]
        line.status = status
        line.seconds = time.monotonic() - self._started.get(name, time.monotonic())
        if name in self._tasks:
            self._progress.update(self._tasks[name], completed=1, words=status)
        if self._spoken:
            words = f"{label(name)} {status} after {line.seconds:.1f} s"
            self._console.print(words, highlight=False, markup=False)
        return line


def label(name: StreamName) -> str:
    """As people write it."""
    short = f"{name.crm}.{name.stream}"
    return short if name.workspace == "default" else f"{name.workspace}: {short}"


def as_table(lines: list[Line], *, dry_run: bool) -> Table:
    """The one table at the end."""
    table = Table(title="Dry run: what would happen" if dry_run else None)
    table.add_column("stream", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column.replace("_", " ").replace("api", "API"), justify="right")
    table.add_column("seconds", justify="right")
    for line in lines:
        style = {"failed": "red", "paused": "yellow", "not run": "red"}.get(line.status, "")
        figures = [f"{getattr(line.outcome, column):,}" for column in COLUMNS]
        table.add_row(label(line.name), *figures, f"{line.seconds:.1f}", style=style)
    return table


def as_json(lines: list[Line]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "workspace": line.name.workspace,
            "crm": line.name.crm,
            "stream": line.name.stream,
            "status": line.status,
            **asdict(line.outcome),
            "seconds": round(line.seconds, 3),
            "error": line.why or None,
            "resumes_at": line.resumes_at.isoformat() if line.resumes_at else None,
        }
        for line in lines
    ]
