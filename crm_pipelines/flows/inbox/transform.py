"""Transform: deliveries become events of one shape."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from crm_pipelines.flows.inbox.batches import Batch, Understood, Unread
from crm_pipelines.model.event import AHEAD, SURE, Event, Events, Incoming, Poison, Unheard

LOG = logging.getLogger("crm_pipelines.inbox")


def transform(batch: Batch, known: Events, mirrored: Collection[str]) -> Understood:
    """What they say; ``mirrored`` are the streams that the settings ask for."""
    events: list[Event] = []
    poison: dict[int, str] = {}
    unheard: dict[int, Unread] = {}
    for incoming in batch.deliveries:
        try:
            event = dated(known.read(incoming), incoming)
        except Poison as error:
            poison[incoming.id] = str(error)
        except Unheard as error:
            unheard[incoming.id] = Unread(str(error), error.object, error.action, error.version)
        except Exception as error:  # bodies are anybody's: one must not keep the others back
            LOG.exception("delivery %s cannot be read", incoming.id)
            poison[incoming.id] = f"it could not be read ({type(error).__name__})"
        else:
            stream = known.streams[event.object].stream
            if stream in mirrored:
                events.append(event)
                continue
            words = f"the stream {stream} is not among those that the settings ask for"
            unheard[incoming.id] = Unread(words, event.object, event.action.value, event.version)
    return Understood(tuple(events), poison, unheard)


def dated(event: Event, incoming: Incoming) -> Event:
    """With a time that can be: whatever happens has happened when we are told.

    One from the future would make all that comes after it stale.
    """
    if event.at > incoming.received_at + AHEAD:
        return replace(event, at=incoming.received_at, timely=False)
    return replace(event, timely=datetime.now(UTC) - incoming.received_at < SURE)
