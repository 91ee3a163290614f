"""What a company's plan has, and what it has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm_pipelines.sandbox.pipedrive.company import Company

DETAILS = frozenset({"website", "linkedin", "industry", "annual_revenue", "employee_count"})
"""Fields of organizations that not every plan has."""


def missing(company: Company, collection: str) -> frozenset[str]:
    """System fields that the collection does not have here."""
    if collection == "organizations" and not company.limits["organization_details"]:
        return DETAILS
    return frozenset()
