"""``crm-pipelines webhooks``: having a CRM tell us of changes by itself, and whether it does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.tenant import AsJson, Workspace, make_ready, show_table
from crm_pipelines.flows.hooks.catching_up import Catching, catch_up
from crm_pipelines.flows.hooks.checkup import Checkup
from crm_pipelines.flows.hooks.comparison import Comparison, Condition
from crm_pipelines.flows.hooks.flow import Webhooks
from crm_pipelines.flows.hooks.settlement import Settled
from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.hook import Hook
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.store import inbox
from crm_pipelines.wiring import Wiring

CRM = "pipedrive"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        name="webhooks",
        help="What Pipedrive tells us by itself: register, list, check, remove.",
        no_args_is_help=True,
    )
    commands.command(
        name="register",
        epilog="Examples:  crm-pipelines webhooks register  ·  crm-pipelines webhooks register "
        "--rotate --workspace acme",
    )(have_made)
    commands.command(name="list", epilog="Example: crm-pipelines webhooks list --json")(show)
    commands.command(
        name="check",
        epilog="Examples:  crm-pipelines webhooks check  ·  crm-pipelines webhooks check --dry-run",
    )(check)
    commands.command(
        name="remove",
        epilog="Examples:  crm-pipelines webhooks remove  ·  crm-pipelines webhooks remove 17 18",
    )(remove)
    app.add_typer(commands)


def have_made(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="All of them anew, with new credentials.")
    ] = False,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Make the webhooks that are missing, remove strays of ours, leave those of others alone.

    They deliver to CRM_PUBLIC_URL/webhooks/pipedrive/WORKSPACE; calling this again costs one call.
    Exit code 0 all there, 1 Pipedrive refused, 2 wrong configuration, 3 the budget is spent.
    """
    with _opened(workspace) as (_, webhooks):
        done = webhooks.register(rotate=rotate)
        gap = webhooks.open_gaps().streams
    if as_json:
        typer.echo(json.dumps({"url": webhooks.url, **asdict(done), "gaps": gap}))
        return
    typer.echo(f"{_summary(done)}; they deliver to {webhooks.url}")
    if gap:
        typer.echo(f"Some events may be missing: crm-pipelines webhooks check syncs {_and(gap)}.")


def show(workspace: Workspace = "default", as_json: AsJson = False) -> None:
    """Every webhook that Pipedrive has: ours, and those of others. One call.

    Exit code 0, 1 Pipedrive refused, 2 wrong configuration, 3 the budget is spent.
    """
    with _opened(workspace) as (wiring, webhooks):
        found = webhooks.listing()
        last = inbox.last_by_kind(wiring.database, workspace)
    rows = list(_rows(found, _by_object(last)))
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        typer.echo("There are no webhooks: crm-pipelines webhooks register makes them.")
        return
    _print(rows)


def check(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look and tell; make nothing anew, sync nothing.")
    ] = False,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Look for webhooks that were deleted, banned, fail or bring nothing; mend, and close gaps.

    What is broken is made anew where that helps, and what happened meanwhile is synced. Exit code
    0 when all is well in the end, 1 when something is still broken, 2 wrong configuration, 3 the
    budget is spent.
    """
    with _opened(workspace) as (wiring, webhooks):
        found = webhooks.check(repair=not dry_run)
        outcomes = {} if dry_run else _close_gaps(wiring, workspace, webhooks, found.catching)
        last = _by_object(inbox.last_by_kind(wiring.database, workspace))
    rows = list(_findings(found, last))
    if as_json:
        synced = {name: asdict(outcome) for name, outcome in outcomes.items()}
        told = {"webhooks": rows, **asdict(found.settled), "synced": synced}
        typer.echo(json.dumps(told, indent=2, default=str))
    else:
        _print(rows)
        if found.settled.made or found.settled.removed:
            typer.echo(_summary(found.settled))
        for name, outcome in outcomes.items():
            typer.echo(
                f"Gap of {name} closed: {outcome.created:,} created, {outcome.updated:,} updated, "
                f"{outcome.deleted:,} deleted"
            )
        if not found.registered:
            typer.echo("Nothing is registered: crm-pipelines webhooks register does it.")
    if found.broken:
        raise typer.Exit(Exit.FAILED)


def remove(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which; all of ours if none.")
    ] = None,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Remove our webhooks at Pipedrive; those of other programs are never touched.

    Exit code 0, 1 Pipedrive refused, 2 wrong use or configuration, 3 the budget is spent.
    """
    with _opened(workspace) as (_, webhooks):
        removed = webhooks.remove(ids or ())
    if as_json:
        typer.echo(json.dumps({"removed": removed}))
        return
    typer.echo(f"{len(removed):,} removed" if removed else "There was none of ours.")


