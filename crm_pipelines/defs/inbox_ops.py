"""The four ops of the inbox: deliveries → events → checked → applied.

Belongs here: what the ops hand on, how long a run stays, and what it tells of what it did. Not: how
a delivery is applied.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from crm_pipelines.defs.inbox_report import Report
from crm_pipelines.defs.names import Names
from crm_pipelines.flows.inbox.batches import Batch, Checked, Understood
from crm_pipelines.flows.inbox.flow import Inbox
from crm_pipelines.store.inbox.watch import waiting_mark
from crm_pipelines.store.news import News

JOB = "apply_webhooks"
PATIENCE = {
    "linger_seconds": dg.Field(
        float,
        default_value=30.0,
        description="So long the run waits for more when nothing is left: what comes meanwhile is "
        "spared the start of a run, which is most of the way from a change to its row.",
    ),
    "longest_seconds": dg.Field(
        float,
        default_value=300.0,
        description="After so long the run takes no more, however much comes: it ends and says "
        "what it did.",
    ),
}
LOOK_SECONDS = 0.5
"""Deliveries that were put off come back without a word."""


@dataclass(frozen=True)
class Deliveries:
    """Deliveries by workspace."""

    batches: Mapping[str, Batch]


@dataclass(frozen=True)
class Events:
    """What they say, by workspace."""

    understood: Mapping[str, Understood]


@dataclass(frozen=True)
class CheckedEvents:
    """Which of them count, by workspace."""

    checked: Mapping[str, Checked]


class InboxOps:
    """The ops of one CRM; every configured workspace takes part."""

    def __init__(self, crm: str, names: Names) -> None:
        self._crm, self._names = crm, names

    def fetch(self) -> dg.OpDefinition:
        """Which deliveries have their turn."""

        def compute(context: dg.OpExecutionContext) -> Deliveries:
            found = {w: inbox.fetch() for w, inbox in _inboxes(context, self._crm).items()}
            context.add_output_metadata({w: len(b.deliveries) for w, b in found.items()})
            return Deliveries(found)

        return self._op("fetch", "Deliveries whose turn it is, as they came.", compute)

    def transform(self) -> dg.OpDefinition:
        """Bodies of every version to events of one shape."""

        def compute(context: dg.OpExecutionContext, deliveries: Deliveries) -> Events:
            inboxes = _inboxes(context, self._crm)
            found = {w: inboxes[w].transform(batch) for w, batch in deliveries.batches.items()}
            context.add_output_metadata(
                {
                    "events": sum(len(one.events) for one in found.values()),
                    "unreadable": sum(len(one.poison) for one in found.values()),
                    "about_nothing_mirrored": sum(len(one.unheard) for one in found.values()),
                }
            )
            return Events(found)

        return self._op("transform", "What they say, in one shape for all versions.", compute)

    def validate(self) -> dg.OpDefinition:
        """Duplicates, disorder and echoes."""

        def compute(context: dg.OpExecutionContext, events: Events) -> CheckedEvents:
            inboxes = _inboxes(context, self._crm)
            found = {w: inboxes[w].validate(one) for w, one in events.understood.items()}
            context.add_output_metadata(
                {
                    "leading": sum(len(one.leading) for one in found.values()),
                    "stale": sum(len(one.stale) for one in found.values()),
                    "echoes": sum(len(one.echoes) for one in found.values()),
                }
            )
            return CheckedEvents(found)

        about = "Which event of a record counts, which come late, which tell of our own writes."
        return self._op("validate", about, compute)

    def apply(self) -> dg.OpDefinition:
        """To the mirror and the local side; then whatever has come in since."""

        def compute(context: dg.OpExecutionContext, checked: CheckedEvents) -> None:
            inboxes = _inboxes(context, self._crm)
            report = Report(context, self._crm, self._names)
            try:
                for workspace, one in checked.checked.items():
                    report.add(workspace, inboxes[workspace].apply(one, run=context.run_id))
                self._stay(context, inboxes, report)
            finally:
                report.tell()

        return dg.op(
            name=f"{JOB}__apply",
            description="To the mirror and the local side, each delivery once; asks the CRM again "
            "where a body does not tell all. Then takes what has come in meanwhile, and waits a "
            "little for more.",
            config_schema=PATIENCE,
            ins={"checked": dg.In(input_manager_key="manifests")},
            out=dg.Out(dg.Nothing, io_manager_key="manifests"),
            required_resource_keys={"inbox", "database"},
        )(compute)

    def _stay(
        self, context: dg.OpExecutionContext, inboxes: Mapping[str, Inbox], report: Report
    ) -> None:
        """Apply what comes, until nothing has come for a while or the run is long enough."""
        database, patience = context.resources.database, context.op_config
        begun = quiet_since = time.monotonic()
        with News(database, "inbox") as news:
            while (left := begun + patience["longest_seconds"] - time.monotonic()) > 0:
                settled = 0
                if waiting_mark(database, self._crm, list(inboxes)).deliveries:
                    for workspace, inbox in inboxes.items():
                        more = inbox.work(run=context.run_id, seconds=left)
                        report.add(workspace, more)
                        settled += more.settled
                if settled:
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since >= patience["linger_seconds"]:
                    return
                else:
                    report.tell_if_due()
                    news.wait(LOOK_SECONDS)

    def _op(self, phase: str, description: str, compute: Any) -> dg.OpDefinition:
        taken = {"transform": "deliveries", "validate": "events"}.get(phase)
        return dg.op(
            name=f"{JOB}__{phase}",
            description=description,
            ins={taken: dg.In(input_manager_key="manifests")} if taken else {},
            out=dg.Out(io_manager_key="manifests"),
            required_resource_keys={"inbox", "database"},
        )(compute)


def _inboxes(context: dg.OpExecutionContext, crm: str) -> dict[str, Inbox]:
    found: dict[str, Inbox] = context.resources.inbox(crm)
    return found
