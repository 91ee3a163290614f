"""The contact gets the status that a stage stands for."""

from __future__ import annotations

from crm_pipelines.flows.stages.action import Action, Name, Need, Occasion, Options, Outcome


class LeadStatus(Options):
    """``status`` is in the local side's own words."""

    status: Name


def apply(occasion: Occasion, options: LeadStatus) -> Outcome:
    """Says what it was before."""
    occasion.quietly()
    [row] = occasion.run("set_lead_status", status=options.status)
    before = row["before"] or "nothing"
    return Outcome(f"lead status {options.status} (was {before})", {"before": row["before"]})


ACTION = Action(
    name="set_lead_status",
    what="Gives the deal's contact a lead status; the mapping's own status comes first anyway.",
    options=LeadStatus,
    needs=Need.CONTACT,
    apply=apply,
)
