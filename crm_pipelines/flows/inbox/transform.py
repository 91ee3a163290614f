"""Transform: deliveries become events of one shape."""

from __future__ import annotations

import logging
from collections.abc import Collection

from crm_pipelines.flows.inbox.batches import Batch, Understood, Unread
from crm_pipelines.model.event import Event, Events, Poison, Unheard

LOG = logging.getLogger("crm_pipelines.inbox")


def transform(batch: Batch, known: Events, mirrored: Collection[str]) -> Understood:
    """What they say; ``mirrored`` are the streams that the settings ask for."""
    events: list[Event] = []
    poison: dict[int, str] = {}
    unheard: dict[int, Unread] = {}
    for incoming in batch.deliveries:
        try:
            event = known.read(incoming)
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
