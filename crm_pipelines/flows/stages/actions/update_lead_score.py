"""The contact gets a score from 0 to 100."""

from __future__ import annotations

from crm_pipelines.flows.stages.action import Action, Need, Occasion, Options, Outcome, Percent


class Score(Options):
    """The stage's probability where no ``score`` is given."""

    score: Percent | None = None


def apply(occasion: Occasion, options: Score) -> Outcome:
    """Says what it was before."""
    score = occasion.probability if options.score is None else options.score
    occasion.quietly()
    [row] = occasion.run("set_lead_score", score=score)
    before = "none" if row["before"] is None else row["before"]
    return Outcome(f"lead score {score} (was {before})", {"before": row["before"]})


ACTION = Action(
    name="update_lead_score",
    what="Sets the lead score of the deal's contact, to the stage's probability by default.",
    options=Score,
    needs=Need.CONTACT,
    apply=apply,
)
