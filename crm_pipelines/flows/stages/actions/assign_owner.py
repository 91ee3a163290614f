"""Contact and deal get an owner. The CRM hears of it like of any change that people make here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

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
    """Ids or e-mail addresses of ``app.users``; several take turns: whoever got the fewest."""

    users: Annotated[list[Name], Field(min_length=1, max_length=100)]


def apply(occasion: Occasion, options: Owner) -> Outcome:
    """Turns are counted for each stage; whoever comes first in the list goes first."""
    chosen = occasion.run("next_owner", people=options.users)
    if not chosen:
        raise Impossible(f"nobody of app.users is {' or '.join(options.users)}")
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
