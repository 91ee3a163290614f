"""Rejected records run again from what was kept of them: the CRM is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.flows.mirror.given import fields_of, run_given
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Mode
from crm_pipelines.phases.failures import as_raw
from crm_pipelines.store import rejected
from crm_pipelines.store.rejected import Batch


def retry(mirror: Mirror, limit: int = 0) -> Iterator[Outcome]:
    """Transform, validate and upsert all of a stream's (at most ``limit``, if given).

    Records that were fetched together are one run, as of that fetch, so that a newer row stays
    what it is. Each run leaves a line of history. Raises ``ConfigurationError`` where the
    stream's fields are not known.
    """
    fields = fields_of(mirror)
    for batch in rejected.batches(mirror.database, mirror.about, limit):
        yield _run(mirror, batch, fields)


def _run(mirror: Mirror, batch: Batch, fields: tuple[Field, ...]) -> Outcome:
    run = f"retry-{uuid4().hex}"
    raw = as_raw(batch.raw, as_json=batch.is_json)
    outcome = run_given(
        mirror, raw, mode=Mode.RETRY, as_of=batch.fetched_at, run=run, fields=fields
    )
    rejected.forget_keyless(mirror.database, {**mirror.about, "run": run}, batch.ids)
    return outcome
