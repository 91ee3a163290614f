"""A process that uses the embedded PostgreSQL until it is killed or its input ends."""

import sys
from pathlib import Path

from crm_pipelines.local import start_postgres

if __name__ == "__main__":
    with start_postgres(Path(sys.argv[1]), grace_seconds=0.1) as postgres:
        sys.stdout.write(f"{postgres.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
