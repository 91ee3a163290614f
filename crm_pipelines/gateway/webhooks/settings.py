"""Who may bring webhooks: the variables of one workspace."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

HEADERS = "X-Pipedrive-Signature,X-Hub-Signature-256,X-Signature"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A field name (RFC 9110, section 5.1)."""


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _username(name: str) -> str:
    if ":" in name:
        raise ValueError("must have no colon: Basic credentials end the name there")
    return name


def _secrets(given: SecretStr) -> SecretStr:
    if given.get_secret_value() and not _list(given.get_secret_value()):
        raise ValueError("must be secrets separated by commas, newest first")
    return given


def _headers(names: str) -> str:
    if not _list(names) or not all(_HEADER.fullmatch(name) for name in _list(names)):
        raise ValueError(f"must be names of headers separated by commas, like {HEADERS}")
    return names


Secrets = Annotated[SecretStr, AfterValidator(_secrets)]


class WebhookSettings(BaseModel):
    """Credentials of webhooks that were made by hand; those of our own lie in the database."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    username: Annotated[str, AfterValidator(_username)] = Field(
        "", alias="PIPEDRIVE_WEBHOOK_USERNAME"
    )
    password: Secrets = Field(SecretStr(""), alias="PIPEDRIVE_WEBHOOK_PASSWORD")
    secret: Secrets = Field(SecretStr(""), alias="PIPEDRIVE_WEBHOOK_SECRET")
    signature_headers: Annotated[str, AfterValidator(_headers)] = Field(
        HEADERS, alias="PIPEDRIVE_WEBHOOK_SIGNATURE_HEADERS"
    )
    allowed_ips_file: str = Field("", alias="PIPEDRIVE_WEBHOOK_ALLOWED_IPS_FILE")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError(
                "PIPEDRIVE_WEBHOOK_USERNAME and PIPEDRIVE_WEBHOOK_PASSWORD go together: set both"
            )
        return self

    @cached_property
    def passwords(self) -> tuple[bytes, ...]:
        """Those that are taken, the newest first."""
        return tuple(one.encode() for one in _list(self.password.get_secret_value()))

    @cached_property
    def secrets(self) -> tuple[bytes, ...]:
        """What signatures are made with, the newest first."""
        return tuple(one.encode() for one in _list(self.secret.get_secret_value()))

    @cached_property
    def headers(self) -> frozenset[bytes]:
        """Where signatures are looked for, as servers write the names of headers."""
        return frozenset(one.lower().encode() for one in _list(self.signature_headers))
