"""Figures of one run, worked out from its counts."""

from __future__ import annotations

from crm_pipelines.model.manifest import Outcome


def figures(outcome: Outcome, seconds: float, *, stored: bool = True) -> dict[str, float]:
    """Throughput, rates and what an API call brought; ``seconds`` is the time spent working.

    ``stored`` says whether what was read reached the mirror. A run that read nothing has no
    rates; one that called nothing has no efficiency.
    """
    found = {"seconds": round(seconds, 3)}
    if seconds > 0:
        found["records_per_second"] = round(outcome.fetched / seconds, 1)
    if outcome.fetched:
        found["error_rate"] = round(outcome.rejected / outcome.fetched, 6)
        found["success_rate"] = round(1 - found["error_rate"], 6) if stored else 0.0
    if outcome.api_calls:
        found["records_per_api_call"] = round(outcome.fetched / outcome.api_calls, 2)
    return found
