"""The inbox: deliveries wait, are settled in batches, and can be looked at and replayed."""

from crm_pipelines.store.inbox.applier import Applier
from crm_pipelines.store.inbox.listing import (
    counts,
    last_by_kind,
    listing,
    oldest_waiting_seconds,
    replay,
    show,
)
from crm_pipelines.store.inbox.settlement import Settled, fail, hold, kill, put_off, settle
from crm_pipelines.store.inbox.turns import linked, newest, rejected, still_waiting, waiting

__all__ = [
    "Applier",
    "Settled",
    "counts",
    "fail",
    "hold",
    "kill",
    "last_by_kind",
    "linked",
    "listing",
    "newest",
    "oldest_waiting_seconds",
    "put_off",
    "rejected",
    "replay",
    "settle",
    "show",
    "still_waiting",
    "waiting",
]
