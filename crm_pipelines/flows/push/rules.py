"""How the push behaves, as set for a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

LOCAL_TYPES = ("CALL", "EMAIL", "MEETING", "LINKEDIN", "REFERRAL", "CONFERENCE")
"""The local side's own kinds of activities; each needs a type in the CRM."""

ACTIVITY_TYPES = (
    "CALL=call,EMAIL=email,MEETING=meeting,LINKEDIN=task,REFERRAL=task,CONFERENCE=meeting"
)


class Strategy(StrEnum):
    """What happens to a field that both sides changed."""

    LATEST_WINS = "latest_wins"
    LOCAL_WINS = "local_wins"
    CRM_WINS = "crm_wins"
    MANUAL = "manual"


def read_types(text: str) -> dict[str, str]:
    """``CALL=call,…`` as a mapping. Raises ``ValueError``."""
    found: dict[str, str] = {}
    for part in text.split(","):
        local, separator, remote = (piece.strip() for piece in part.partition("="))
        if not (local and separator and remote):
            raise ValueError(f"must be pairs like CALL=call, separated by commas, not {part!r}")
        found[local.upper()] = remote
    missing = [name for name in LOCAL_TYPES if name not in found]
    if missing:
        raise ValueError(f"has no type for {', '.join(missing)}")
    return found


def _types(text: str) -> str:
    read_types(text)
    return text


def _web(address: SecretStr) -> SecretStr:
    url = address.get_secret_value()
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ValueError("must be an address like https://example.com/hook")
    return address


def _smtp(address: SecretStr) -> SecretStr:
    url = address.get_secret_value()
    if url and (urlsplit(url).scheme not in ("smtp", "smtps") or not urlsplit(url).hostname):
        raise ValueError("must be an address like smtp://user:password@mail.example.com:587")
    return address


class PushRules(BaseModel):
    """The variables of the push. Addresses are secrets: they may hold passwords."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    warm_lead_score: int = Field(4, alias="CRM_WARM_LEAD_SCORE", ge=0)
    warm_lead_label: str = Field(
        "Warm Lead", alias="CRM_WARM_LEAD_LABEL", min_length=1, max_length=100
    )
    activity_types: Annotated[str, AfterValidator(_types)] = Field(
        ACTIVITY_TYPES, alias="CRM_ACTIVITY_TYPES"
    )
    conflicts: Strategy = Field(Strategy.LATEST_WINS, alias="CRM_PUSH_CONFLICTS")
    grace_seconds: float = Field(20.0, alias="CRM_PUSH_GRACE_SECONDS", ge=0)
    side_by_side: int = Field(8, alias="CRM_PUSH_SIDE_BY_SIDE", ge=1, le=64)
    webhook_url: Annotated[SecretStr, AfterValidator(_web)] = Field(
        SecretStr(""), alias="CRM_NOTIFY_WEBHOOK_URL"
    )
    email_to: str = Field("", alias="CRM_NOTIFY_EMAIL_TO")
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp)] = Field(
        SecretStr(""), alias="CRM_NOTIFY_SMTP_URL"
    )

    @cached_property
    def types(self) -> Mapping[str, str]:
        """The CRM's activity type for each of the local side's."""
        return read_types(self.activity_types)
