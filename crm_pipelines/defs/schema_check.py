"""The asset check that tells when the CRM's fields are not those of the last sync."""

from typing import Any

import dagster as dg

from crm_pipelines.model.connector import Account
from crm_pipelines.model.drift import NOTE
from crm_pipelines.model.stream import Stream
from crm_pipelines.store.history import metric_of_run

NAME = "schema_is_known"
QUIET = {"unread_keys"}
"""What is shown at every run, and news only at the first: then it is among the added ones."""


def schema_check(key: dg.AssetKey, account: Account, stream: Stream) -> dg.AssetChecksDefinition:
    """Fields added, renamed, removed, of another type, or read by no column."""

    @dg.asset_check(
        asset=key,
        name=NAME,
        description="The CRM has the fields it had at the last sync. If not, columns were added "
        "or widened, and those of removed fields keep their data: this only tells.",
        required_resource_keys={"database"},
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        about = (account.workspace, account.crm, stream.name)
        database = context.op_execution_context.resources.database
        notes: dict[str, Any] = metric_of_run(database, about, context.run.run_id, NOTE) or {}
        news = sorted(set(notes) - QUIET)
        return dg.AssetCheckResult(
            passed=not news,
            severity=dg.AssetCheckSeverity.WARN,
            description=", ".join(name.replace("_", " ") for name in news) or "nothing new",
            metadata=notes,
        )

    return check
