"""A body on its way to Pipedrive, and what is mended when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_pipelines.connectors.pipedrive.api import Record
from crm_pipelines.connectors.pipedrive.bodies import to_body
from crm_pipelines.connectors.pipedrive.complaints import complained_of, in_our_words
from crm_pipelines.connectors.pipedrive.directory import Directory
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import FatalError, InvalidData, NotApplied

COLONS = "HH:MM:SS".count(":")


class Draft:
    """What is to be written. ``our_id`` goes into a custom field, where the entity has them.

    ``remarks`` say what was left out. Raises ``InvalidData``.
    """

    def __init__(
        self,
        directory: Directory,
        entity: Entity,
        values: Mapping[str, Any],
        before: Record | None = None,
        our_id: str | None = None,
    ) -> None:
        self._directory, self._entity = directory, entity
        self._values, self._our_id = values, our_id
        self._mended: set[str] = set()
        self.remarks: list[str] = []
        self.body = to_body(entity, values, before)
        if "industry" in self.body:
            self._name_industry()
        self._sign()

    def send(self, send: Callable[[Record], Any]) -> Any:
        """Hand it over; each kind of refusal is mended once. ``InvalidData`` is in our words."""
        while True:
            try:
                return send(self.body)
            except FatalError as error:
                if type(error) not in (FatalError, InvalidData):
                    raise
                if not self._mend(complained_of(str(error), self.body)):
                    if isinstance(error, InvalidData):
                        raise in_our_words(error, self._entity, self._values) from error
                    raise

    def _mend(self, keys: frozenset[str]) -> bool:
        for key in keys - self._mended:
            self._mended.add(key)
            if key in _MENDS and _MENDS[key](self):
                return True
        return False

    def _sign(self) -> None:
        code = self._directory.our_code(self._entity) if self._our_id else None
        if code:
            self.body["custom_fields"] = {code: self._our_id}

    def sign_again(self) -> bool:
        """Our field may have been deleted by somebody: then it is made again."""
        [code] = self.body.pop("custom_fields")
        same = self._directory.read_fields(self._entity)["ours"] == code
        self._sign()
        return not same

    def _name_industry(self) -> None:
        """Industries are options; accounts without that feature have no such field."""
        name = str(self._values["industry"] or "").strip()
        self.body["industry"] = None
        if not self._directory.has_options(self._entity, "industry"):
            self._leave_industry("this Pipedrive account has no field for industries")
        elif name:
            try:
                self.body["industry"] = self._directory.option(
                    self._entity, "industry", name, make=True
                )
            except FatalError as error:
                if type(error) not in (FatalError, InvalidData):
                    raise
                self._leave_industry(str(error))

    def _leave_industry(self, why: str) -> None:
        del self.body["industry"]
        if self._values["industry"]:
            self.remarks.append(f"industry {self._values['industry']!r} was left out: {why}")

    def name_industry_again(self) -> bool:
        """The option may have been deleted, or the feature switched off."""
        before = self.body["industry"]
        self._directory.read_fields(self._entity)
        self._name_industry()
        if self.body.get("industry") == before:
            self._leave_industry("Pipedrive does not take it")
        return True

    def shorten_times(self) -> bool:
        """Some accounts take times without seconds only."""
        long = {key: str(self.body.get(key) or "") for key in ("due_time", "duration")}
        short = {key: text[:-3] for key, text in long.items() if text.count(":") == COLONS}
        self.body.update(short)
        return bool(short)

    def look_at_labels(self) -> bool:
        """Ids that we told the caller of, and that are gone now, are not the caller's fault."""
        known = self._directory.option_ids(self._entity, "label_ids")
        self._directory.read_fields(self._entity)
        gone = known - self._directory.option_ids(self._entity, "label_ids")
        if gone & set(self.body["label_ids"]):
            raise NotApplied("a label was deleted in Pipedrive: it has to be looked up again")
        return False


_MENDS: Mapping[str, Callable[[Draft], bool]] = {
    "custom_fields": Draft.sign_again,
    "industry": Draft.name_industry_again,
    "due_time": Draft.shorten_times,
    "duration": Draft.shorten_times,
    "label_ids": Draft.look_at_labels,
}
"""By key of a body: what may be wrong with it; whether the draft is another one now."""
