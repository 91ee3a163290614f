"""REST queries: pages of JSON records, and the cursors between them."""

# ruff: noqa: S608  (identifiers come from declarations, values are bound)

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import Problem, json_answer
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.soql.parser import parse
from crm_pipelines.sandbox.salesforce.soql.plan import Child, Plan, compile_query
from crm_pipelines.sandbox.salesforce.soql.spans import stamp
from crm_pipelines.sandbox.salesforce.soql.tree import (
    Column,
    Comparison,
    Everything,
    Literal,
    Query,
)
from crm_pipelines.sandbox.salesforce.values import output_value

_LONGEST = 100_000
_GROUPS = 2_000
_MACROS_SINCE = 51.0
"""The API version in which ``FIELDS()`` begins."""


@dataclass(frozen=True)
class Cursor:
    """A query whose first page has been handed out: which records, and how to read them."""

    locator: str
    plan: Plan
    ids: list[str]


class RestQuery:
    """``/query`` and ``/queryAll``."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def query(self, call: Call) -> Response:
        """Records that are not deleted."""
        return self._first(call, deleted=False)

    def query_all(self, call: Call) -> Response:
        """Records in the recycle bin as well."""
        return self._first(call, deleted=True)

    def more(self, call: Call) -> Response:
        """The page behind a ``nextRecordsUrl``."""
        name, _, offset = call.part("locator").rpartition("-")
        if not offset.isdigit():
            raise bad_locator()
        return self._page(call, self._cursor(name), int(offset))

    def ids_where(self, sobject: SObject, name: str, value: str) -> list[str]:
        """Ids of living records with this text in a field."""
        where = Comparison(Column((name,)), "=", Literal("text", value))
        query = Query((Column(("Id",)),), sobject.name, where)
        plan = compile_query(query, self._company.catalog, self._company.now())
        return [row[0] for row in self._company.database.rows(plan.select(), plan.parameters)]

    def _first(self, call: Call, *, deleted: bool) -> Response:
        text = call.option("q")
        if not text:
            raise Problem(400, "MALFORMED_QUERY", "unexpected token: '<EOF>'")
        plan = self._plan(text, deleted=deleted)
        everything = any(isinstance(one, Everything) for one in plan.query.selected)
        if everything and float(call.version) < _MACROS_SINCE:
            raise Problem(400, "MALFORMED_QUERY", "unexpected token: 'FIELDS'")
        if plan.query.counts:
            return self._count(plan)
        if plan.query.aggregated:
            return self._groups(plan)
        rows = self._company.database.rows(plan.select(f'{plan.alias}."Id"'), plan.parameters)
        ids = [row[0] for row in rows]
        self._refuse_slow(len(ids))
        locator = "01g" + secrets.token_hex(6).upper() + "MAU"
        if len(ids) > self._size(call):
            self._keep(locator, text, ids, deleted=deleted)
        return self._page(call, Cursor(locator, plan, ids), 0)

    def _plan(self, text: str, *, deleted: bool) -> Plan:
        if len(text) > _LONGEST:
            raise Problem(414, "URI_TOO_LONG", "SOQL statements cannot be longer than 100000")
        query = parse(text)
        return compile_query(query, self._company.catalog, self._company.now(), deleted=deleted)

    def _count(self, plan: Plan) -> Response:
        inner = plan.select("1")
        total = self._company.database.rows(f"SELECT COUNT(*) FROM ({inner})", plan.parameters)
        self._refuse_slow(total[0][0])
        return json_answer({"totalSize": total[0][0], "done": True, "records": []})

    def _refuse_slow(self, rows: int) -> None:
        if 0 < self._company.limits["query_timeout_rows"] < rows:
            message = "Your query request was running for too long."
            raise Problem(400, "QUERY_TIMEOUT", message)

    def _groups(self, plan: Plan) -> Response:
        rows = self._company.database.rows(plan.select(), plan.parameters)
        if len(rows) > _GROUPS:
            raise Problem(
                400,
                "EXCEEDED_ID_LIMIT",
                "aggregate query does not support queryMore(), use LIMIT to restrict the "
                "results to a single batch",
            )
        records = []
        for row in rows:
            record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
            for output, value in zip(plan.outputs, row, strict=True):
                record[output.path[-1]] = output_value(output, [value])
            records.append(record)
        return json_answer({"totalSize": len(records), "done": True, "records": records})

    def _size(self, call: Call) -> int:
        most = self._company.limits["rest_page_rows"]
        for option in call.request.headers.get("sforce-query-options", "").split(","):
            name, _, value = option.strip().partition("=")
            if name.lower() == "batchsize" and value.strip().isdigit():
                return max(1, min(most, int(value)))
        return most

    def _page(self, call: Call, cursor: Cursor, offset: int) -> Response:
        size = self._size(call)
        wanted = cursor.ids[offset : offset + size]
        if not wanted and cursor.ids:
            raise bad_locator()
        after = offset + len(wanted)
        body: dict[str, Any] = {"totalSize": len(cursor.ids), "done": after >= len(cursor.ids)}
        if not body["done"]:
            body["nextRecordsUrl"] = f"{call.base}/query/{cursor.locator}-{after}"
        records = list(self.records(cursor.plan, wanted, call.base))
        if call.fault is not None and call.fault.kind == "short_page":
            del records[len(records) - max(1, len(records) // 10) :]
        return json_answer({**body, "records": records})

    def records(self, plan: Plan, ids: Sequence[str], base: str) -> Iterator[dict[str, Any]]:
        """The records with these Ids in this order, as the plan selects them."""
        parents = "".join(f", {sql}" for _, sql in plan.parents)
        columns = f", {plan.columns}" if plan.outputs else ""
        rows = self._company.database.rows(
            "WITH page AS (SELECT key AS position, value AS id FROM json_each(?)) "
            f'SELECT {plan.alias}."Id"{parents}{columns} FROM page '
            f'JOIN {plan.table} ON {plan.alias}."Id" = page.id {plan.joins} '
            "ORDER BY page.position",
            (msgspec.json.encode(ids).decode(),),
        )
        for row in rows:
            yield self._record(plan, row, base)

    def _record(self, plan: Plan, row: Sequence[Any], base: str) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": attributes(plan.sobject, row[0], base)}
        for (path, _), identity in zip(plan.parents, row[1:], strict=False):
            found = self._company.catalog.by_prefix(identity) if identity else None
            inner = {"attributes": attributes(found, identity, base)} if found else None
            place(record, path, inner)
        at = 1 + len(plan.parents)
        for output in plan.outputs:
            values = row[at : at + len(output.columns)]
            at += len(output.columns)
            place(record, output.path, output_value(output, values))
        for child in plan.children:
            record[child.name] = self._children(child, row[0], base)
        return record

    def _children(self, child: Child, parent_id: str, base: str) -> dict[str, Any] | None:
        company = self._company
        plan = compile_query(child.of(parent_id), company.catalog, company.now())
        rows = company.database.rows(plan.select(f'{plan.alias}."Id"'), plan.parameters)
        if not rows:
            return None
        records = list(self.records(plan, [row[0] for row in rows], base))
        return {"totalSize": len(records), "done": True, "records": records}

    def _keep(self, locator: str, text: str, ids: Sequence[str], *, deleted: bool) -> None:
        now = self._company.now()
        life = timedelta(seconds=self._company.limits["query_locator_seconds"])
        with self._company.database.transaction() as connection:
            connection.execute(
                "DELETE FROM salesforce_cursor WHERE made_at < ?", (stamp(now - life),)
            )
            connection.execute(
                "INSERT INTO salesforce_cursor VALUES (?, ?, ?, ?, ?)",
                (locator, stamp(now), text, int(deleted), "".join(ids).encode()),
            )

    def _cursor(self, locator: str) -> Cursor:
        life = timedelta(seconds=self._company.limits["query_locator_seconds"])
        rows = self._company.database.rows(
            "SELECT soql, deleted, ids FROM salesforce_cursor WHERE locator = ? AND made_at >= ?",
            (locator, stamp(self._company.now() - life)),
        )
        if not rows:
            raise bad_locator()
        text, deleted, packed = rows[0]
        ids = packed.decode()
        plan = self._plan(text, deleted=bool(deleted))
        return Cursor(locator, plan, [ids[at : at + 18] for at in range(0, len(ids), 18)])


def attributes(sobject: SObject, identity: str, base: str) -> dict[str, str]:
    """What every record says about itself."""
    return {"type": sobject.name, "url": f"{base}/sobjects/{sobject.name}/{identity}"}


def place(record: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value where its dotted name says; nowhere when the parent is not there."""
    for name in path[:-1]:
        inner = record.get(name)
        if not isinstance(inner, dict):
            return
        record = inner
    record[path[-1]] = value


def bad_locator() -> Problem:
    """A cursor that never was, or is no more."""
    return Problem(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
