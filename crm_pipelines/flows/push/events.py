"""What other programs report, as activities of the local side: e-mails that went out, calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_pipelines.store.database import Database

SUBJECT = 255
DELIVERED = "delivered"


@dataclass(frozen=True)
class EmailEvent:
    """An e-mail that was sent; ``sent_at`` is aware. ``id`` is the reporting program's own."""

    id: str
    recipient_email: str
    subject: str
    sent_at: datetime
    status: str = "sent"
    campaign: str | None = None
    body: str | None = None
    deal_id: str | None = None


@dataclass(frozen=True)
class CallEvent:
    """A call that took place; ``started_at`` is aware."""

    id: str
    contact_email: str
    started_at: datetime
    minutes: float
    notes: str | None = None
    deal_id: str | None = None


@dataclass(frozen=True)
class Happening:
    """A row of ``app.activities`` to be; ``email`` tells whose it is."""

    id: str
    email: str
    type: str
    subject: str
    due_at: datetime
    done: bool
    note: str | None = None
    duration: timedelta | None = None
    deal_id: str | None = None


def email_event(event: EmailEvent) -> Happening:
    """Done as soon as it is delivered; the note says how far it came, and of which campaign."""
    lines = [f"Status: {event.status}"]
    if event.campaign:
        lines.append(f"Campaign: {event.campaign}")
    if event.body:
        lines += ["", event.body]
    return Happening(
        id=f"email:{event.id}",
        email=event.recipient_email,
        type="EMAIL",
        subject=f"Email: {event.subject}"[:SUBJECT],
        due_at=event.sent_at,
        done=event.status == DELIVERED,
        note="\n".join(lines),
        deal_id=event.deal_id,
    )


def call_event(event: CallEvent) -> Happening:
    """Over when it is reported."""
    return Happening(
        id=f"call:{event.id}",
        email=event.contact_email,
        type="CALL",
        subject=f"Call: {event.minutes:g}m",
        due_at=event.started_at,
        done=True,
        note=event.notes,
        duration=timedelta(minutes=event.minutes),
        deal_id=event.deal_id,
    )


def log(database: Database, workspace: str, happening: Happening) -> str | None:
    """Add it, or bring it up to date; the activity's id.

    ``None`` where no contact has the address, and where nothing changed.
    """
    values = {name: getattr(happening, name) for name in Happening.__dataclass_fields__}
    rows = database.run("push.log_activity", {"workspace": workspace, **values})
    return rows[0]["id"] if rows else None
