"""Makes ready and turns into the PostgreSQL server: `python -m crm_pipelines.local.server FOLDER`.

Run by the keeper, with the program's lock inherited. Root gives up its rights on the way.
"""

import os
import random
import socket
import sys
from pathlib import Path

from crm_pipelines.local.cluster import (
    ClusterError,
    ensure_cluster,
    ensure_password,
    environment,
    find_binaries,
)
from crm_pipelines.local.layout import DATA, HOST, PORT
from crm_pipelines.local.settings import write_settings
from crm_pipelines.local.unprivileged import UnreachableError, become, pick_account

# Below the ports that systems hand out for outgoing connections.
PORTS = range(20_000, 32_000)


def enter_data(folder: Path, binaries: Path) -> Path:
    """Make the data folder and go there, as its owner; root gives it away and steps down."""
    data = folder / DATA
    data.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        try:
            _step_down(data, binaries)
        except (OSError, LookupError) as error:
            raise ClusterError(
                f"PostgreSQL does not run as root, and root cannot hand over here: {error}. Run "
                "as an ordinary user, or set CRM_DATABASE_URL to a server of your own."
            ) from None
    os.chdir(data)
    return data


def _step_down(data: Path, binaries: Path) -> None:
    account = pick_account(data)
    if data.stat().st_uid == 0:
        os.chown(data, account.user, account.group)
    # Root without its usual rights could not read what the server writes: better say so now.
    os.scandir(data).close()
    share = binaries.parent / "share"
    needed = [data, binaries / "postgres", binaries / "initdb", share, share / "postgres.bki"]
    try:
        become(account, needed)
    except UnreachableError as error:
        raise ClusterError(
            f"PostgreSQL does not run as root, and user {account.user} cannot reach {error}. Set "
            "CRM_HOME to a folder whose parents others may pass through (chmod o+x), run as an "
            "ordinary user, or set CRM_DATABASE_URL to a server of your own."
        ) from None


def pick_port(data: Path) -> int:
    """The port of the last start, or another if it is taken by now."""
    path = data / PORT
    try:
        former = [int(path.read_text())]
    except (FileNotFoundError, ValueError):
        former = []
    for port in [*former, *random.sample(PORTS, 100)]:
        if _is_free(port):
            path.write_text(str(port))
            return port
    raise ClusterError(f"No free port from {PORTS.start} to {PORTS.stop} on {HOST}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does: connections of the last run that linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True


def main() -> None:
    """Become the server of the cluster in the folder given."""
    os.umask(0o077)
    binaries = find_binaries()
    data = enter_data(Path(sys.argv[1]), binaries)
    cluster = ensure_cluster(data, binaries)
    ensure_password(data, binaries)
    # Whoever holds the program's lock, as we do, knows that no server is left of this cluster,
    # even if another process has the number of the last one by now.
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    write_settings(cluster, pick_port(data))
    server = str(binaries / "postgres")
    os.execve(server, [server, "-D", str(cluster)], environment())  # noqa: S606


if __name__ == "__main__":
    try:
        main()
    except (ClusterError, OSError) as error:
        sys.exit(f"FATAL: {error}")
