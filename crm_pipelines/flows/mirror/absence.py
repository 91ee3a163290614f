"""Before anything is taken for deleted: ask the CRM for some of what its list did not show.

A list can leave records out and still call itself whole. What a full sync does not see gets a
tombstone, so a sample of it is looked up by id first, in the fetch, where calls are paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.manifest import Manifest
from crm_pipelines.model.source import Source
from crm_pipelines.model.stream import Stream
from crm_pipelines.store.census import Ours
from crm_pipelines.store.database import Database
from crm_pipelines.store.staging import Staging

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 100
"""As many ids as fit one call."""


def confirm_absence(
    manifest: Manifest,
    *,
    account: Account,
    stream: Stream,
    database: Database,
    staging: Staging,
    open_source: Callable[[], Source],
) -> int:
    """How many ids were looked up, for one call at most. Raises ``Truncated`` when the CRM still
    has a record that its list did not show."""
    if not manifest.slice.whole or not manifest.complete:
        return 0
    ours = Ours(database, account, stream)
    if not ours.exists():
        return 0
    unseen = ours.unseen(_ids(manifest, staging), manifest.started_at, SAMPLE)
    if not unseen:
        return 0
    with closing(open_source()) as source:
        alive = sorted(source.find(stream, unseen))
    if alive:
        raise Truncated(
            f"the list of {account.crm}.{stream.name} left out records that {account.crm} still "
            f"has ({', '.join(alive[:5])}{', …' if len(alive) > 5 else ''}): nothing was changed "
            "here; run it again, and if that does not help, ask the CRM's support"
        )
    return len(unseen)


def _ids(manifest: Manifest, staging: Staging) -> Iterator[pa.Array]:
    """Chunk by chunk."""
    from crm_pipelines.phases.transform import keys_of

    for chunk in manifest.raw:
        yield keys_of(staging.read(chunk), manifest.fields).drop_null()
