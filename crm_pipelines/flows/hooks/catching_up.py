"""Closing a gap: what happened while webhooks brought nothing is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from crm_pipelines.flows.hooks.checkup import Checkup
from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.stream import Stream
from crm_pipelines.model.window import Mode, Options


@dataclass(frozen=True)
class Catching:
    """Streams to be synced, by how: ``whole`` where deltas do not tell what was deleted."""

    delta: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    @property
    def streams(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.delta, *self.whole)))


def needed(checkup: Checkup) -> Catching:
    """Changes since the last sync are read at once; a delete may have gone untold, too, and is
    looked for once the webhook works again, not at every look in between."""
    whole = checkup.gaps_closed_for_good.values()
    return Catching(tuple(checkup.gaps), _names([s for s in whole if _hides_deletes(s)]))


def catch_up(mirror: Callable[[str], Mirror], wanted: Catching) -> Mapping[str, Outcome]:
    """Sync them here and now; what came of each. Raises the errors of a sync."""
    run = f"webhooks-{uuid.uuid4()}"
    found: dict[str, Outcome] = {}
    for name in wanted.delta:
        if name not in wanted.whole:
            found[name] = _sync(mirror(name), Options(mode=Mode.INCREMENTAL), run)
    for name in wanted.whole:
        found[name] = _sync(mirror(name), Options(mode=Mode.FULL), run)
    return found


def _sync(mirror: Mirror, options: Options, run: str) -> Outcome:
    manifest = mirror.fetch(options, None, key=run, run=run)
    checked = mirror.validate(mirror.transform(manifest, run=run), run=run)
    return mirror.upsert(checked, run=run)[0]


def _hides_deletes(stream: Stream) -> bool:
    """A list that is read whole in any case shows them by what it lacks."""
    return stream.windowed and not stream.deletes_told


def _names(streams: Sequence[Stream]) -> tuple[str, ...]:
    return tuple(stream.name for stream in streams)
