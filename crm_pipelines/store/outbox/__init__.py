"""The outbox: commands go in, are claimed by workers, and end delivered, failed or dead.

Whoever settles a command says which version of it he claimed: a worker that was taken for dead
and comes back finds that it is not his any more.
"""

from crm_pipelines.store.outbox.entrance import enqueue
from crm_pipelines.store.outbox.listing import counts, get, listing, open_for
from crm_pipelines.store.outbox.redrive import redrive
from crm_pipelines.store.outbox.settlement import (
    ClaimLost,
    deliver,
    fail,
    kill,
    mark_sent,
    release,
)
from crm_pipelines.store.outbox.turns import claim, due
from crm_pipelines.store.outbox.workers import Worker, recover

__all__ = [
    "ClaimLost",
    "Worker",
    "claim",
    "counts",
    "deliver",
    "due",
    "enqueue",
    "fail",
    "get",
    "kill",
    "listing",
    "mark_sent",
    "open_for",
    "recover",
    "redrive",
    "release",
]
