"""Asset checks, generated from the declared streams."""

import dagster as dg

from crm_pipelines.model.connector import Account
from crm_pipelines.model.stream import Stream
from crm_pipelines.store.inspect import verify


def mirror_check(key: dg.AssetKey, account: Account, stream: Stream) -> dg.AssetChecksDefinition:
    """Keys unique and present; rows written are those the run counted."""

    @dg.asset_check(
        asset=key,
        name="mirror_is_sound",
        description="Every key is there once, and the rows this run wrote are those it counted.",
        required_resource_keys={"database"},
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        database = context.op_execution_context.resources.database
        found = verify(database, account, stream, context.run.run_id)
        counted = found["rows_reported"]
        agrees = counted is None or counted == found["rows_with_mark"]
        return dg.AssetCheckResult(
            passed=agrees and not found["repeated_keys"] and not found["missing_keys"],
            metadata={name: value for name, value in found.items() if value is not None},
        )

    return check
