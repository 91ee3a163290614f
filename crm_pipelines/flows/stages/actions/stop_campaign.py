"""The contact leaves a campaign, or all of them."""

from __future__ import annotations

from crm_pipelines.flows.stages.action import Action, Name, Need, Occasion, Options, Outcome, Skip


class Leaving(Options):
    """Every campaign where none is named."""

    campaign: Name | None = None


def apply(occasion: Occasion, options: Leaving) -> Outcome:
    """Whichever deal brought the contact there."""
    left = [row["campaign"] for row in occasion.run("stop_campaign", campaign=options.campaign)]
    if not left:
        raise Skip(f"the contact is not in {options.campaign or 'any campaign'}")
    return Outcome(f"left campaign {', '.join(sorted(left))}", {"campaigns": sorted(left)})


ACTION = Action(
    name="stop_campaign",
    what="Lets the deal's contact leave a campaign, or all of them.",
    options=Leaving,
    needs=Need.CONTACT,
    apply=apply,
)
