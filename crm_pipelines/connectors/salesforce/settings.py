"""Salesforce's variables: where the org is, how to log in, what to mirror."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from crm_pipelines.connectors.salesforce.selection import FieldSelection
from crm_pipelines.model.call import Limits
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.transport.logins import Header
from crm_pipelines.transport.timeouts import Timeouts

LARGEST_FILE = 100_000_000
"""Bytes of an ingest job's file: Salesforce takes 150 MB after encoding it in base64."""


class Flow(StrEnum):
    """Ways to log in; the first whose variables are all set is taken."""

    CLIENT_CREDENTIALS = "client credentials"
    JWT = "JWT bearer"
    SOAP = "SOAP login"
    ACCESS_TOKEN = "access token"  # noqa: S105


def _address(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be scheme and host, like https://acme.my.salesforce.com")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("plain http is for this machine only: use https")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]


def _objects(names: str) -> str:
    parts = [name.strip() for name in names.split(",") if name.strip()]
    if not all(part.isidentifier() for part in parts):
        raise ValueError("must be API names separated by commas, like Contact,Provider__c")
    return ",".join(dict.fromkeys(parts))


class SalesforceSettings(Timeouts, FieldSelection):
    """One Salesforce org."""

    instance_url: Address = Field("", alias="SALESFORCE_INSTANCE_URL")
    login_url: Address = Field("", alias="SALESFORCE_LOGIN_URL")
    client_id: str = Field("", alias="SALESFORCE_CLIENT_ID")
    client_secret: SecretStr = Field(SecretStr(""), alias="SALESFORCE_CLIENT_SECRET")
    private_key_file: Path | None = Field(None, alias="SALESFORCE_PRIVATE_KEY_FILE")
    username: str = Field("", alias="SALESFORCE_USERNAME")
    password: SecretStr = Field(SecretStr(""), alias="SALESFORCE_PASSWORD")
    security_token: SecretStr = Field(SecretStr(""), alias="SALESFORCE_SECURITY_TOKEN")
    domain: str = Field("login", alias="SALESFORCE_DOMAIN", pattern=r"^[\w.-]+$")
    access_token: Header = Field(SecretStr(""), alias="SALESFORCE_ACCESS_TOKEN")
    objects: Annotated[str, AfterValidator(_objects)] = Field("", alias="SALESFORCE_OBJECTS")
    api_version: str = Field("64.0", alias="SALESFORCE_API_VERSION", pattern=r"^\d\d\.0$")
    daily_calls: int = Field(100_000, alias="SALESFORCE_DAILY_CALLS", ge=1)
    quota_share: float = Field(0.8, alias="SALESFORCE_QUOTA_SHARE", gt=0, le=1)
    user_calls: int = Field(0, alias="SALESFORCE_USER_CALLS_PER_MINUTE", ge=0)
    job_wait_seconds: int = Field(3600, alias="SALESFORCE_JOB_WAIT_SECONDS", ge=1)
    bulk_rows: int = Field(2_000, alias="SALESFORCE_BULK_ROWS", ge=0)
    page_rows: int = Field(25_000, alias="SALESFORCE_PAGE_ROWS", ge=1)
    split_rows: int = Field(500_000, alias="SALESFORCE_SPLIT_ROWS", ge=0)
    ingest_bytes: int = Field(
        LARGEST_FILE, alias="SALESFORCE_INGEST_BYTES", ge=1_000, le=LARGEST_FILE
    )
    ingest_attempts: int = Field(4, alias="SALESFORCE_INGEST_ATTEMPTS", ge=1, le=20)

    @property
    def flow(self) -> Flow | None:
        """How to log in, ``None`` when nothing is set completely."""
        if self.client_id and self.client_secret.get_secret_value():
            return Flow.CLIENT_CREDENTIALS
        if self.client_id and self.private_key_file and self.username:
            return Flow.JWT
        if self.username and self.password.get_secret_value():
            return Flow.SOAP
        if self.access_token.get_secret_value():
            return Flow.ACCESS_TOKEN
        return None

    @property
    def login_address(self) -> str:
        """Where to log in: what is set, else Salesforce's own host for the domain."""
        if self.login_url or (self.instance_url and self.flow is Flow.CLIENT_CREDENTIALS):
            return self.login_url or self.instance_url
        if self.flow is Flow.CLIENT_CREDENTIALS:
            raise ConfigurationError(
                "SALESFORCE_INSTANCE_URL is not set: client credentials need your My Domain, "
                "like https://acme.my.salesforce.com"
            )
        return f"https://{self.domain}.salesforce.com"


def configured(settings: SalesforceSettings) -> bool:
    """Whether an org is set. Raises ``ConfigurationError`` when a login is only half set."""
    if settings.flow is Flow.ACCESS_TOKEN and not settings.instance_url:
        raise ConfigurationError(
            "SALESFORCE_INSTANCE_URL is not set: an access token is good for one org only"
        )
    if settings.flow is not None:
        return bool(settings.login_address)
    if settings.client_id or settings.username or settings.instance_url:
        raise ConfigurationError(
            "the Salesforce login is only half set: SALESFORCE_CLIENT_ID needs "
            "SALESFORCE_CLIENT_SECRET (or SALESFORCE_PRIVATE_KEY_FILE and SALESFORCE_USERNAME), "
            "SALESFORCE_USERNAME needs SALESFORCE_PASSWORD"
        )
    return False


def limits(settings: SalesforceSettings) -> Limits:
    """The org's calls of the last 24 hours, and the share of them we never pass."""
    return Limits(
        daily=settings.daily_calls,
        share=settings.quota_share,
        rolling=True,
        user_calls=settings.user_calls,
    )


def sandbox_variables(url: str) -> dict[str, str]:
    """What points this connector at the simulated Salesforce."""
    return {
        "SALESFORCE_INSTANCE_URL": url,
        "SALESFORCE_LOGIN_URL": url,
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    }
