"""Contact and deal get an owner. The CRM hears of it like of any change that people make here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from crm_pipelines.flows.stages.action import (
    Action,
    Impossible,
    Name,
    Need,
    Occasion,
    Options,
    Outcome,
    Skip,
)


class Owner(Options):
    """Either ``user``, or the one ``among`` several that was given the fewest so far.

    They are ids or e-mail addresses of ``app.users``.
    """

    user: Name | None = None
    among: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Owner:
        if (self.user is None) == (self.among is None):
            raise ValueError("say either user, or among (several users that take turns)")
        return self

    @property
    def people(self) -> list[str]:
        """Everybody it may be."""
        return [self.user] if self.user is not None else list(self.among or ())


def apply(occasion: Occasion, options: Owner) -> Outcome:
    """Turns are counted for each stage; whoever comes first in the list goes first."""
    chosen = occasion.run("next_owner", people=options.people)
    if not chosen:
        raise Impossible(f"nobody of app.users is {' or '.join(options.people)}")
    owner = chosen[0]
    changed = occasion.run("assign_contact", owner=owner["id"])
    changed += occasion.run("assign_deal", owner=owner["id"])
    if not changed:
        raise Skip(f"{owner['email']} is the owner already")
    words = " and ".join(row["what"] for row in changed)
    return Outcome(f"{owner['email']} owns the {words}", {"owner": owner["id"]})


ACTION = Action(
    name="assign_owner",
    what="Gives the deal's contact and the deal an owner; the CRM gets it, too.",
    options=Owner,
    needs=Need.ROW,
    apply=apply,
)
