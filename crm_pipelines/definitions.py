"""What Dagster loads: every asset, job, schedule, check and resource of this environment."""

from __future__ import annotations

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.wiring import Wiring

defs = build_definitions(Wiring())
