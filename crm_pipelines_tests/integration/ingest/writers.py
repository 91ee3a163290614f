"""Writing to the simulated Salesforce as the product does: its settings, its budget, its door."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from crm_pipelines.budget.ledger import Clock, database_clock
from crm_pipelines.connectors.salesforce import open_ingest
from crm_pipelines.model.source import Place
from crm_pipelines.model.writing import Operation, Writing
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.sandbox_process import Sandbox

BY_EXTERNAL_ID = Writing("Contact", Operation.UPSERT, "External_Id__c")
Outcome = dict[str, Any]


class Writer:
    """Writes into one folder, and keeps the place in a file beside it, as JSON."""

    def __init__(
        self, values: Mapping[str, str], folder: Path, clock: Clock = database_clock
    ) -> None:
        self._wiring = Wiring(values, clock)
        account = self._wiring.account("default", "salesforce")
        self.purse = self._wiring.budget.purse("default", "salesforce", "ingest", account.limits)
        self._ingest = open_ingest(account.settings, self.purse, account.tokens())
        self.folder, self._place = folder, folder.with_suffix(".json")

    def tables(
        self,
        rows: Iterable[pa.Table | pa.RecordBatch],
        writing: Writing = BY_EXTERNAL_ID,
        kept: Callable[[Place], object] = lambda _: None,
    ) -> Iterable[pa.Table]:
        """Outcomes as they come; goes on from the place in the file if there is one."""
        place = json.loads(self._place.read_text()) if self._place.exists() else None

        def keep(fresh: Place) -> None:
            self._place.with_suffix(".new").write_text(json.dumps(fresh))
            self._place.with_suffix(".new").replace(self._place)
            kept(fresh)

        return self._ingest.write(writing, rows, self.folder, place, keep)

    def begin(self) -> None:
        """Forget the place: what comes is a new writing."""
        self._place.unlink(missing_ok=True)

    def __call__(
        self, *rows: dict[str, Any] | pa.Table | pa.RecordBatch, writing: Writing = BY_EXTERNAL_ID
    ) -> list[Outcome]:
        """Outcomes of a new writing of rows, or of tables."""
        self.begin()
        tables = [pa.Table.from_pylist([r]) if isinstance(r, dict) else r for r in rows]
        if rows and isinstance(rows[0], dict):
            tables = [pa.Table.from_pylist(rows)]
        return [row for table in self.tables(tables, writing) for row in table.to_pylist()]

    def close(self) -> None:
        """Close connections."""
        self._ingest.close()
        self._wiring.close()


def fates(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """What came of each key."""
    return {outcome["key"]: outcome["fate"] for outcome in outcomes}


def truth(sandbox: Sandbox, name: str = "Contact") -> dict[str, dict[str, Any]]:
    """What the sandbox has, by external id."""
    records = sandbox.truth("salesforce", name)
    return {record["External_Id__c"]: record for record in records if record["External_Id__c"]}


def calls(sandbox: Sandbox, method: str, ending: str = "") -> list[str]:
    """Paths of requests to ingest jobs."""
    return [
        entry["path"]
        for entry in sandbox.journal()
        if entry["method"] == method
        and "/jobs/ingest" in entry["path"]
        and entry["path"].rstrip("/").endswith(ending)
    ]
