"""Which of the streams are mirrored: all of them, or those that are named."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.streams import STREAMS


def _known(text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [stream.name for stream in STREAMS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no stream {', '.join(unknown)}; there are {', '.join(known)}")
    return ",".join(names)


class StreamChoice(BaseModel):
    """``PIPEDRIVE_STREAMS``: names separated by commas, all streams when not set."""

    streams: Annotated[str, AfterValidator(_known)] = Field("", alias="PIPEDRIVE_STREAMS")

    @property
    def chosen(self) -> tuple[PipedriveStream, ...]:
        """The streams to mirror, in the declared order."""
        names = self.streams.split(",") if self.streams else [stream.name for stream in STREAMS]
        return tuple(stream for stream in STREAMS if stream.name in names)
