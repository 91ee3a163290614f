"""The whole sandbox as one ASGI application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from starlette.applications import Starlette
from starlette.types import ASGIApp

from crm_pipelines.sandbox import admin
from crm_pipelines.sandbox.gate import Gate
from crm_pipelines.sandbox.pipedrive import Pipedrive
from crm_pipelines.sandbox.system import System
from crm_pipelines.sandbox.world import World


def _systems() -> tuple[Callable[[World], System], ...]:
    salesforce = import_module("crm_pipelines.sandbox.salesforce")
    known = getattr(salesforce, "Salesforce", None)
    return (Pipedrive, known) if known else (Pipedrive,)


def create_app(world: World) -> ASGIApp:
    """The systems of a world; an empty world is filled first."""
    systems: Sequence[System] = [system(world) for system in _systems()]
    for system in systems:
        system.populate()
    app = Starlette(
        routes=[*(r for s in systems for r in s.routes()), *admin.routes(world, systems)]
    )
    return Gate(app, world, systems)
