"""Where the embedded PostgreSQL keeps what, and how it is reached.

All of it lies in `CRM_HOME/postgres/data`, which belongs to the user the server runs as:

- `18/` the cluster of PostgreSQL 18; complete, for it is made as `18.new` and then renamed
- `password` of the role `crm`, readable by the owner alone
- `port` of the last start, kept while it is free
"""

DATA = "data"
PASSWORD = "password"  # noqa: S105 - a file's name
PORT = "port"
VERSION = "18"
HOST = "127.0.0.1"
ROLE = "crm"
DATABASE = "crm_pipelines"
