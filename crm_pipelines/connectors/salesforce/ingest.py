"""Writing rows with Bulk API 2.0 ingest: files, one job each, and what came of every row.

One job after the other, so that of two rows with one key the later one wins also across files.
A run that dies goes on where it was: the files lie in a folder, and the place names what is left
of them and the job under way. Nothing is written before a job is closed, so a job that is still
open is thrown away and made anew; of a closed one the results are fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crm_pipelines.connectors.salesforce.ingest_files import Rows
from crm_pipelines.connectors.salesforce.ingest_run import Keep, Run
from crm_pipelines.connectors.salesforce.opening import open_door
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Budget
from crm_pipelines.model.source import Place
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.model.writing import Writing
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import pyarrow as pa


class Ingest:
    """An opened org that rows are written to. Close it after use."""

    def __init__(self, door: Door, settings: SalesforceSettings) -> None:
        self._door, self._settings = door, settings

    def write(
        self,
        writing: Writing,
        rows: Rows,
        folder: Path,
        place: Place | None = None,
        keep: Keep = lambda _: None,
    ) -> Iterator[pa.Table]:
        """Tables of outcomes (``OUTCOME_COLUMNS``), one row for each row that was given.

        Columns are fields by API names, and parents as ``Account.External_Id__c``. Null empties a
        field; empty text leaves it as it is, and so does null for a parent by its external id (null
        in ``AccountId`` takes the parent away). ``folder`` is
        for the files of this writing alone. ``keep`` stores the place; given again after a run
        that died, with the same folder, the rows are not read again. Outcomes that were yielded
        just before a run died are yielded once more.

        Raises ``FatalError`` before anything is sent for columns the object does not have,
        ``OutcomeUnknown`` for an insert whose job is gone, and ``BudgetSpent``.
        """
        run = Run(self._door, self._settings, writing, folder, keep)
        if place is None:
            yield from run.prepare(rows)
        else:
            run.take_up(place)
        while run.parts:
            yield from run.finish()
        run.tidy_up()

    def close(self) -> None:
        """Close the connections."""
        self._door.close()


def open_ingest(settings: SalesforceSettings, budget: Budget, tokens: TokenStore) -> Ingest:
    """Open the org that the settings name for writing."""
    return Ingest(open_door(settings, budget, tokens), settings)
