"""Reading Pipedrive's change logs of deals, over v1: v2 has none.

``/changelog`` costs 20 tokens a page and tells of field values only; ``/flow`` costs 40 and tells
of much else. Source: the published API reference; pages hold up to 500 changes, newest first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from crm_pipelines.connectors.pipedrive.api import Api
from crm_pipelines.connectors.pipedrive.opening import open_door
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.call import Budget
from crm_pipelines.model.change_log import LoggedChange, LogPage
from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.tokens import TokenStore


class PipedriveChangeLog:
    """The logs of one account."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def of_deal(self, deal_id: int, token: str | None) -> LogPage:
        """One page, for 20 tokens."""
        where = {} if token is None else {"cursor": token}
        records, following = self._api.page(f"/api/v1/deals/{deal_id}/changelog", where)
        if following is not None and following == token:
            raise Truncated(f"Pipedrive repeats a page of the log of deal {deal_id} without end")
        return LogPage([_change(record) for record in records], following)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()


def open_change_log(
    settings: PipedriveSettings, budget: Budget, tokens: TokenStore
) -> PipedriveChangeLog:
    """Open the account that the settings name."""
    return PipedriveChangeLog(Api(open_door(settings, budget, tokens)))


def _change(record: dict[str, Any]) -> LoggedChange:
    try:
        at = datetime.fromisoformat(record["time"])
        user = record.get("actor_user_id")
        return LoggedChange(
            field=str(record["field_key"]),
            old=_text(record.get("old_value")),
            new=_text(record.get("new_value")),
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
            user_id=None if user is None else int(user),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Truncated(f"a line of Pipedrive's change log cannot be read: {error!r}") from error


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
