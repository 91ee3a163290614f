"""Asking for records that events are about, for as few tokens as it takes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from crm_pipelines.connectors.pipedrive.api import PAGE, Api
from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.directory import Directory
from crm_pipelines.connectors.pipedrive.entity_streams import ARCHIVED_DEALS
from crm_pipelines.connectors.pipedrive.event_streams import stream_of
from crm_pipelines.connectors.pipedrive.listed import read_list, to_table
from crm_pipelines.connectors.pipedrive.lookups import FEW, MOST_IDS, Lookups
from crm_pipelines.connectors.pipedrive.opening import open_door
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.call import Budget, Call
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import GoneError, Truncated
from crm_pipelines.model.event import Record
from crm_pipelines.model.json_text import mend_surrogates
from crm_pipelines.model.memory import Memory
from crm_pipelines.model.sink import Found
from crm_pipelines.model.source import RAW
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.transport.door import Door

MANY = 20
"""From so many on, the list of archived deals costs less than one deal after the other."""

ARCHIVES = {"deal": ARCHIVED_DEALS}
"""Lists of records that are missing in the list of all others."""


class _One(msgspec.Struct):
    data: msgspec.Raw


_ONE = msgspec.json.Decoder(_One)
_RECORD = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class PipedriveAsker:
    """An opened account. Numbers come as they were written: fractions are ``Decimal``."""

    def __init__(self, door: Door, lookups: Lookups) -> None:
        self._door, self._lookups = door, lookups

    def records(self, object_: str, ids: Collection[str]) -> Mapping[str, Record]:
        """Those that are shown. Whoever is not in a list is asked for alone before it counts as
        gone; where lists tell of deleted records, those come as such."""
        stream = stream_of(object_)
        wanted = sorted(set(ids), key=lambda one: (len(one), one))
        listable = stream.paged == "cursor"
        found: dict[str, Record] = {}
        if listable and len(wanted) >= FEW:
            found |= self._listed(stream, wanted)
        archive, listed = ARCHIVES.get(object_), bool(found)
        missing = [one for one in wanted if one not in found]
        if archive and len(missing) >= MANY:
            found |= self._listed(archive, missing)
            missing = [one for one in wanted if one not in found]
        for one in missing:
            found |= self._single(stream, one)
        missing = [one for one in wanted if one not in found]
        if stream.deletes_told and missing:
            for list_ in (() if listed else (stream,)) + ((archive,) if archive else ()):
                found |= self._listed(list_, missing)
                missing = [one for one in missing if one not in found]
                if not missing:
                    break
        return {one: record for one, record in found.items() if not _is_out(stream, record)}

    def found(self, entity: Entity, record: Record) -> Found:
        """A record in our words."""
        return self._lookups.found(entity, _plain(record))

    def close(self) -> None:
        """Close the connections."""
        self._door.close()

    def _listed(self, stream: PipedriveStream, ids: Sequence[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        cost = price("GET", stream.path)
        for first in range(0, len(ids), MOST_IDS):
            some = ids[first : first + MOST_IDS]
            wish = {**stream.params, "ids": ",".join(some), "limit": PAGE}
            answer = self._door.send(Call("GET", stream.path, wish, cost=cost))
            listed = read_list(answer.content)
            found |= {key: record for key, record in _read(stream, listed.records) if key in some}
        return found

    def _single(self, stream: PipedriveStream, remote_id: str) -> dict[str, Record]:
        path = f"{stream.path}/{remote_id}"
        wish = {name: value for name, value in stream.params.items() if name == "include_fields"}
        try:
            answer = self._door.send(Call("GET", path, wish, cost=price("GET", path)))
        except GoneError:
            return {}
        try:
            one = _ONE.decode(mend_surrogates(answer.content))
        except msgspec.MsgspecError as error:
            raise Truncated(f"Pipedrive's answer about {path} is not whole ({error})") from error
        found: dict[str, Record] = dict(_read(stream, [one.data]))
        if remote_id not in found:
            raise Truncated(f"Pipedrive answers about another record than {path}")
        return found


def _read(stream: PipedriveStream, texts: list[msgspec.Raw]) -> Iterator[tuple[str, Record]]:
    """Records by id, in the shape that pages of the stream have."""
    for text in to_table(texts, stream).column(RAW).to_pylist():
        record = _RECORD.decode(text)
        yield str(record.get(stream.key.source)), record


def _is_out(stream: PipedriveStream, record: Record) -> bool:
    """Whether a record is in the bin, of which the stream's list shows nothing."""
    if stream.deletes_told:
        return False
    return bool(record.get("is_deleted")) or record.get("active_flag") is False


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def open_asker(
    settings: PipedriveSettings, budget: Budget, tokens: TokenStore, memory: Memory
) -> PipedriveAsker:
    """Open the account that the settings name, for questions."""
    door = open_door(settings, budget, tokens)
    api = Api(door)
    return PipedriveAsker(door, Lookups(api, Directory(api, memory, door.address)))
