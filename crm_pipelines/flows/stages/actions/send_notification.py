"""People are told, by the targets that notices go to."""

from __future__ import annotations

from typing import Literal

from crm_pipelines.flows.stages.action import Action, Need, Occasion, Options, Outcome, Words
from crm_pipelines.model.notice import Level, Notice


class Message(Options):
    """``message`` may name {deal}, {stage}, {previous} and {contact}."""

    message: Words | None = None
    level: Literal["warning", "error"] = "warning"


def apply(occasion: Occasion, options: Message) -> Outcome:
    """Its key comes along, so that whoever is told twice can see it."""
    contact = "" if occasion.contact is None else str(occasion.contact["name"])
    names = {
        "deal": occasion.title,
        "stage": occasion.stage,
        "previous": occasion.previous_stage or "",
        "contact": contact,
    }
    words = options.message or "{deal} is now in {stage}" + (" ({contact})" if contact else "")
    for name, value in names.items():
        words = words.replace(f"{{{name}}}", value)
    notice = Notice(
        workspace=occasion.workspace,
        level=Level(options.level),
        what="deal.stage",
        subject=f"deal/{occasion.deal_id}",
        words=words,
        details={**names, "key": occasion.key, "stage_id": occasion.stage_id},
    )
    return Outcome(f"told: {words}", notice=notice)


ACTION = Action(
    name="send_notification",
    what="Tells people by e-mail and webhook, as far as CRM_NOTIFY_… names them, and everybody "
    "who watches events. May arrive twice after a crash, with the same key.",
    options=Message,
    needs=Need.NOTHING,
    apply=apply,
)
