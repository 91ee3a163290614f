"""Background programs that all processes of one home folder share: PostgreSQL, the sandbox.

Whoever needs one asks for it and gets it, running and ready; when nobody needs it any more it
ends by itself. Knows nothing of the rest of the product.
"""

from crm_pipelines.local.errors import LocalProgramError
from crm_pipelines.local.postgres import LocalPostgres, start_postgres
from crm_pipelines.local.program import Program, look_in, ports_answer, write_record
from crm_pipelines.local.running import Running, ensure_running

__all__ = [
    "LocalPostgres",
    "LocalProgramError",
    "Program",
    "Running",
    "ensure_running",
    "look_in",
    "ports_answer",
    "start_postgres",
    "write_record",
]
