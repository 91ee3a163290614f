"""Rejected records run again from what was kept of them: the CRM is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Mode, Options, Slice
from crm_pipelines.phases.failures import as_raw
from crm_pipelines.phases.fetch import PHASE
from crm_pipelines.store import rejected
from crm_pipelines.store.known import recall
from crm_pipelines.store.rejected import Batch


def retry(mirror: Mirror, limit: int = 0) -> Iterator[Outcome]:
    """Transform, validate and upsert all of a stream's (at most ``limit``, if given).

    Records that were fetched together are one run, as of that fetch, so that a newer row stays
    what it is. Each run leaves a line of history. Raises ``ConfigurationError`` where the
    stream's fields are not known.
    """
    fields = _fields(mirror)
    for batch in rejected.batches(mirror.database, mirror.about, limit):
        yield _run(mirror, batch, fields)


def _fields(mirror: Mirror) -> tuple[Field, ...]:
    """As declared now; what the CRM itself describes, as the last sync knew it."""
    stream = mirror.stream
    declared = {field.name: field for field in (stream.key, *stream.fields)}
    known = recall(mirror.database, mirror.about).fields
    if not known and not stream.fields:
        raise ConfigurationError(
            f"the fields of {mirror.account.crm}.{stream.name} are not known yet: sync it once, "
            "then retry"
        )
    described = tuple(declared.pop(field.name, field) for field in known)
    return (*described, *declared.values())


def _run(mirror: Mirror, batch: Batch, fields: tuple[Field, ...]) -> Outcome:
    run = f"retry-{uuid4().hex}"
    key = "/".join((run, ".".join(mirror.about.values())))
    raw = mirror.staging.write(key, PHASE, 0, as_raw(batch.raw, as_json=batch.is_json))
    manifest = Manifest(
        key=key,
        workspace=mirror.account.workspace,
        crm=mirror.account.crm,
        stream=mirror.stream.name,
        options=Options(mode=Mode.RETRY),
        slice=Slice(max_records=len(batch.ids)),
        started_at=batch.fetched_at,
        fields=fields,
        chunks=(raw,),
        raw=(raw,),
        notes={"api_calls": 0, "tokens": 0, "resumed": False},
    )
    try:
        done = mirror.validate(mirror.transform(manifest, run=run), run=run)
        outcome, _ = mirror.upsert(done, run=run)
    finally:
        mirror.staging.drop(key)
    rejected.forget_keyless(mirror.database, {**mirror.about, "run": run}, batch.ids)
    return outcome
