"""Records that are at hand, run through the phases after the fetch: the CRM is not asked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Mode, Options, Slice
from crm_pipelines.phases.fetch import PHASE
from crm_pipelines.store.known import recall

if TYPE_CHECKING:
    import pyarrow as pa


def fields_of(mirror: Mirror) -> tuple[Field, ...]:
    """As declared now; what the CRM itself describes, as the last sync knew it.

    Raises ``ConfigurationError`` where they are not known.
    """
    stream = mirror.stream
    declared = {field.name: field for field in (stream.key, *stream.fields)}
    known = recall(mirror.database, mirror.about).fields
    if not known and not stream.fields:
        raise ConfigurationError(
            f"the fields of {mirror.account.crm}.{stream.name} are not known yet: sync it once, "
            "then try again"
        )
    described = tuple(declared.pop(field.name, field) for field in known)
    return (*described, *declared.values())


def run_given(
    mirror: Mirror,
    raw: pa.Table,
    *,
    mode: Mode,
    as_of: datetime,
    run: str,
    fields: tuple[Field, ...],
    api_calls: int = 0,
    tokens: int = 0,
) -> Outcome:
    """Transform, validate and upsert raw records as of that time (aware): newer rows stay.

    It leaves its line of history with what it cost to come by them.
    """
    key = "/".join((run, ".".join(mirror.about.values())))
    chunk = mirror.staging.write(key, PHASE, 0, raw)
    manifest = Manifest(
        key=key,
        workspace=mirror.account.workspace,
        crm=mirror.account.crm,
        stream=mirror.stream.name,
        options=Options(mode=mode),
        slice=Slice(max_records=raw.num_rows),
        started_at=as_of,
        fields=fields,
        chunks=(chunk,),
        raw=(chunk,),
        notes={"api_calls": api_calls, "tokens": tokens, "resumed": False},
    )
    try:
        done = mirror.validate(mirror.transform(manifest, run=run), run=run)
        outcome, _ = mirror.upsert(done, run=run)
    finally:
        mirror.staging.drop(key)
    return outcome
