"""Records in their tables: what happens to one, and what else that makes happen.

Values here are canonical text. Who may write what is decided elsewhere.
"""

# ruff: noqa: S608  (identifiers come from declarations, values are bound)

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.derivation import derive, field_changes, history_of
from crm_pipelines.sandbox.salesforce.identity import make_id, whole_id
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.soql.plan import RECYCLE_DAYS
from crm_pipelines.sandbox.salesforce.soql.spans import stamp

Values = Mapping[str, str | None]
Row = dict[str, str | None]


class Records:
    """Reads and changes records."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def read(self, sobject: SObject, identity: str) -> Row | None:
        """Stored fields of a record, and ``_deleted_at``; None when there is none by this Id."""
        found = whole_id(identity)
        names = [field.name for field in sobject.stored] + ["_deleted_at"]
        columns = ", ".join(f'"{name}"' for name in names)
        rows = self._company.database.rows(
            f'SELECT {columns} FROM "{sobject.table}" WHERE Id = ?', (found,)
        )
        return dict(zip(names, rows[0], strict=True)) if rows else None

    def alive(self, sobject: SObject, identity: str) -> Row | None:
        """Like ``read``, for records that are not deleted."""
        row = self.read(sobject, identity)
        return None if row is None or row["_deleted_at"] else row

    def matching(self, sobject: SObject, name: str, value: str | None) -> list[str]:
        """Ids of living records with this value in a field."""
        kind = sobject.by_name[name.lower()].type
        collation = "" if kind in {"id", "reference"} else " COLLATE NOCASE"
        rows = self._company.database.rows(
            f'SELECT Id FROM "{sobject.table}" WHERE "{name}" = ?{collation} '
            "AND _deleted_at IS NULL LIMIT 10",
            (value,),
        )
        return [row[0] for row in rows]

    def insert(self, sobject: SObject, values: Values, author: str) -> str:
        """A new record; stamps not given are of this moment. Returns its Id."""
        now = self._company.stamp()
        row: Row = {f.name: f.default for f in sobject.stored if f.default is not None}
        row["Id"] = make_id(sobject.prefix, self._next(sobject))
        row.update(dict.fromkeys(("OwnerId", "CreatedById", "LastModifiedById"), author))
        row.update(dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), now))
        row.update(values)
        row.update({n: v for n, v in derive(sobject, row).items() if n not in values})
        row = {f.name: row[f.name] for f in sobject.stored if f.name in row}
        columns = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        with self._company.database.transaction() as connection:
            connection.execute(
                f'INSERT INTO "{sobject.table}" ({columns}) VALUES ({marks})', tuple(row.values())
            )
            self._note_history(sobject, {}, row, author)
        return str(row["Id"])

    def change(self, sobject: SObject, identity: str, values: Values, author: str) -> None:
        """Set fields; stamps move unless given."""
        before = self.read(sobject, identity)
        if before is None:
            raise KeyError(identity)
        now = self._company.stamp()
        fresh: Row = {"SystemModstamp": now, "LastModifiedDate": now, "LastModifiedById": author}
        fresh = {n: v for n, v in fresh.items() if n.lower() in sobject.by_name}
        fresh.update(values)
        after = {**before, **fresh}
        derived = derive(sobject, after, before)
        fresh.update({n: v for n, v in derived.items() if n not in values})
        with self._company.database.transaction():
            self._set(sobject, str(before["Id"]), fresh)
            self._note_history(sobject, before, {**after, **fresh}, author)

    def delete(self, sobject: SObject, identity: str) -> None:
        """To the recycle bin, and with it the records that cannot live without this one."""
        now = self._company.stamp()
        with self._company.database.transaction() as connection:
            self._set(
                sobject, identity, {"IsDeleted": "true", "SystemModstamp": now, "_deleted_at": now}
            )
            connection.execute(
                "INSERT INTO salesforce_deletion VALUES (?, ?, ?)", (sobject.name, identity, now)
            )
            for child, field, _, cascade in self._company.catalog.children(sobject):
                if cascade:
                    for dependant in self._referring(child, field, identity):
                        self.delete(child, dependant)

    def undelete(self, sobject: SObject, identity: str) -> None:
        """Out of the recycle bin, if it is still in there."""
        row = self.read(sobject, identity)
        if row is None or not row["_deleted_at"] or row["_deleted_at"] < self._bin_edge():
            raise KeyError(f"{sobject.name} {identity} in the recycle bin")
        fresh: Row = {"IsDeleted": "false", "_deleted_at": None}
        fresh["SystemModstamp"] = self._company.stamp()
        if sobject.mergeable:
            fresh["MasterRecordId"] = None
        with self._company.database.transaction() as connection:
            self._set(sobject, str(row["Id"]), fresh)
            connection.execute("DELETE FROM salesforce_deletion WHERE id = ?", (row["Id"],))

    def destroy(self, sobject: SObject, identity: str) -> None:
        """Gone for good; only the log of deletions still knows."""
        row = self.read(sobject, identity)
        if row is None:
            raise KeyError(identity)
        with self._company.database.transaction() as connection:
            if not row["_deleted_at"]:
                self.delete(sobject, str(row["Id"]))
            self._next(sobject)  # counts what is there now: no Id is ever given twice
            connection.execute(f'DELETE FROM "{sobject.table}" WHERE Id = ?', (row["Id"],))

    def merge(self, sobject: SObject, loser: str, winner: str, author: str) -> None:
        """The loser's children go to the winner, the loser to the recycle bin."""
        now = self._company.stamp()
        with self._company.database.transaction() as connection:
            for child in self._company.catalog:
                for field in child.stored:
                    if sobject.name in field.refers_to and field.name != "MasterRecordId":
                        connection.execute(
                            f'UPDATE "{child.table}" SET "{field.name}" = ?, SystemModstamp = ? '
                            f'WHERE "{field.name}" = ?',
                            (winner, now, loser),
                        )
            self._set(sobject, loser, {"MasterRecordId": winner})
            self.delete(sobject, loser)
            self.change(sobject, winner, {}, author)

    def _referring(self, child: SObject, field: str, identity: str) -> list[str]:
        rows = self._company.database.rows(
            f'SELECT Id FROM "{child.table}" WHERE "{field}" = ? AND _deleted_at IS NULL',
            (identity,),
        )
        return [row[0] for row in rows]

    def _set(self, sobject: SObject, identity: str, values: Values) -> None:
        assignments = ", ".join(f'"{name}" = ?' for name in values)
        with self._company.database.transaction() as connection:
            connection.execute(
                f'UPDATE "{sobject.table}" SET {assignments} WHERE Id = ?',
                (*values.values(), identity),
            )

    def _next(self, sobject: SObject) -> int:
        key = f"next {sobject.name}"
        rows = self._company.database.rows(f'SELECT COUNT(*) FROM "{sobject.table}"')
        return self._company.next_number(key, start=int(rows[0][0]) + 1)

    def _note_history(self, sobject: SObject, before: Row, after: Row, author: str) -> None:
        if sobject.name == "Opportunity":
            note = history_of(before, after)
            if note:
                history = self._company.catalog.get("OpportunityHistory")
                self.insert(history, note, author)
            fields = self._company.catalog.get("OpportunityFieldHistory")
            for row in field_changes(before, after):
                self.insert(fields, row, author)

    def _bin_edge(self) -> str:
        return stamp(self._company.now() - timedelta(days=RECYCLE_DAYS))
