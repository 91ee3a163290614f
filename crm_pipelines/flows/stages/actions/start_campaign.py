"""The contact joins a campaign."""

from __future__ import annotations

from crm_pipelines.flows.stages.action import (
    Action,
    Days,
    Name,
    Need,
    Occasion,
    Options,
    Outcome,
    Skip,
)


class Joining(Options):
    """``days`` is how long the contact is to stay; for ever where it is left out."""

    campaign: Name
    days: Days | None = None


def apply(occasion: Occasion, options: Joining) -> Outcome:
    """A contact is in a campaign once, whichever deal brought it there."""
    made = occasion.run("start_campaign", campaign=options.campaign, days=options.days)
    if not made:
        raise Skip(f"the contact is in campaign {options.campaign} already")
    return Outcome(f"joined campaign {options.campaign}", {"membership": made[0]["id"]})


ACTION = Action(
    name="start_campaign",
    what="Lets the deal's contact join a campaign.",
    options=Joining,
    needs=Need.CONTACT,
    apply=apply,
)
