"""The whole sandbox as one ASGI application."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette

from crm_pipelines.sandbox import admin
from crm_pipelines.sandbox.gate import Gate
from crm_pipelines.sandbox.pipedrive import Pipedrive
from crm_pipelines.sandbox.salesforce import Salesforce
from crm_pipelines.sandbox.system import System
from crm_pipelines.sandbox.world import World

SYSTEMS: tuple[Callable[[World], System], ...] = (Pipedrive, Salesforce)


def create_app(world: World) -> Gate:
    """The systems of a world; an empty world is filled first."""
    systems: Sequence[System] = [system(world) for system in SYSTEMS]
    for system in systems:
        system.populate()
    app = Starlette(
        routes=[*(r for s in systems for r in s.routes()), *admin.routes(world, systems)]
    )
    return Gate(app, world, systems)
