"""The four ops of a push: outbox → words of the CRM → checked → delivered.

Belongs here: what the ops hand on, and what a run tells of what it did. Not: how a command gets
to a CRM.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from crm_pipelines.defs.names import Names
from crm_pipelines.flows.push.flow import Push
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.model.command import Command, Delivery, Status
from crm_pipelines.model.purpose import Purpose
from crm_pipelines.store.news import News

MOST = 500
"""Commands of one turn; a run takes turns until nothing waits."""
LINGER_SECONDS = 2.5
"""So long a run waits for more when nothing is left: sensors do not look in between their turns."""
SHOWN = 100


@dataclass(frozen=True)
class Claimed:
    """Commands by workspace."""

    commands: Mapping[str, Sequence[Command]]


@dataclass(frozen=True)
class Ready:
    """What is to be sent by workspace, and what became of commands that are not."""

    prepared: Mapping[str, Sequence[Prepared]]
    refused: Sequence[Delivery] = ()


class PushOps:
    """The ops of one purpose; every configured workspace takes part."""

    def __init__(self, purpose: Purpose, crm: str, names: Names) -> None:
        self._purpose, self._crm, self._names = purpose, crm, names
        self._needs = {"push", "database"}

    def fetch(self) -> dg.OpDefinition:
        """Which commands have their turn."""

        def compute(context: dg.OpExecutionContext) -> Claimed:
            found = {
                workspace: push.fetch(most=MOST, purpose=self._purpose)
                for workspace, push in _pushes(context, self._crm).items()
            }
            context.add_output_metadata({w: len(commands) for w, commands in found.items()})
            return Claimed(found)

        return self._op("fetch", "Commands whose turn it is, from the outbox.", compute)

    def transform(self) -> dg.OpDefinition:
        """Words of the local side to words of the CRM."""

        def compute(context: dg.OpExecutionContext, claimed: Claimed) -> Ready:
            pushes = _pushes(context, self._crm)
            return Ready(
                {
                    workspace: pushes[workspace].transform(commands)
                    for workspace, commands in claimed.commands.items()
                }
            )

        return self._op("transform", "What the rows say now, in the words of the CRM.", compute)

    def validate(self) -> dg.OpDefinition:
        """Before anything is sent."""

        def compute(context: dg.OpExecutionContext, ready: Ready) -> Ready:
            pushes, refused, sound = _pushes(context, self._crm), [], {}
            for workspace, prepared in ready.prepared.items():
                sound[workspace], wrong = pushes[workspace].validate(prepared)
                refused.extend(wrong)
            context.add_output_metadata(
                {"sound": sum(map(len, sound.values())), "refused": len(refused)}
            )
            return Ready(sound, refused)

        return self._op("validate", "Fields are checked before anything is sent.", compute)

    def deliver(self) -> dg.OpDefinition:
        """To the CRM; then whatever has come in since."""

        def compute(context: dg.OpExecutionContext, ready: Ready) -> None:
            pushes = _pushes(context, self._crm)
            done: dict[str, list[Delivery]] = {w: [] for w in pushes}
            for workspace, prepared in ready.prepared.items():
                done[workspace] += pushes[workspace].deliver(prepared, run=context.run_id)
            for workspace, more in self._what_came_since(context, pushes):
                done[workspace] += more
            self._tell(context, done, ready.refused)

        return dg.op(
            name=f"{self._purpose.job}__deliver",
            description="Sends each command once; a record's commands in order, records side by "
            "side. Then takes what has come in meanwhile, until nothing waits.",
            ins={"ready": dg.In(input_manager_key="manifests")},
            out=dg.Out(dg.Nothing, io_manager_key="manifests"),
            required_resource_keys=self._needs,
        )(compute)

    def _what_came_since(
        self, context: dg.OpExecutionContext, pushes: Mapping[str, Push]
    ) -> Iterator[tuple[str, list[Delivery]]]:
        with News(context.resources.database, "outbox") as news:
            while True:
                idle = True
                for workspace, push in pushes.items():
                    more = push.work(most=MOST, purpose=self._purpose, run=context.run_id)
                    idle = idle and not more
                    yield workspace, more
                if idle and not news.wait(LINGER_SECONDS):
                    return

    def _tell(
        self,
        context: dg.OpExecutionContext,
        done: Mapping[str, Sequence[Delivery]],
        refused: Sequence[Delivery],
    ) -> None:
        every = [*refused, *(one for some in done.values() for one in some)]
        counts = Counter(str(one.status) for one in every)
        context.instance.add_run_tags(
            context.run_id, {f"push/{status}": str(number) for status, number in counts.items()}
        )
        for workspace, some in done.items():
            for entity in sorted({one.entity for one in some}):
                those = [one for one in some if one.entity is entity]
                context.log_event(
                    dg.AssetMaterialization(
                        self._names.push(workspace, self._crm, entity),
                        metadata=_figures(those),
                    )
                )
        for one in every:
            if one.status in (Status.DEAD, Status.FAILED):
                context.log.warning(f"{one.entity} {one.local_id or one.remote_id}: {one.error}")

    def _op(self, phase: str, description: str, compute: Any) -> dg.OpDefinition:
        taken = {"transform": "claimed", "validate": "ready"}.get(phase)
        return dg.op(
            name=f"{self._purpose.job}__{phase}",
            description=description,
            ins={taken: dg.In(input_manager_key="manifests")} if taken else {},
            out=dg.Out(io_manager_key="manifests"),
            required_resource_keys=self._needs,
        )(compute)


def _pushes(context: dg.OpExecutionContext, crm: str) -> dict[str, Push]:
    found: dict[str, Push] = context.resources.push(crm)
    return found


def _figures(some: Sequence[Delivery]) -> dict[str, Any]:
    counts = Counter(str(one.status) for one in some)
    lines = ["| ours | theirs | |", "| --- | --- | --- |"]
    lines += [
        f"| {one.local_id or ''} | {one.remote_id or ''} | {_words(one)} |" for one in some[:SHOWN]
    ]
    if len(some) > SHOWN:
        lines.append(f"| … | … | {len(some) - SHOWN} more |")
    return {
        **{status: counts.get(status, 0) for status in ("delivered", "pending", "failed", "dead")},
        "linked_not_made": sum(one.linked for one in some),
        "which_went_where": dg.MetadataValue.md("\n".join(lines)),
    }


def _words(one: Delivery) -> str:
    if one.status is Status.DELIVERED:
        return "linked to what was there" if one.linked else "delivered"
    return f"{one.status}: {one.error}".replace("|", "¦").replace("\n", " ")
