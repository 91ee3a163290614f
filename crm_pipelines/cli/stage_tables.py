"""How stages, histories and actions look on a screen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from rich.markup import escape
from rich.table import Table

from crm_pipelines.flows.stages.past import Filled

Rows = Sequence[Mapping[str, Any]]
PASTS = {
    "unread": "What happened before it was first seen is not read yet: crm-pipelines stages "
    "backfill.",
    "reading": "Its change log is being read: crm-pipelines stages backfill goes on.",
    "complete": "Complete, from the day it was made.",
    "silent": "Its change log does not reach back to the day it was made.",
    "gone": "It has no change log any more.",
}


class State(StrEnum):
    """Where an action is on its way."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


def stages(rows: Rows) -> Table:
    """Stages with their mappings."""
    table = _table("id", "pipeline", "stage", "status", "prob.", "actions", "since (UTC)")
    for row in rows:
        if not row["mapped"]:
            _add(table, row["stage_id"], row["pipeline"], row["name"], "", "", "not mapped", "")
            continue
        wanted = ", ".join(_action(one) for one in row["actions"]) or "none"
        _add(
            table,
            row["stage_id"],
            row["pipeline"],
            row["name"] or "(gone)",
            row["local_status"],
            f"{row['probability']} %",
            wanted if row["enabled"] else f"off: {wanted}",
            _time(row["active_since"]),
        )
    return table


def history(rows: Rows) -> Table:
    """The stages of a deal."""
    table = _table("from", "to", "at (UTC)", "stayed", "by user", "value", "prob.", "told by")
    for row in rows:
        value = row["deal_value"]
        _add(
            table,
            row["previous_stage"] or row["previous_stage_id"] or "(made)",
            row["stage"] or row["stage_id"],
            _time(row["changed_at"]),
            _stay(row["duration_in_stage"]),
            row["changed_by_user_id"],
            "" if value is None else f"{value:,} {row['currency'] or ''}",
            "" if row["probability"] is None else f"{row['probability']:g} %",
            row["source"].replace("_", " "),
        )
    return table


def actions(rows: Rows) -> Table:
    """What was set off."""
    table = _table("id", "deal", "stage", "at (UTC)", "action", "status", "tries", "outcome")
    for row in rows:
        _add(
            table,
            row["id"],
            row["deal_id"],
            row["stage_id"],
            _time(row["changed_at"]),
            _action(row),
            row["status"],
            row["attempts"],
            row["outcome"],
        )
    return table


def filled(turn: Filled) -> str:
    """What a turn of reading came to."""
    if turn.busy:
        return f"Somebody else is reading; {turn.left:,} deals are left."
    words = (
        f"{turn.deals:,} deals read, {turn.added:,} changes of stage added, {turn.calls:,} calls, "
        f"{turn.tokens:,} tokens; {turn.left:,} deals are left."
    )
    if turn.resumes_at is not None:
        words += f" Paused: the budget's share is spent; goes on at {_time(turn.resumes_at)} UTC."
    return words


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _add(table: Table, *cells: Any) -> None:
    table.add_row(*(escape("" if cell is None else str(cell)) for cell in cells))


def _action(one: Mapping[str, Any]) -> str:
    options = {name: value for name, value in one["options"].items() if value is not None}
    return f"{one['action']} {json.dumps(options)}" if options else str(one["action"])


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _stay(duration: timedelta | None) -> str:
    return "still there" if duration is None else str(duration)
