"""What one logs in with: the connected app, the user, and the keys that may sign assertions."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm_pipelines.sandbox.salesforce.company import Company

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105  (public: it opens nothing but a simulation)
USERNAME = "sandbox@example.com"
PASSWORD = "sandbox-password"  # noqa: S105
SECURITY_TOKEN = "sandboxtoken"  # noqa: S105


class Keys:
    """Public keys registered with the connected app."""

    def __init__(self, company: Company) -> None:
        self._company = company

    @property
    def private_key_file(self) -> Path:
        """The key pair made for this world, PEM."""
        return self._company.world.home / "salesforce_jwt_key.pem"

    def make(self) -> None:
        """A key pair, registered, unless there is one already."""
        if self.private_key_file.exists() and self.public(CLIENT_ID):
            return
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.private_key_file.touch(mode=0o600)
        self.private_key_file.write_bytes(pem)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.register(CLIENT_ID, public.decode())

    def register(self, client_id: str, pem: str) -> None:
        """Trust one more public key; raises ``ValueError`` when it is none."""
        serialization.load_pem_public_key(pem.encode())
        with self._company.database.transaction() as connection:
            connection.execute("INSERT INTO salesforce_key VALUES (?, ?)", (client_id, pem))

    def public(self, client_id: str) -> list[str]:
        """Every key this client may sign with."""
        rows = self._company.database.rows(
            "SELECT pem FROM salesforce_key WHERE client_id = ?", (client_id,)
        )
        return [str(row[0]) for row in rows]
