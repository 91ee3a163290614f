"""Forgetting: journals lose what was settled long ago, a batch at a time, beside all other work.

What goes: settled deliveries of the inbox, delivered changes of the outbox, lines of sync history,
decided conflicts, actions of stages that are done. What stays, however old it is:

- whatever waits, has failed or is dead: somebody may still see to it, or try it again;
- of the outbox every create (a row of the local side has one for ever), the last change of each
  record (drift and take-over ask when it got through), and all changes of a record that has a
  command left which is not delivered: they tell which of its fields were written since;
- the newest delivery of each kind: by it the silence of a webhook is told;
- of each stream the last line of each mode and outcome: health, watermarks' gaps and paused syncs
  rest on them; and lines of runs that began during a fetch that is not over yet;
- actions that gave a deal to somebody: whose turn is next is counted from them;
- mirrors, rejected records, histories of stages, links, the audit log, budgets: that is data.

Doubles are known by the rows of the inbox: a CRM tries for minutes, the shortest time that can be
set is a week, and what comes later than that is not taken at its word (``flows.inbox.validate``).
Echoes are told by writes of the same seconds. Counters of writes and echoes keep their sums.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query

MOST = 5_000
"""Rows of one statement: it takes a fraction of a second, and holds nothing for longer."""

_START = {"after_at": datetime.min.replace(tzinfo=UTC), "after": 0}


def forget(database: Database, older_than: timedelta, most: int = MOST) -> dict[str, int]:
    """All that may go; how many rows of each journal did. Several may do so at once."""
    with database.connection() as connection:
        seconds = {"seconds": older_than.total_seconds()}
        horizon = connection.execute(query("retention.horizon"), seconds).fetchall()
        values = {**horizon[0], "most": most}
        return {
            "conflicts": _all(connection, "conflicts", values),
            "commands": _commands(connection, values),
            "deliveries": _but_the_last(connection, "deliveries", values),
            "runs": _but_the_last(connection, "runs", values),
            "actions": _all(connection, "actions", values),
        }


def _but_the_last(connection: Connection, name: str, values: dict[str, object]) -> int:
    rows = connection.execute(query(f"retention.last_{name}")).fetchall()
    return _all(connection, name, {**values, "kept": [row["id"] for row in rows]})


def _all(connection: Connection, name: str, values: dict[str, object]) -> int:
    found = 0
    while True:
        [row] = connection.execute(query(f"retention.{name}"), values).fetchall()
        if not row["gone"]:
            return found
        found += int(row["gone"])


def _commands(connection: Connection, values: dict[str, object]) -> int:
    """From the oldest on: many stay, and none is looked at twice."""
    found, place = 0, dict[str, object](_START)
    while True:
        rows = connection.execute(query("retention.commands"), {**values, **place}).fetchall()
        if not rows:
            return found
        found += int(rows[0]["gone"])
        place = {"after_at": rows[0]["after_at"], "after": rows[0]["after"]}
