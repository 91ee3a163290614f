"""Batches of up to 200 records in one request, each with a result of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import Problem, json_answer
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call
from crm_pipelines.sandbox.salesforce.record_resources import find_sobject
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.writes import Ambiguous, Writes, key_field

Result = dict[str, Any]
Doing = Callable[[Mapping[str, Any]], tuple[str, bool]]


class Collections:
    """``/composite/sobjects``: up to 200 records, each with a result of its own."""

    def __init__(self, company: Company, writes: Writes) -> None:
        self._company, self._writes = company, writes

    def create(self, call: Call) -> Response:
        """New records of any objects."""

        def one(record: Mapping[str, Any]) -> tuple[str, bool]:
            return self._writes.create(self._typed(record), _bare(record), call.user_id), True

        return self._each(call, one)

    def update(self, call: Call) -> Response:
        """Records that say their Id."""

        def one(record: Mapping[str, Any]) -> tuple[str, bool]:
            identity = next((v for k, v in record.items() if k.lower() == "id"), None)
            if not isinstance(identity, str):
                raise Problem(400, "MISSING_ARGUMENT", "Id not specified in an update call", [])
            wish = _bare(record)
            return self._writes.update(self._typed(record), identity, wish, call.user_id), False

        return self._each(call, one)

    def upsert(self, call: Call) -> Response:
        """Records of one object by an external id."""
        sobject = find_sobject(self._company, call.part("sobject"))
        field = key_field(sobject, call.part("key"))

        def one(record: Mapping[str, Any]) -> tuple[str, bool]:
            if self._typed(record) != sobject:
                raise Problem(400, "INVALID_TYPE", "All records must be of one type", [])
            value = next((v for k, v in record.items() if k.lower() == field.name.lower()), None)
            if field.type != "id" and any(k.lower() == "id" for k in record):
                message = "The Id field should not be specified in the sobject data."
                raise Problem(400, "INVALID_FIELD", message, ["Id"])
            wish = _bare(record)
            return self._writes.upsert(sobject, field.name, value, wish, call.user_id)

        return self._each(call, one, created=True)

    def delete(self, call: Call) -> Response:
        """Records by ``?ids=``."""
        ids = [each for each in (call.option("ids") or "").split(",") if each]
        all_or_none = (call.option("allOrNone") or "false").lower() == "true"

        def one(record: Mapping[str, Any]) -> tuple[str, bool]:
            sobject = self._company.catalog.by_prefix(str(record["id"]))
            if sobject is None:
                raise Problem(400, "MALFORMED_ID", f"malformed id {record['id']}", [])
            return self._writes.delete(sobject, str(record["id"])), False

        return self._all([{"id": each} for each in ids], one, all_or_none)

    def _each(self, call: Call, one: Doing, *, created: bool = False) -> Response:
        body = call.fields()
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
            raise Problem(400, "INVALID_INPUT", "records must be an array of objects")
        return self._all(records, one, bool(body.get("allOrNone")), created=created)

    def _all(
        self,
        records: Sequence[Mapping[str, Any]],
        one: Doing,
        all_or_none: bool,
        *,
        created: bool = False,
    ) -> Response:
        if not 1 <= len(records) <= 200:
            message = "record limit reached. cannot submit more than 200 records into this call"
            raise Problem(400, "EXCEEDED_ID_LIMIT" if records else "MISSING_ARGUMENT", message)
        results: list[Result] = []
        try:
            with self._company.database.transaction():
                results = [_result(one, record, created) for record in records]
                if all_or_none and not all(each["success"] for each in results):
                    raise RolledBack
        except RolledBack:
            results = [_rolled_back(each) if each["success"] else each for each in results]
        return json_answer(results)

    def _typed(self, record: Mapping[str, Any]) -> SObject:
        attributes = record.get("attributes")
        name = attributes.get("type") if isinstance(attributes, dict) else None
        found = self._company.catalog.look_up(name) if isinstance(name, str) else None
        if found is None:
            raise Problem(400, "INVALID_TYPE", f"Invalid type: {name}", [])
        return found


class RolledBack(Exception):
    """One record failed, and the caller wanted all or none."""


def _bare(record: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in record.items() if k.lower() not in {"attributes", "id"}}


def _result(one: Doing, record: Mapping[str, Any], created: bool) -> Result:
    try:
        identity, made = one(record)
    except Ambiguous as several:
        return _failed(several.problem())
    except Problem as problem:
        return _failed(problem)
    result: Result = {"id": identity, "success": True, "errors": []}
    return {**result, "created": made} if created else result


def _failed(problem: Problem) -> Result:
    error = {
        "statusCode": problem.code,
        "message": problem.message,
        "fields": list(problem.fields or ()),
    }
    return {"success": False, "errors": [error]}


def _rolled_back(result: Result) -> Result:
    message = (
        "Record rolled back because not all records were valid and the request was using "
        "AllOrNone header"
    )
    return _failed(Problem(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", message))
