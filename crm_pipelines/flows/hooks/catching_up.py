"""Closing gaps: what happened while webhooks brought nothing is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crm_pipelines.flows.hooks.wanted import streams_of
from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.model.connector import Account
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.stream import Stream
from crm_pipelines.model.window import Mode, Options
from crm_pipelines.store import webhooks
from crm_pipelines.store.database import Database


@dataclass(frozen=True)
class Catching:
    """Streams to be synced: by what changed, or ``whole`` where that does not tell of deletes."""

    delta: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    @property
    def streams(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.delta, *self.whole)))


def open_gaps(account: Account, database: Database) -> Catching:
    """What is still to be synced for webhooks that were made in place of broken ones, or that
    nobody was there to receive.

    A gap is kept with its webhook until good syncs, begun since, have read what it may hide:
    whoever breaks off in between, and whoever syncs, it is neither forgotten nor closed twice.
    """
    about = {"workspace": account.workspace, "crm": account.crm}
    delta, whole = dict[str, None](), dict[str, None]()
    for one in webhooks.every(database, about):
        if not one.lives or one.gap_since is None:
            continue
        synced = webhooks.synced(database, about, one.gap_until or one.registered_at)
        missing = [s for s in streams_of(account, one.object) if not _is_read(s, synced)]
        for stream in missing:
            kind = whole if _hides_deletes(stream) else delta
            kind[stream.name] = None
        if not missing:
            webhooks.close_gap(database, one.id)
    return Catching(tuple(delta), tuple(whole))


def catch_up(mirror: Callable[[str], Mirror], wanted: Catching) -> Mapping[str, Outcome]:
    """Sync them here and now; what came of each. Raises the errors of a sync."""
    run = f"webhooks-{uuid.uuid4()}"
    delta, whole = Options(mode=Mode.INCREMENTAL), Options(mode=Mode.FULL)
    return {
        **{name: _sync(mirror(name), delta, run) for name in wanted.delta},
        **{name: _sync(mirror(name), whole, run) for name in wanted.whole},
    }


def _sync(mirror: Mirror, options: Options, run: str) -> Outcome:
    manifest = mirror.fetch(options, None, key=run, run=run)
    checked = mirror.validate(mirror.transform(manifest, run=run), run=run)
    return mirror.upsert(checked, run=run)[0]


def _is_read(stream: Stream, synced: Mapping[str, bool]) -> bool:
    return synced.get(stream.name, False) if _hides_deletes(stream) else stream.name in synced


def _hides_deletes(stream: Stream) -> bool:
    """A list that is read whole in any case shows them by what it lacks."""
    return stream.windowed and not stream.deletes_told
