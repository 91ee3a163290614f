"""Bodies of answers, in the names that callers know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from crm_pipelines.model.command import Delivery, Status

QUEUED = "it is queued and will be delivered"


class Answer(BaseModel):
    """What every answer is: its names are written like ``recordId``."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class UpdateResult(Answer):
    """What became of one change. ``recordId`` is the CRM's id as text, ``outboxId`` ours."""

    success: bool
    status: Status
    record_id: str | None = None
    error: str | None = None
    fields: dict[str, str] = {}
    timestamp: datetime
    retry_count: int = 0
    outbox_id: int | None = None
    retry_at: datetime | None = None


class BatchSummary(Answer):
    """How a batch went; what is queued is neither successful nor failed yet."""

    total: int
    successful: int
    failed: int
    queued: int
    errors: list[str]


class BatchUpdateResult(Answer):
    """A batch: ``success`` when nothing failed; results in the order of the request."""

    success: bool
    results: list[UpdateResult]
    summary: BatchSummary


class WarmLeadResult(Answer):
    """Whether a contact is a warm lead, and where it is in Pipedrive."""

    success: bool
    is_warm_lead: bool
    pipedrive_person_id: str | None = None
    pipedrive_org_id: str | None = None
    error: str | None = None
    outbox_id: int | None = None


class ActivityState(Answer):
    """How an activity's way to Pipedrive stands."""

    success: bool
    synced: bool
    pipedrive_activity_id: str | None = None
    sync_attempts: int
    last_attempt: datetime | None = None
    update_sync_status: str


class UserResult(Answer):
    """Which Pipedrive user somebody is."""

    success: bool
    pipedrive_user_id: int | None = None
    error: str | None = None


class DealResult(Answer):
    """A deal that was made from a lead: our id, and Pipedrive's when it is there."""

    success: bool
    status: Status
    deal_id: str
    pipedrive_deal_id: str | None = None
    error: str | None = None
    outbox_id: int | None = None


def result(delivery: Delivery) -> UpdateResult:
    """One delivery as callers see it."""
    waits = delivery.status in (Status.PENDING, Status.SENDING, Status.FAILED)
    return UpdateResult(
        success=delivery.status is Status.DELIVERED,
        status=delivery.status,
        record_id=None if delivery.remote_id is None else str(delivery.remote_id),
        error=delivery.error or (QUEUED if waits else None),
        fields=dict(delivery.problems),
        timestamp=datetime.now(UTC),
        retry_count=max(0, delivery.attempts - 1),
        outbox_id=delivery.id or None,
        retry_at=delivery.retry_at,
    )


def batch(results: Sequence[UpdateResult]) -> BatchUpdateResult:
    """Many of them, with their summary."""
    failed = [one for one in results if one.status is Status.DEAD]
    done = sum(one.success for one in results)
    return BatchUpdateResult(
        success=not failed,
        results=list(results),
        summary=BatchSummary(
            total=len(results),
            successful=done,
            failed=len(failed),
            queued=len(results) - done - len(failed),
            errors=[_told(one) for one in failed],
        ),
    )


def _told(one: UpdateResult) -> str:
    fields = "; ".join(f"{name}: {why}" for name, why in one.fields.items())
    return ": ".join(part for part in (one.error, fields) if part)


def text(identity: Any) -> str | None:
    """An id of the CRM as callers get it."""
    return None if identity is None else str(identity)
