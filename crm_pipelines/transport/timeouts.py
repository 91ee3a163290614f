"""How long a request may take, as variables that every connector's settings inherit."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Timeouts(BaseModel):
    """Seconds: for connecting, for silence while reading, and for a whole request."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    connect_seconds: float = Field(10.0, alias="CRM_CONNECT_SECONDS", gt=0)
    read_seconds: float = Field(60.0, alias="CRM_READ_SECONDS", gt=0)
    request_seconds: float = Field(900.0, alias="CRM_REQUEST_SECONDS", gt=0)
