"""The IO manager between ops: manifests as JSON in the staging store, never records of a mirror.

A run that is executed again from a failed op finds the manifest of the run it came from.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
import msgspec

from crm_pipelines.store.staging import Staging


class ManifestStore(dg.IOManager):
    """``manifests/{run}/{step}.json`` below the staging store."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Keep what an op hands on; the last op hands on nothing."""
        if obj is not None:
            self._staging.write_text(_path(context), msgspec.json.encode(obj).decode())

    def load_input(self, context: dg.InputContext) -> Any:
        """What the op before handed on, in this run or the one it repeats."""
        if context.upstream_output is None:
            raise dg.DagsterInvariantViolationError("a manifest comes from an op of the same run")
        try:
            text = self._staging.read_text(_path(context.upstream_output))
        except FileNotFoundError:
            raise dg.Failure(
                "the manifest of the phase before is gone from the staging store: launch the "
                "sync anew instead of repeating a part of it",
                allow_retries=False,
            ) from None
        return msgspec.json.decode(text, type=context.dagster_type.typing_type)


def _path(output: dg.OutputContext) -> str:
    return f"manifests/{output.run_id}/{output.step_key}.json"
