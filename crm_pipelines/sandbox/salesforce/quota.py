"""The rolling 24-hour allowance of API requests."""

from __future__ import annotations

from datetime import timedelta

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.company import Company


class Quota:
    """Counts requests by the hour; what is older than a day no longer counts."""

    def __init__(self, company: Company) -> None:
        self._company = company

    @property
    def most(self) -> int:
        """How many requests a day may have."""
        return self._company.limits["daily_calls"]

    def used(self) -> int:
        """Requests of the last 24 hours."""
        oldest = (self._company.now() - timedelta(hours=23)).strftime("%Y-%m-%dT%H")
        rows = self._company.database.rows(
            "SELECT COALESCE(SUM(spent), 0) FROM salesforce_calls WHERE hour >= ?", (oldest,)
        )
        return int(rows[0][0])

    def spend(self) -> None:
        """Count one request; raises ``REQUEST_LIMIT_EXCEEDED`` when there are none left."""
        if self.used() >= self.most:
            raise exceeded()
        hour = self._company.now().strftime("%Y-%m-%dT%H")
        with self._company.database.transaction() as connection:
            connection.execute(
                "INSERT INTO salesforce_calls VALUES (?, 1) "
                "ON CONFLICT (hour) DO UPDATE SET spent = spent + 1",
                (hour,),
            )

    def header(self) -> dict[str, str]:
        """What every answer says about the allowance."""
        return {"Sforce-Limit-Info": f"api-usage={min(self.used(), self.most)}/{self.most}"}


def exceeded() -> Problem:
    """The allowance is used up."""
    return Problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
