"""What a run of the inbox tells: tags at the run, figures at the inbox and at each mirror."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg

from crm_pipelines.defs.names import Names
from crm_pipelines.flows.inbox.batches import Applied
from crm_pipelines.model.event import State
from crm_pipelines.model.manifest import Outcome

WRITTEN = ("created", "updated", "unchanged", "deleted", "rejected")
FIGURES = {
    "put_off": "put_off",
    "local": "local_rows_changed",
    "transitions": "stage_changes",
    "actions": "stage_actions_done",
    "api_calls": "api_calls",
    "tokens": "tokens",
}
"""What is told of a batch beside its states, and how it is called there."""
EVERY_SECONDS = 20.0
"""A run that goes on tells no more often: each time is an event at every asset concerned."""


class Report:
    """Gathers what became of deliveries while a run goes on, and tells it now and then."""

    def __init__(self, context: dg.OpExecutionContext, crm: str, names: Names) -> None:
        self._context, self._crm, self._names = context, crm, names
        self._fresh: dict[str, Applied] = {}
        self._states = Counter[State]()
        self._said: set[tuple[str, str]] = set()
        self._told_at = time.monotonic()

    def add(self, workspace: str, applied: Applied) -> None:
        """A batch more."""
        self._fresh[workspace] = self._fresh.get(workspace, Applied()).plus(applied)
        self._states.update(applied.states)
        self._say(workspace, applied.words)
        self._say(workspace, "another process applies deliveries right now" * applied.busy)

    def tell_if_due(self) -> None:
        """Tell, if the last time is long enough ago."""
        if time.monotonic() - self._told_at >= EVERY_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Tags, and an event at the asset of the inbox and of every mirror that was touched."""
        fresh, self._fresh, self._told_at = self._fresh, {}, time.monotonic()
        told = {workspace: one for workspace, one in fresh.items() if one.settled or one.put_off}
        for workspace, applied in told.items():
            self._context.log_event(
                dg.AssetMaterialization(
                    self._names.inbox(workspace, self._crm), metadata=_figures(applied)
                )
            )
            for stream, outcome in applied.streams.items():
                rows = {f"{name}_by_webhook": getattr(outcome, name) for name in WRITTEN}
                if any(rows.values()):
                    key = self._names.mirror(workspace, self._crm, stream)
                    self._context.log_event(dg.AssetObservation(key, metadata=rows))
        if told:
            tags = {f"inbox/{state}": str(number) for state, number in self._states.items()}
            self._context.instance.add_run_tags(self._context.run_id, tags)

    def _say(self, workspace: str, words: str) -> None:
        """The same words are told once in a run."""
        if words and (workspace, words) not in self._said:
            self._said.add((workspace, words))
            self._context.log.warning(f"{workspace}: {words}")


def _figures(applied: Applied) -> dict[str, Any]:
    settled = {state.value: applied.states.get(state, 0) for state in State}
    del settled[State.WAITING]
    return {
        **settled,
        **{called: getattr(applied, name) for name, called in FIGURES.items()},
        "rows_by_stream": dg.MetadataValue.md(_table(applied.streams)),
    }


def _table(streams: Mapping[str, Outcome]) -> str:
    lines = ["| stream | " + " | ".join(WRITTEN) + " |", "| --- |" + " --- |" * len(WRITTEN)]
    for stream, outcome in sorted(streams.items()):
        lines.append(
            f"| {stream} | " + " | ".join(str(getattr(outcome, n)) for n in WRITTEN) + " |"
        )
    return "\n".join(lines)
