"""What the Bulk API refuses in a query that REST takes."""

from __future__ import annotations

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.schema.fields import COMPOUNDS, UNBULKED
from crm_pipelines.sandbox.salesforce.soql.plan import Plan
from crm_pipelines.sandbox.salesforce.soql.tree import Everything, Query


def refuse_syntax(query: Query) -> None:
    """Raises for clauses that only REST has; needs no compiled query."""
    if any(isinstance(each, Everything) for each in query.selected):
        raise _invalid("The SOQL FIELDS function is not supported by the Bulk API")
    if query.counts or query.aggregated or query.having:
        raise _invalid("Aggregate Relationships not supported in Bulk Query")
    if query.offset is not None:
        raise _invalid("OFFSET is not supported by the Bulk API")


def refuse_fields(plan: Plan) -> None:
    """Raises for selected fields and relationships that bulk results cannot hold."""
    if plan.children:
        raise _invalid("Nested Relationships not supported in Bulk Query")
    for output in plan.outputs:
        if output.field.type in COMPOUNDS:
            raise _invalid("Selecting compound data not supported in Bulk Query")
        if output.field.type in UNBULKED:
            raise _invalid("Binary fields not supported")


def _invalid(message: str) -> Problem:
    return Problem(400, "API_ERROR", message)
