"""Records on their way into the mirror, by the phases that every sync goes through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import msgspec

from crm_pipelines.flows.inbox.batches import Trouble, add
from crm_pipelines.flows.inbox.troubles import judge
from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.flows.mirror.given import fields_of, run_given
from crm_pipelines.model.errors import ConfigurationError, CrmError, SystemTrouble
from crm_pipelines.model.event import Record
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.window import Mode, Options
from crm_pipelines.store.database import untangled

LOG = logging.getLogger("crm_pipelines.inbox")
NOTHING = Outcome()
_JSON = msgspec.json.Encoder(decimal_format="number")


def new_run() -> str:
    """A run of its own for everything that was found out at one time."""
    return f"events-{uuid4().hex}"


def write(
    mirror: Mirror,
    records: Mapping[str, Record],
    as_of: datetime,
    troubles: dict[str, Trouble],
    cost: Outcome = NOTHING,
) -> tuple[Outcome, list[str]]:
    """Records, by id, as they were at that time; what happened, and the runs it took.
    ``cost`` is what was spent to come by them.

    One that makes the phases fail lands in ``troubles`` and does not keep the others back.
    """
    if not records:
        return cost, []
    from crm_pipelines.phases.failures import as_raw

    run = new_run()
    raw = as_raw([_JSON.encode(one).decode() for one in records.values()], as_json=True)

    def pour() -> Outcome:
        return run_given(
            mirror,
            raw,
            mode=Mode.EVENTS,
            as_of=as_of,
            run=run,
            fields=fields_of(mirror),
            api_calls=cost.api_calls,
            tokens=cost.tokens,
        )

    try:
        return untangled(pour), [run]
    except SystemTrouble:
        raise
    except Exception as error:
        if len(records) == 1:
            LOG.exception("%s %s cannot be mirrored", mirror.stream.name, *records)
            troubles.update(dict.fromkeys(records, Trouble(str(error) or type(error).__name__)))
            return replace(cost, fetched=1), [run]
    done, runs = cost, [run]
    for some in _halves(records):
        outcome, more = write(mirror, some, as_of, troubles)
        done, runs = add(done, outcome), [*runs, *more]
    return done, runs


def _halves(records: Mapping[str, Record]) -> list[dict[str, Record]]:
    items = list(records.items())
    middle = len(items) // 2
    return [dict(items[:middle]), dict(items[middle:])]


def read_whole(mirror: Mirror, forget: Callable[[str], None]) -> tuple[Outcome, Trouble | None]:
    """A list that cannot be asked for single records, synced as a whole.

    Where it has to wait, the deliveries do, and nobody else takes it up: ``forget`` is told the
    key under which the sync would go on.
    """
    run = new_run()
    try:
        manifest = mirror.fetch(Options(mode=Mode.EVENTS), None, key=run, run=run)
        done = mirror.validate(mirror.transform(manifest, run=run), run=run)
        return untangled(lambda: mirror.upsert(done, run=run)[0]), None
    except (CrmError, ConfigurationError) as error:
        forget("/".join((run, ".".join(mirror.about.values()))))
        return Outcome(), judge(error)
