"""What earlier attempts made, whose answers never came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_pipelines.flows.push.outcome import TooEarly
from crm_pipelines.flows.push.round import Round
from crm_pipelines.model.command import Command, Entity
from crm_pipelines.model.sink import Found, Sink

EARLIER = timedelta(minutes=10)
"""The last attempt is looked for; so much earlier ones that the CRM took its time with, too."""

REMEMBERED = timedelta(days=1)


def find_earlier(
    round_: Round,
    sink: Sink,
    command: Command,
    entity: Entity,
    our_id: str,
    values: Mapping[str, Any],
    sent_at: datetime | None,
) -> Found | None:
    """The record of an earlier attempt; nothing where none was ever sent.

    Raises ``TooEarly`` while there is none, but the CRM may still be at work on it.
    """
    if sent_at is None:
        return None
    about = {"entity": entity, "id": command.id, "since": sent_at - REMEMBERED}
    rows = round_.database.run("push.known_records", {**round_.about, **about})
    known = [row["remote_id"] for row in rows]
    found = sink.find_ours(entity, our_id, values, sent_at - EARLIER, known)
    settled_at = sent_at + timedelta(seconds=round_.rules.grace_seconds)
    if found is None and datetime.now(UTC) < settled_at:
        raise TooEarly(
            "it is not known yet whether an earlier attempt was applied: looked for again soon",
            settled_at,
        )
    return found
