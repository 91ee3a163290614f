"""The environment, read here and nowhere else: typed, per workspace, with errors that name it.

A value is looked for as ``NAME__WORKSPACE`` first, then as ``NAME``; in the process environment
first, then in ``.env`` of the working directory. Connectors declare their own variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.strictness import read_strictness
from crm_pipelines.vault.keys import parse

DEFAULT_WORKSPACE = "default"
Values = TypeVar("Values", bound=BaseModel)


def _postgresql(url: str) -> str:
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql://, like postgresql://user:pass@host/name")
    return url


def _workspaces(names: str) -> str:
    parts = [name.strip() for name in names.split(",")]
    if not all(part.isidentifier() and part == part.lower() for part in parts):
        raise ValueError("must be lower-case names separated by commas, like acme,globex")
    if len(set(parts)) != len(parts):
        raise ValueError("names a workspace twice")
    return ",".join(parts)


def _interval(minutes: int) -> int:
    if not (1 <= minutes <= 59 or (minutes % 60 == 0 and 60 <= minutes <= 1440)):
        raise ValueError("must be 1 to 59, or whole hours up to a day (60, 120, ... 1440)")
    return minutes


def _strictness(text: str) -> str:
    read_strictness(text)
    return text


def _keys(given: SecretStr) -> SecretStr:
    parse(given.get_secret_value().split(","))
    return given


def _public(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be scheme, host and port, like https://crm.example.com")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no path, query or user: scheme, host and port only")
    return url.rstrip("/")


def _proxies(addresses: str) -> str:
    parts = [part.strip() for part in addresses.split(",")]
    for part in parts:
        if part != "*":
            ip_network(part)
    return ",".join(parts)


Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseModel):
    """What is not about one CRM."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    home: Path = Field(Path(".crm"), alias="CRM_HOME")
    database_url: Annotated[str, AfterValidator(_postgresql)] = Field("", alias="CRM_DATABASE_URL")
    staging_uri: str = Field("", alias="CRM_STAGING_URI")
    workspace_names: Annotated[str, AfterValidator(_workspaces)] = Field(
        DEFAULT_WORKSPACE, alias="CRM_WORKSPACES"
    )
    windows_start: date = Field(date(2015, 1, 1), alias="CRM_WINDOWS_START")
    encryption_keys: Annotated[SecretStr, AfterValidator(_keys)] = Field(
        SecretStr(""), alias="CRM_ENCRYPTION_KEYS"
    )
    validation: Annotated[str, AfterValidator(_strictness)] = Field(
        "lenient", alias="CRM_VALIDATION"
    )
    gateway_host: str = Field("127.0.0.1", alias="CRM_GATEWAY_HOST")
    gateway_port: Port = Field(8000, alias="CRM_GATEWAY_PORT")
    public_url: Annotated[str, AfterValidator(_public)] = Field("", alias="CRM_PUBLIC_URL")
    gateway_calls_per_minute: int = Field(600, alias="CRM_GATEWAY_CALLS_PER_MINUTE", ge=1)
    gateway_wait_seconds: float = Field(10.0, alias="CRM_GATEWAY_WAIT_SECONDS", ge=0, le=300)
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        "127.0.0.1,::1", alias="CRM_GATEWAY_TRUSTED_PROXIES"
    )
    keep_days: int = Field(90, alias="CRM_KEEP_DAYS", ge=7, le=36_500)
    spool_bytes: int = Field(1 << 30, alias="CRM_SPOOL_BYTES", ge=1 << 20)
    ui_port: Port = Field(3000, alias="CRM_UI_PORT")
    sync_every_minutes: Annotated[int, AfterValidator(_interval)] = Field(
        15, alias="CRM_SYNC_EVERY_MINUTES"
    )
    sensor_seconds: float = Field(29.2, alias="CRM_SENSOR_SECONDS", gt=0, le=55)

    @cached_property
    def workspaces(self) -> tuple[str, ...]:
        """The tenants."""
        return tuple(self.workspace_names.split(","))

    @cached_property
    def home_path(self) -> Path:
        """``CRM_HOME``, absolute."""
        return self.home.expanduser().absolute()

    @cached_property
    def spool_path(self) -> Path:
        """Where webhook deliveries lie while the database is away."""
        return self.home_path / "spool"

    @cached_property
    def staging(self) -> str:
        """Where chunks lie, as a URI."""
        return self.staging_uri or (self.home_path / "staging").as_uri()


def environment() -> dict[str, str]:
    """Every variable that is set to something: the process's own before those of ``.env``."""
    merged = {**dotenv_values(".env"), **os.environ}
    return {name: value for name, value in merged.items() if value}


def read(
    kind: type[Values],
    workspace: str = DEFAULT_WORKSPACE,
    source: Mapping[str, str] | None = None,
) -> Values:
    """An instance of a settings class for a workspace. Raises ``ConfigurationError``."""
    values = environment() if source is None else source
    found, names = {}, {}
    for name, info in kind.model_fields.items():
        variable = info.alias or name
        own = values.get(f"{variable}__{workspace.upper()}")
        value = own if own is not None else values.get(variable)
        if value is not None:
            found[variable] = value
            names[variable] = variable if own is None else f"{variable}__{workspace.upper()}"
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, names)) from None


def _explain(error: ValidationError, names: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]) or "settings"
        lines.append(f"{names.get(name, name)}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(lines) + " (see .env.example)"
