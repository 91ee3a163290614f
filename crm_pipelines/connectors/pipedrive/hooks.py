"""Managing an account's webhooks: version 2.0 ones, over API v1, which is the only one for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from crm_pipelines.connectors.pipedrive.api import Api
from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.connectors.pipedrive.opening import open_door
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.call import Budget, Call
from crm_pipelines.model.errors import (
    FatalError,
    GoneError,
    InvalidData,
    OutcomeUnknown,
    Truncated,
)
from crm_pipelines.model.hook import Hook, WantedHook
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.transport.door import Door

PATH = "/api/v1/webhooks"
VERSION = "2.0"
ADDRESS = "subscription_url"
OBJECTS = (
    "activity",
    "deal",
    "lead",
    "note",
    "organization",
    "person",
    "pipeline",
    "product",
    "stage",
    "user",
)
"""Of version 2.0 (webhooks v2 migration guide); activity types were in version 1.0 only."""


class PipedriveHooks:
    """An opened Pipedrive account whose webhooks are managed."""

    objects = OBJECTS

    def __init__(self, door: Door) -> None:
        self._door, self._api = door, Api(door)

    def list(self) -> Sequence[Hook]:
        """Every webhook of the company that the login may see."""
        found = self._api.get(PATH) or []
        if not isinstance(found, list):
            raise Truncated("Pipedrive's list of webhooks is not what its API promises")
        return [_hook(one) for one in found]

    def add(self, wanted: WantedHook) -> Hook:
        """Make one; Pipedrive looks whether the address can be reached."""
        body = {
            ADDRESS: wanted.url,
            "event_object": wanted.object,
            "event_action": wanted.action,
            "name": wanted.name,
            "http_auth_user": wanted.username,
            "http_auth_password": wanted.password,
            "version": VERSION,
        }
        try:
            return _hook(self._api.create(PATH, body))
        except Truncated as error:
            raise OutcomeUnknown(f"a webhook may have been made: {error}") from error
        except InvalidData as error:
            if ADDRESS not in error.fields:
                raise
            raise FatalError(
                f"Pipedrive does not deliver to {wanted.url} ({error}): it must be reachable from "
                "the internet by https, without a redirect and with a certificate that others "
                "trust; set CRM_PUBLIC_URL, and see that the gateway answers there"
            ) from error

    def remove(self, hook_id: str) -> None:
        """Remove one; one that is not there is removed already."""
        path = f"{PATH}/{hook_id}"
        try:
            self._door.send(Call("DELETE", path, cost=price("DELETE", path)))
        except GoneError:
            return

    def close(self) -> None:
        """Close the connections."""
        self._door.close()


def open_hooks(settings: PipedriveSettings, budget: Budget, tokens: TokenStore) -> PipedriveHooks:
    """Open the account that the settings name, for its webhooks."""
    return PipedriveHooks(open_door(settings, budget, tokens))


def _hook(found: Any) -> Hook:
    if not isinstance(found, dict) or not found.get("id"):
        raise Truncated("Pipedrive's answer does not say which webhook it is about")
    status = str(found.get("last_http_status") or "")
    return Hook(
        id=str(found["id"]),
        object=str(found.get("event_object") or ""),
        action=str(found.get("event_action") or ""),
        url=str(found.get(ADDRESS) or ""),
        username=found.get("http_auth_user") or None,
        name=str(found.get("name") or ""),
        version=str(found.get("version") or ""),
        active=found.get("is_active") not in (0, False, "0"),
        last_delivery_at=_moment(found.get("last_delivery_time")),
        last_status=int(status) if status.isdigit() else None,
    )


def _moment(text: Any) -> datetime | None:
    """API v1 writes times of webhooks with and without a zone; all are UTC."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
