"""Single records over REST."""

from __future__ import annotations

from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import Problem, empty, json_answer, not_found
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call
from crm_pipelines.sandbox.salesforce.query import RestQuery
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.soql.plan import compile_query
from crm_pipelines.sandbox.salesforce.soql.tree import Column, Query
from crm_pipelines.sandbox.salesforce.writes import Ambiguous, Writes, key_field

_RETURNS_BODY_SINCE = 46.0


class RecordResources:
    """``/sobjects/X``."""

    def __init__(self, company: Company, writes: Writes, queries: RestQuery) -> None:
        self._company, self._writes, self._queries = company, writes, queries

    def create(self, call: Call) -> Response:
        """A new record."""
        identity = self._writes.create(self._sobject(call), call.fields(), call.user_id)
        return json_answer({"id": identity, "success": True, "errors": []}, 201)

    def show(self, call: Call) -> Response:
        """One record by Id, all fields or those asked for."""
        return self._shown(call, self._sobject(call), call.part("identity"))

    def change(self, call: Call) -> Response:
        """Set some fields."""
        sobject = self._sobject(call)
        self._writes.update(sobject, call.part("identity"), call.fields(), call.user_id)
        return empty()

    def delete(self, call: Call) -> Response:
        """To the recycle bin."""
        self._writes.delete(self._sobject(call), call.part("identity"))
        return empty()

    def show_by_key(self, call: Call) -> Response:
        """One record by external id."""
        return self._shown(call, self._sobject(call), self._by_key(call))

    def upsert(self, call: Call) -> Response:
        """Update the record with this external id, or create it."""
        sobject, key, value = self._sobject(call), call.part("key"), call.part("value")
        wish = call.fields()
        if any(name.lower() == key.lower() for name in wish):
            message = f"The {key} field should not be specified in the sobject data."
            raise Problem(400, "INVALID_FIELD", message, [key])
        try:
            identity, made = self._writes.upsert(sobject, key, value, wish, call.user_id)
        except Ambiguous as several:
            root = f"{call.base}/sobjects/{sobject.name}"
            return json_answer([f"{root}/{found}" for found in several.found], 300)
        if not made and float(call.version) < _RETURNS_BODY_SINCE:
            return empty()
        body = {"id": identity, "success": True, "errors": [], "created": made}
        return json_answer(body, 201 if made else 200)

    def delete_by_key(self, call: Call) -> Response:
        """Delete the record with this external id."""
        self._writes.delete(self._sobject(call), self._by_key(call))
        return empty()

    def _by_key(self, call: Call) -> str:
        sobject = self._sobject(call)
        field = key_field(sobject, call.part("key"))
        found = self._queries.ids_where(sobject, field.name, call.part("value"))
        if not found:
            raise not_found()
        return found[0]

    def _sobject(self, call: Call) -> SObject:
        return find_sobject(self._company, call.part("sobject"))

    def _shown(self, call: Call, sobject: SObject, identity: str) -> Response:
        row = self._writes.living(sobject, identity)
        asked = call.option("fields")
        names = asked.split(",") if asked else [field.name for field in sobject.fields]
        selected = tuple(Column(tuple(name.strip().split("."))) for name in names)
        query = Query(selected, sobject.name)
        plan = compile_query(query, self._company.catalog, self._company.now())
        return json_answer(next(self._queries.records(plan, [str(row["Id"])], call.base)))


def find_sobject(company: Company, name: str) -> SObject:
    """An object named in a path."""
    found = company.catalog.look_up(name)
    if found is None:
        raise not_found()
    return found
