"""One round of deliveries: who is in the CRM already is looked up once for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from crm_pipelines.flows.push.acquaintances import Known
from crm_pipelines.flows.push.deliver import deliver
from crm_pipelines.flows.push.means import Means
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.model.command import Delivery, Entity, Kind
from crm_pipelines.model.errors import CrmError
from crm_pipelines.model.sink import Found
from crm_pipelines.store.outbox import Worker

SEVERAL = 3
"""So many new records of a kind are worth a list of what changed instead of searches."""

MANY = 10
"""So many records of a kind that are to be changed cost as much in a list as one by one."""


def send(
    means: Means, ready: Sequence[Prepared], worker: Worker, run: str, hurry: int | None
) -> tuple[list[Delivery], bool]:
    """What became of them, and whether nothing else goes on for now."""
    round_ = Round(
        database=means.database,
        audit=means.audit,
        rules=means.rules,
        notify=means.notify,
        sinks=means.sinks,
        memory=means.account.memory(),
        workspace=means.workspace,
        crm=means.account.crm,
        worker=worker,
        run=run,
        hurry=hurry,
        known=_known(means, ready, hurry),
        seen=_seen(means, ready, hurry),
    )
    sent = deliver(round_, ready)
    stop = round_.stop
    if stop.until is None:
        return sent, False
    values = {**means.about, "until": stop.until, "priority": stop.priority}
    means.database.run("push.postpone", values)
    return sent, True


def _known(means: Means, ready: Sequence[Prepared], hurry: int | None) -> dict[Entity, Known]:
    """Who is in the CRM of those that are to be made, where a search for each costs more."""
    found: dict[Entity, Known] = {}
    for entity, keys in _keys(ready).items():
        if len(keys) < SEVERAL:
            continue
        try:
            with means.sinks.borrow(hurry or min(one.command.priority for one in ready)) as opened:
                known = means.acquaintances.look(opened.sink, entity, keys)
        except CrmError as trouble:  # each delivery meets it again, and it is dealt with there
            means.log.info("no list of what changed: %s", trouble)
            continue
        if known is not None:
            found[entity] = known
    return found


def _seen(
    means: Means, ready: Sequence[Prepared], hurry: int | None
) -> dict[tuple[Entity, int], Found]:
    """Many records that are to be changed are read in lists."""
    found: dict[tuple[Entity, int], Found] = {}
    for entity in Entity:
        ids = {
            one.remote_id
            for one in ready
            if one.command.kind is Kind.UPDATE
            and one.command.entity is entity
            and one.remote_id is not None
        }
        if len(ids) < MANY:
            continue
        try:
            with means.sinks.borrow(hurry or min(one.command.priority for one in ready)) as opened:
                records = opened.sink.read_many(entity, ids)
        except CrmError as trouble:
            means.log.info("no list of what is to be changed: %s", trouble)
            continue
        found |= {(entity, identity): record for identity, record in records.items()}
    return found


def _keys(ready: Sequence[Prepared]) -> dict[Entity, set[str]]:
    found: dict[Entity, set[str]] = {Entity.PERSON: set(), Entity.ORGANIZATION: set()}
    for one in ready:
        if one.command.kind is not Kind.CREATE or one.command.entity not in found:
            continue
        key = one.email if one.command.entity is Entity.PERSON else one.values["name"]
        if key:
            found[one.command.entity].add(str(key))
    return found
