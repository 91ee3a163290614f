"""Dead letters and failed commands, tried again because somebody says so."""

from __future__ import annotations

from collections.abc import Sequence

from crm_pipelines.model.command import Status
from crm_pipelines.store.database import Database
from crm_pipelines.store.queries import query


def redrive(
    database: Database,
    workspace: str,
    *,
    ids: Sequence[int] = (),
    status: Status | None = None,
    who: str = "",
) -> int:
    """These, or all of a status, wait for their turn again as if new; how many that were.

    Others than dead and failed ones are passed over. Fields that later commands of the record
    have written since are left out; an update with none left is settled.
    """
    wanted = {"workspace": workspace, "ids": list(ids), "status": status, "who": who}
    with database.transaction() as connection:
        rows = connection.execute(query("outbox.redrive"), wanted).fetchall()
    local = [row for row in rows if row["local_id"] is not None]
    if local:
        # After the commands, not with them: everybody else takes the row before its commands.
        database.run(
            "outbox.mark_all",
            {
                "workspace": workspace,
                "entities": [row["entity"] for row in local],
                "local_ids": [row["local_id"] for row in local],
            },
        )
    return len(rows)
