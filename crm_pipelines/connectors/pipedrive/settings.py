"""Pipedrive's variables, and the limits of its plans."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, SecretStr

from crm_pipelines.connectors.pipedrive.choice import StreamChoice
from crm_pipelines.model.call import Limits
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.transport.logins import Header
from crm_pipelines.transport.timeouts import Timeouts

BURST_SECONDS = 2.05
"""The rolling window is 2 s (developer docs, Rate limiting); the rest is for jitter on the way."""

SEARCH_REQUESTS = 10
"""Search has a window of its own, the same on every plan (changelog, search API rate limit)."""


def _address(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be scheme, host and port, like https://acme.pipedrive.com")
    if parts.path.strip("/") or parts.query:
        raise ValueError("must have no path: scheme, host and port only")
    return url.rstrip("/")


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _oauth_address(url: str) -> str:
    parts = urlsplit(_address(url))
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("plain http is for this machine only: use https")
    return _address(url)


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be the name of a time zone, like UTC or Europe/Tallinn")
    return name


class PipedriveSettings(Timeouts, StreamChoice):
    """One Pipedrive account."""

    api_token: Header = Field(SecretStr(""), alias="PIPEDRIVE_API_TOKEN")
    client_id: str = Field("", alias="PIPEDRIVE_CLIENT_ID")
    client_secret: SecretStr = Field(SecretStr(""), alias="PIPEDRIVE_CLIENT_SECRET")
    oauth_url: Annotated[str, AfterValidator(_oauth_address)] = Field(
        "https://oauth.pipedrive.com", alias="PIPEDRIVE_OAUTH_URL", validate_default=True
    )
    company_domain: str = Field("", alias="PIPEDRIVE_COMPANY_DOMAIN", pattern=r"^[\w-]*$")
    base_url: Annotated[str, AfterValidator(_address)] = Field("", alias="PIPEDRIVE_BASE_URL")
    daily_tokens: int = Field(30_000, alias="PIPEDRIVE_DAILY_TOKENS", ge=1)
    burst_limit: int = Field(20, alias="PIPEDRIVE_BURST_LIMIT", ge=1)
    day_zone: Annotated[str, AfterValidator(_zone)] = Field("UTC", alias="PIPEDRIVE_DAY_ZONE")
    user_calls: int = Field(0, alias="PIPEDRIVE_USER_CALLS_PER_MINUTE", ge=0)

    @property
    def has_app(self) -> bool:
        """Whether an OAuth app is set."""
        return bool(self.client_id and self.client_secret.get_secret_value())

    @property
    def url(self) -> str:
        """Where the API is. Raises ``ConfigurationError``."""
        if self.base_url:
            return self.base_url
        if not self.company_domain:
            raise ConfigurationError(
                "PIPEDRIVE_COMPANY_DOMAIN is not set: the part before .pipedrive.com in your "
                "browser's address bar (or set PIPEDRIVE_BASE_URL)"
            )
        return f"https://{self.company_domain}.pipedrive.com"


def configured(settings: PipedriveSettings) -> bool:
    """Whether an account is set. Raises ``ConfigurationError`` when only half of one is."""
    if settings.api_token.get_secret_value():
        return bool(settings.url)
    if settings.has_app:
        return True
    if settings.client_id or settings.client_secret.get_secret_value():
        missing = "PIPEDRIVE_CLIENT_SECRET" if settings.client_id else "PIPEDRIVE_CLIENT_ID"
        raise ConfigurationError(
            f"{missing} is not set, but the other half of the app's login is: both are on your "
            "app's page in Pipedrive's Developer Hub"
        )
    if settings.base_url or settings.company_domain:
        raise ConfigurationError(
            "PIPEDRIVE_API_TOKEN is not set, but an address is: copy it from Settings > Personal "
            "preferences > API in Pipedrive (or set PIPEDRIVE_CLIENT_ID and "
            "PIPEDRIVE_CLIENT_SECRET of an app)"
        )
    return False


def limits(settings: PipedriveSettings) -> Limits:
    """What the plan allows, until headers say otherwise."""
    return Limits(
        daily=settings.daily_tokens,
        bursts={
            "general": (settings.burst_limit, BURST_SECONDS),
            "search": (SEARCH_REQUESTS, BURST_SECONDS),
        },
        zone=settings.day_zone,
        user_calls=settings.user_calls,
    )


def simulated(settings: PipedriveSettings) -> bool:
    """Whether the account is on this machine: the real one never is."""
    return urlsplit(settings.base_url).hostname in LOOPBACK


def sandbox_variables(url: str) -> dict[str, str]:
    """What points this connector at the simulated Pipedrive."""
    return {"PIPEDRIVE_BASE_URL": url, "PIPEDRIVE_API_TOKEN": "sandbox-token"}
