"""What is said of single records in the log: a few of each kind, then how many more."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.stream import KEY, Field, Type
from crm_pipelines.phases.checks.findings import Finding

SHOWN = 5
"""Lines of each kind in one run: the log is for people, the counts are complete."""

LONGEST = 100

_SPOKEN = {
    Type.INTEGER: "integer",
    Type.TIMESTAMP: "datetime",
    Type.DECIMAL: "decimal",
    Type.JSON: "json",
}


class Remarks:
    """Writes the lines of one stream's run. ``crm`` and ``stream`` are named in them."""

    def __init__(self, log: logging.Logger, crm: str, stream: str) -> None:
        self._log, self._crm, self._stream = log, crm, stream
        self._shown: Counter[str] = Counter()
        self._kept_back: Counter[str] = Counter()

    def tell_findings(self, records: pa.Table, found: list[Finding], *, strict: bool) -> None:
        """A value that fails a check: a warning, or an error where that rejects the record."""
        level = logging.ERROR if strict else logging.WARNING
        for finding in found:
            rows = pc.indices_nonzero(finding.rows)
            for row in rows[: self._room(finding.label, len(rows))].to_pylist():
                key = records.column(KEY)[row].as_py()
                if finding.of_rule:
                    opening = "Errors" if strict else "Warnings"
                    self._log.log(
                        level,
                        f"{opening} processing {self._crm} {self._stream} {key}: {finding.reason}",
                    )
                    continue
                opening = "Strict validation failed" if strict else "Validation warning"
                value = _short(records.column(finding.name)[row].as_py())
                self._log.log(
                    level,
                    f"{opening} for field '{finding.name}' with value '{value}' "
                    f"(Record: id={key}): {finding.reason}",
                )

    def tell_unreadable(self, failures: pa.Table, fields: tuple[Field, ...]) -> None:
        """A value that is not of its column's type, so that the record cannot be stored."""
        kinds = {field.name: _SPOKEN.get(field.type, field.type.value) for field in fields}
        texts = failures.column("reasons").to_pylist()
        for key, text in zip(failures.column("record_id").to_pylist(), texts, strict=True):
            for name, reason in json.loads(text).items():
                kind, _, value = reason.partition(": ")
                if (name, reason) == (KEY, "missing"):
                    self._log.error(f"Errors processing {self._crm} {self._stream} {key}: no id")
                    continue
                if not value or not self._room(f"{name}: {kind}", 1):
                    continue
                self._log.warning(
                    f"Failed to parse {kinds.get(name, 'record')} value: {_quoted(value)} in field "
                    f"'{name}' for {self._crm} {key}"
                )

    def close(self) -> None:
        """Say how many more there were of each kind."""
        for label, more in self._kept_back.items():
            self._log.warning(f"{self._crm} {self._stream}: {more:,} more like this: {label}")

    def _room(self, label: str, wanted: int) -> int:
        """How many lines of a kind may still be written; the rest is only counted."""
        room = min(wanted, SHOWN - self._shown[label])
        self._shown[label] += room
        if wanted > room:
            self._kept_back[label] += wanted - room
        return room


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _quoted(value: str) -> str:
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    return f"'{_short(bare)}'"
