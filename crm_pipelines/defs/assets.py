"""Assets: one per stream, a graph of the four phases; and the CRMs themselves, as sources."""

from __future__ import annotations

import warnings

import dagster as dg

from crm_pipelines.defs.metadata import static_metadata
from crm_pipelines.defs.names import OWNERS, Names
from crm_pipelines.defs.ops import PhaseOps
from crm_pipelines.model.command import Entity
from crm_pipelines.model.connector import Account
from crm_pipelines.model.stream import Stream


def source_asset(account: Account, names: Names) -> dg.AssetSpec:
    """The CRM, where the lineage of mirrors begins; what we push goes there."""
    pushed = Entity if account.connector.sink is not None else ()
    return dg.AssetSpec(
        names.source(account),
        deps=[names.push(account.workspace, account.crm, entity) for entity in pushed],
        description=account.connector.description,
        group_name=account.crm,
        owners=OWNERS,
        kinds={account.crm, "api"},
        metadata={"streams": [stream.name for stream in account.streams]},
    )


def mirror_asset(
    account: Account, stream: Stream, names: Names, windows: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """The mirror of one stream, partitioned by sync window if it can be read that way."""
    key = names.asset(account, stream)
    ops = PhaseOps(account, stream)
    fetch = ops.fetch().alias("fetch")
    transform = ops.transform().alias("transform")
    validate = ops.validate().alias("validate")
    upsert = ops.upsert().alias("upsert")

    def compose(**sources: object) -> object:
        return upsert(validate(transform(fetch(**sources))))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        single_run = dg.BackfillPolicy.single_run()
    fields = (stream.key, *stream.fields) if stream.fields else ()
    keys = {
        "source": names.source(account),
        "inbox": names.inbox(account.workspace, account.crm),
    }
    return dg.graph_asset(
        name=stream.name,
        key_prefix=list(key.path[:-1]),
        description=_describe(account, stream),
        ins={one: dg.AssetIn(keys[one], dagster_type=dg.Nothing) for one in ops.sources},
        partitions_def=windows if stream.windowed else None,
        backfill_policy=single_run if stream.windowed else None,
        group_name=account.crm,
        owners=OWNERS,
        kinds={account.crm, "postgres"},
        tags={"workspace": account.workspace},
        metadata=static_metadata(account.crm, stream.table_name, fields),
    )(compose)


def _describe(account: Account, stream: Stream) -> str:
    how = (
        f"Read by sync window on `{stream.cursor_field}`."
        if stream.windowed
        else "Read whole each time."
    )
    return (
        f"{stream.description}\n\nMirror of {account.connector.title} in "
        f"`{account.crm}.{stream.table_name}`. {how}"
    )
