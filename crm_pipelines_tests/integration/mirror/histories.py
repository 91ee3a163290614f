"""Random histories: what people do to a CRM and what becomes of syncs, in any order.

A history is a list of steps, plain data that tells the same story again. ``Telling`` tells it to a
sandbox and a database, checks what must hold on the way, and at its end everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.manifest import Manifest
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.integration.mirror.worlds import Change, Collection, World
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

WAYS = ("delta", "full", "window", "since", "force", "dry run", "some", "days")


class Killed(BaseException):
    """The process is gone, in the middle of something."""


@dataclass(frozen=True)
class Sync:
    """A run of one stream. ``during`` happens after the first page."""

    stream: str
    way: str = "delta"
    batch: int = 0
    during: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Hold:
    """A run in a process of its own that fetches, and is slow to go on."""

    run: Sync


@dataclass(frozen=True)
class Release:
    """One of the slow ones goes on."""

    which: int = 0


@dataclass(frozen=True)
class Crash:
    """A process that is gone after a page, the fetch or the validation.

    ``again``: the run is executed again, another run of the same kind comes, or nothing does.
    """

    run: Sync
    after: str = "fetch"
    again: str = "same"


@dataclass(frozen=True)
class Exhaust:
    """A run for which the budget of the day has ``calls`` left; then comes the next day.

    ``refused`` says that it is the CRM that finds so, not the ledger.
    """

    run: Sync
    calls: int = 1
    refused: bool = False
    again: str = "same"


Step = Change | Sync | Hold | Release | Crash | Exhaust


@dataclass
class Telling:
    """A history as it happens."""

    sandbox: Sandbox
    values: Mapping[str, str]
    collections: tuple[Collection, ...]
    held: list[tuple[Mirroring, Sync, Manifest]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.sandbox)
        self.mirror = Mirroring(self.values)
        self._keys = 0

    @property
    def streams(self) -> list[str]:
        return [name for collection in self.collections for name in collection.streams]

    def tell(self, steps: list[Step]) -> None:
        """Step by step, then peace, then the look at what is there."""
        try:
            for step in steps:
                self._take(step)
            while self.held:
                self._take(Release())
            self._look_at_the_end()
        finally:
            for process, _, _ in self.held:
                process.close()
            self.mirror.close()

    def _take(self, step: Step) -> None:
        if isinstance(step, Change):
            self.world.do(step)
        elif isinstance(step, Sync):
            self._sync(step)
        elif isinstance(step, Hold):
            process = Mirroring(self.values)
            self.held.append((process, step.run, self._fetch(process, step.run)))
        elif isinstance(step, Release):
            self._release(step)
        elif isinstance(step, Crash):
            self._crash(step)
        else:
            self._exhaust(step)

    def _fetch(self, process: Mirroring, run: Sync, key: str = "", **more: Any) -> Manifest:
        def on_page(number: int) -> None:
            if number == 1:
                for change in run.during:
                    self.world.do(change)

        options = {"on_page": on_page, "key": key or None, "batch_size": run.batch}
        return process.fetch(run.stream, **(options | _options(run.way) | more))

    def _sync(self, run: Sync) -> None:
        manifest = self._fetch(self.mirror, run)
        self._finish(self.mirror, run, manifest)
        quiet = not run.during and not manifest.notes["resumed"]
        if quiet and run.way in ("delta", "full"):
            self._look(run.stream, run.way)

    def _finish(self, process: Mirroring, run: Sync, manifest: Manifest) -> None:
        """However late: what was right stays right, unless it was forced.

        Only a record that has gone since the fetch may come in.
        """
        name = run.stream
        written = any(line["status"] == "success" for line in self.mirror.history(name))
        known = written and name in self.mirror.manifests
        before = differences(self.sandbox, self.mirror, name) if known else {}
        process.finish(name, manifest)
        if known and run.way != "force":
            after = differences(self.sandbox, self.mirror, name)
            worse = {one: what for one, what in after.items() if one not in before}
            assert kinds(worse) <= {"ghost"}, ("worse than before", run, worse)

    def _look(self, name: str, way: str) -> None:
        """What a run nobody disturbed has to leave behind."""
        wrong = differences(self.sandbox, self.mirror, name)
        allowed = {"ghost"} if way == "delta" else set()
        assert kinds(wrong) <= allowed, (name, way, wrong)

    def _release(self, step: Release) -> None:
        if self.held:
            process, run, manifest = self.held.pop(step.which % len(self.held))
            self._finish(process, run, manifest)
            process.close()

    def _crash(self, step: Crash) -> None:
        self._keys += 1
        key, process = f"crash-{self._keys}", Mirroring(self.values)

        def die(number: int) -> None:
            if step.after == "page":
                raise Killed

        try:
            manifest = self._fetch(process, step.run, key, **_dying(step, die))
            if step.after == "validate":
                process.prepare(step.run.stream, manifest)
        except Killed:
            pass
        finally:
            process.close()
        self._again(step.run, key, step.again)

    def _again(self, run: Sync, key: str, again: str) -> None:
        if again != "never":
            manifest = self._fetch(self.mirror, run, key if again == "same" else "")
            self._finish(self.mirror, run, manifest)

    def _exhaust(self, step: Exhaust) -> None:
        self._keys += 1
        key, process = f"spent-{self._keys}", Mirroring(self._almost_spent(step))
        try:
            process.finish(step.run.stream, self._fetch(process, step.run, key))
        except BudgetSpent:
            self.mirror.query("DELETE FROM sync.budgets")
            self.sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": 1_000_000})
            self._again(step.run, key, step.again)
        finally:
            process.close()
            self.sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": 1_000_000})

    def _almost_spent(self, step: Exhaust) -> dict[str, str]:
        spent = self.sandbox.admin("GET", "/pipedrive/usage")["tokens"]
        most = spent + step.calls * 20
        if step.refused:
            self.sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": max(1, most)})
            return dict(self.values)
        return {**self.values, "PIPEDRIVE_DAILY_TOKENS": str(max(1, most))}

    def _look_at_the_end(self) -> None:
        for name in self.streams:
            self.mirror(name)
        tells = [name for collection in self.collections for name in collection.tells]
        for name in self.streams:
            wrong = differences(self.sandbox, self.mirror, name)
            allowed = {"ghost"} if name not in tells or self.world.destroyed else set()
            assert kinds(wrong) <= allowed, ("after quiet deltas", name, wrong)
        for name in self.streams:
            self._read_whole(name)
        for name in self.streams:
            wrong = differences(self.sandbox, self.mirror, name)
            assert wrong == {}, ("after full syncs", name, wrong)
        self._look_at_tombstones()
        self._look_at_a_second_time()
        self._look_at_the_counts()

    def _read_whole(self, name: str) -> None:
        """What goes on with the chunks of a dead run is as of then, so it is not the last."""
        self.mirror(name, mode=Mode.FULL)
        while self.mirror.notes["resumed"]:
            self.mirror(name, mode=Mode.FULL)

    def _look_at_tombstones(self) -> None:
        """Whatever is not in the CRM any more, and nothing else, is one."""
        for collection in self.collections:
            there = {record[collection.key] for record in self.world.alive(collection)}
            rows = self.mirror.rows(collection.streams[0], deleted=True)
            assert {key for key, row in rows.items() if not row["_deleted_at"]} == there

    def _look_at_a_second_time(self) -> None:
        """No row is written when nothing has changed."""
        before = [self._versions(name) for name in self.streams]
        for mode in (Mode.INCREMENTAL, Mode.FULL):
            for name in self.streams:
                outcome = self.mirror(name, mode=mode)
                wrote = (outcome.created, outcome.updated, outcome.deleted, outcome.rejected)
                assert wrote == (0, 0, 0, 0), (name, mode, outcome)
        assert [self._versions(name) for name in self.streams] == before

    def _versions(self, name: str) -> list[Any]:
        flow = self.mirror.flow(name)
        table = f"{flow.account.crm}.{flow.stream.table_name}"
        statement: Any = f"SELECT id, xmin::text, _synced_at FROM {table} ORDER BY id"
        return self.mirror.query(statement)

    def _look_at_the_counts(self) -> None:
        """History says of every row once that it was created; what was read went somewhere."""
        for collection in self.collections:
            lines = [line for name in collection.streams for line in self.mirror.history(name)]
            rows = self.mirror.rows(collection.streams[0], deleted=True)
            assert sum(line["created"] for line in lines) == len(rows)
            for line in lines:
                went = line["created"] + line["updated"] + line["unchanged"] + line["rejected"]
                if line["status"] == "success":
                    assert went <= line["processed"] <= went + line["deleted"], line
                else:
                    assert line["created"] == line["updated"] == line["deleted"] == 0, line


def kinds(wrong: Mapping[Any, Any]) -> set[str]:
    """What is wrong with records: ``missing``, ``ghost`` or ``stale``."""
    return {what if isinstance(what, str) else "stale" for what in wrong.values()}


def _dying(step: Crash, die: Any) -> dict[str, Any]:
    return {"on_page": die} if step.after == "page" else {}


def _options(way: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ways: dict[str, dict[str, Any]] = {
        "delta": {},
        "full": {"mode": Mode.FULL},
        "window": {"mode": Mode.WINDOW, "window": (midnight, midnight + timedelta(days=1))},
        "since": {"since": now - timedelta(minutes=5)},
        "days": {"incremental_days": 1},
        "force": {"force_overwrite": True},
        "dry run": {"mode": Mode.FULL, "dry_run": True},
        "some": {"mode": Mode.FULL, "max_records": 3},
    }
    return ways[way]