@contextmanager
def _opened(workspace: str) -> Iterator[tuple[Wiring, Webhooks]]:
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        webhooks = ready.wiring.webhooks(workspace, CRM)
        try:
            yield ready.wiring, webhooks
        except BudgetSpent as error:
            words = f"{error}; goes on at {error.resumes_at:%Y-%m-%d %H:%M} UTC"
            Console(stderr=True, soft_wrap=True).print(
                words, style="yellow", markup=False, highlight=False
            )
            raise typer.Exit(Exit.PAUSED) from error


def _close_gaps(
    wiring: Wiring, workspace: str, webhooks: Webhooks, wanted: Catching
) -> Mapping[str, Outcome]:
    """The mirror first, then what follows from it."""
    outcomes = catch_up(lambda name: wiring.mirror(workspace, CRM, name), wanted)
    if outcomes:
        wiring.inbox(workspace, CRM).catch_up()
        wiring.stages(workspace, CRM).work()
        webhooks.open_gaps()
    return outcomes


def _summary(done: Settled) -> str:
    parts = [f"{len(done.kept):,} kept"] if done.kept or not done.made else []
    parts += [f"{len(done.made):,} made ({', '.join(done.made)})"] if done.made else []
    parts += [f"{len(done.removed):,} removed"] if done.removed else []
    parts += [f"{done.others:,} of others left alone"] if done.others else []
    return "Webhooks: " + ", ".join(parts)


def _and(names: Sequence[str]) -> str:
    return ", ".join(names)


def _rows(found: Comparison, last: Mapping[str, datetime]) -> Iterator[dict[str, Any]]:
    for pair in found.pairs:
        words = pair.words or ""
        yield _row("ours", pair.hook, pair.object, str(pair.condition), words, last)
    for hook in found.strays:
        yield _row("stray", hook, hook.object, "stray", "nobody knows its credentials", {})
    for hook in found.others:
        yield _row("other", hook, hook.object, "", "", {})


def _row(
    whose: str,
    hook: Hook | None,
    object_: str,
    condition: str,
    words: str,
    last: Mapping[str, datetime],
) -> dict[str, Any]:
    return {
        "id": hook.id if hook else None,
        "whose": whose,
        "object": object_,
        "action": hook.action if hook else None,
        "state": condition,
        "last_status": hook.last_status if hook else None,
        "last_delivery_at": last.get(object_) or (hook.last_delivery_at if hook else None),
        "url": hook.url if hook else None,
        "remark": words,
    }


def _findings(found: Checkup, last: Mapping[str, datetime]) -> Iterator[dict[str, Any]]:
    for one in found.findings:
        made = one.object in found.settled.made
        yield {
            "object": one.object,
            "state": str(one.condition),
            "now": "made anew" if made else "" if one.condition is Condition.GOOD else "broken",
            "last_delivery_at": last.get(one.object) or one.heard_at,
            "gap_since": one.since,
            "remark": one.words,
        }


def _by_object(last: Mapping[tuple[str, str, str], datetime]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for (crm, object_, _), at in last.items():
        if crm == CRM:
            found[object_] = max(at, found.get(object_, at))
    return found


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    show_table(table)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)
