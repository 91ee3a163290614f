"""What runs leave in the staging store that broke off and were never executed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm_pipelines.store.checkpoints import Checkpoints
from crm_pipelines.store.staging import MANIFESTS, Staging

KEPT = timedelta(days=7)
"""For so long a run can be executed again from a failed phase; afterwards it is launched anew."""


def clear_leftovers(staging: Staging, checkpoints: Checkpoints) -> int:
    """Remove chunks and manifests of runs that nobody came back for; how many folders went."""
    alive = {key.partition("/")[0] for key in checkpoints.purge()}
    return staging.sweep(datetime.now(UTC) - KEPT, {MANIFESTS, *alive})
