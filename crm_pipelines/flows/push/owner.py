"""Whose record it becomes: the user of the CRM who has the local user's e-mail address."""

from __future__ import annotations

from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.model.sink import Sink
from crm_pipelines.store import local_side


def owner_of(round_: Round, sink: Sink, one: Prepared) -> int | None:
    """The id that is stored with the user, else the one that is looked up and stored then.

    ``None`` leaves the record to whomever the CRM gives it: the user is unknown there.
    """
    if one.owner is None:
        return None
    found = sink.user_id(one.owner)
    if found is not None:
        local_side.store_user(round_.database, round_.workspace, one.owner, found)
    return found
