"""How the embedded PostgreSQL is configured: durable, sized for a laptop, loopback only."""

from pathlib import Path

from crm_pipelines.local.layout import HOST, ROLE

FILE = "crm_pipelines.conf"
INCLUDE = f"\n# Written anew at every start; lines below this one win.\ninclude '{FILE}'\n"
ACCESS = f"host all {ROLE} {HOST}/32 scram-sha-256\n"

SETTINGS = {
    "listen_addresses": HOST,
    # A socket's path may have 100 bytes or so, and a home may lie deeper.
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    # They slow guesses down, which nobody makes at 24 random bytes, and every connection with them.
    "scram_iterations": "1",
    "max_connections": "200",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

INITDB = (
    "--username=postgres",
    # Replaced by ACCESS; the superuser has no password and never logs in.
    "--auth=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
    "--no-instructions",
)


def write_settings(cluster: Path, port: int) -> None:
    """Write the settings and who may connect into a cluster's folder."""
    lines = [f"{name} = '{value}'\n" for name, value in {**SETTINGS, "port": port}.items()]
    (cluster / FILE).write_text("".join(lines))
    (cluster / "pg_hba.conf").write_text(ACCESS)
