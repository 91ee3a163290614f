"""Who is logged in: access tokens that die after lying idle, by the sandbox's clock."""

from __future__ import annotations

import secrets
from datetime import timedelta

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.company import ORGANISATION_ID, Company
from crm_pipelines.sandbox.salesforce.soql.spans import read_moment, stamp


class Sessions:
    """Access and refresh tokens, kept in the database like everything else."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def start(self, user_id: str) -> str:
        """A new access token."""
        token = f"{ORGANISATION_ID[:15]}!AQ{secrets.token_urlsafe(66)}"
        with self._company.database.transaction() as connection:
            connection.execute(
                "INSERT INTO salesforce_session VALUES (?, ?, ?)",
                (token, user_id, self._company.stamp()),
            )
        return token

    def holder(self, authorization: str | None) -> str:
        """The user behind an ``Authorization`` header; raises ``INVALID_SESSION_ID``."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() in {"bearer", "oauth"} and token:
            found = self.user_of(token.strip())
            if found is not None:
                return found
        raise expired()

    def user_of(self, token: str) -> str | None:
        """The user of a live token; using it keeps it alive."""
        database = self._company.database
        rows = database.rows(
            "SELECT user_id, used_at FROM salesforce_session WHERE token = ?", (token,)
        )
        if not rows:
            return None
        user_id, used_at = rows[0]
        now = self._company.now()
        idle = now - read_moment(used_at)
        if idle > timedelta(seconds=self._company.limits["session_seconds"]):
            self.end(token)
            return None
        if abs(idle) > timedelta(seconds=30):
            with database.transaction() as connection:
                connection.execute(
                    "UPDATE salesforce_session SET used_at = ? WHERE token = ?", (stamp(now), token)
                )
        return str(user_id)

    def end(self, token: str) -> bool:
        """Log out; a refresh token takes all its user's sessions with it."""
        with self._company.database.transaction() as connection:
            ended = connection.execute("DELETE FROM salesforce_session WHERE token = ?", (token,))
            if ended.rowcount:
                return True
            connection.execute(
                "DELETE FROM salesforce_session WHERE user_id IN "
                "(SELECT user_id FROM salesforce_refresh WHERE token = ?)",
                (token,),
            )
            gone = connection.execute("DELETE FROM salesforce_refresh WHERE token = ?", (token,))
            return gone.rowcount > 0

    def end_all(self) -> None:
        """Log everybody out."""
        with self._company.database.transaction() as connection:
            connection.execute("DELETE FROM salesforce_session")

    def refresh_token(self, user_id: str) -> str:
        """A new refresh token."""
        token = "5Aep861" + secrets.token_urlsafe(48)
        with self._company.database.transaction() as connection:
            connection.execute("INSERT INTO salesforce_refresh VALUES (?, ?)", (token, user_id))
        return token

    def refreshed_user(self, token: str) -> str | None:
        """The user of a refresh token."""
        rows = self._company.database.rows(
            "SELECT user_id FROM salesforce_refresh WHERE token = ?", (token,)
        )
        return str(rows[0][0]) if rows else None

    def user_id(self, username: str) -> str | None:
        """The active user with this login name."""
        rows = self._company.database.rows(
            'SELECT Id FROM "salesforce_User" WHERE Username = ? COLLATE NOCASE '
            "AND IsActive = 'true'",
            (username,),
        )
        return str(rows[0][0]) if rows else None


def expired() -> Problem:
    """What a request without a live session is told."""
    return Problem(401, "INVALID_SESSION_ID", "Session expired or invalid")
