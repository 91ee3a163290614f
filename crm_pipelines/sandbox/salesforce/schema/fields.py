"""What a field of a Salesforce object is, and short spellings for declaring one of each type."""

from __future__ import annotations

from dataclasses import dataclass, replace

NUMBERS = frozenset({"double", "currency", "percent", "int"})
COMPOUNDS = frozenset({"address", "location"})
UNBULKED = COMPOUNDS | {"base64"}
"""Types that Bulk API queries refuse."""


@dataclass(frozen=True)
class Field:
    """One field. ``formula`` is an SQL expression in which ``{row}`` names the record's row."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    external_id: bool = False
    unique: bool = False
    restricted: bool = False
    values: tuple[str, ...] = ()
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    cascade: bool = False
    compound: str | None = None
    formula: str | None = None
    formula_text: str | None = None
    default: str | None = None

    @property
    def custom(self) -> bool:
        """Whether customers made it."""
        return self.name.endswith(("__c", "__s"))

    @property
    def stored(self) -> bool:
        """Whether the table has a column for it."""
        return self.type not in COMPOUNDS and self.formula is None

    @property
    def title(self) -> str:
        """The label people see; made from the name when none is declared."""
        if self.label:
            return self.label
        words = self.name.removesuffix("__c").replace("__", "_").replace("_", " ")
        return "".join(
            " " + c if i and c.isupper() and words[i - 1].islower() else c
            for i, c in enumerate(words)
        )


def text(name: str, length: int = 255, **more: object) -> Field:
    """Single-line text."""
    return replace(Field(name, "string", length=length), **more)  # type: ignore[arg-type]


def area(name: str, length: int = 255, **more: object) -> Field:
    """Text of several lines; long when longer than 255."""
    return replace(Field(name, "textarea", length=length), **more)  # type: ignore[arg-type]


def email(name: str) -> Field:
    """An e-mail address."""
    return Field(name, "email", length=80)


def phone(name: str) -> Field:
    """A telephone number, as typed."""
    return Field(name, "phone", length=40)


def url(name: str, **more: object) -> Field:
    """A web address."""
    return replace(Field(name, "url", length=255), **more)  # type: ignore[arg-type]


def pick(name: str, *values: str, **more: object) -> Field:
    """One choice of a list."""
    made = Field(name, "picklist", length=255, values=values)
    return replace(made, **more)  # type: ignore[arg-type]


def picks(name: str, *values: str) -> Field:
    """Several choices of a list, joined by semicolons."""
    return Field(name, "multipicklist", length=4099, values=values)


def number(name: str, precision: int = 18, scale: int = 0, **more: object) -> Field:
    """A decimal number."""
    made = Field(name, "double", precision=precision, scale=scale)
    return replace(made, **more)  # type: ignore[arg-type]


def money(name: str, **more: object) -> Field:
    """An amount in the company's currency."""
    made = Field(name, "currency", precision=18, scale=2)
    return replace(made, **more)  # type: ignore[arg-type]


def percent(name: str, **more: object) -> Field:
    """A percentage."""
    return replace(Field(name, "percent", precision=5, scale=2), **more)  # type: ignore[arg-type]


def whole(name: str, **more: object) -> Field:
    """A whole number."""
    return replace(Field(name, "int", precision=9), **more)  # type: ignore[arg-type]


def flag(name: str, default: str = "false", **more: object) -> Field:
    """True or false, never null."""
    made = Field(name, "boolean", nillable=False, default=default)
    return replace(made, **more)  # type: ignore[arg-type]


def day(name: str, **more: object) -> Field:
    """A date."""
    return replace(Field(name, "date"), **more)  # type: ignore[arg-type]


def moment(name: str, **more: object) -> Field:
    """A date and time."""
    return replace(Field(name, "datetime"), **more)  # type: ignore[arg-type]


def clock_time(name: str) -> Field:
    """A time of day."""
    return Field(name, "time")


def reference(name: str, *targets: str, **more: object) -> Field:
    """The Id of another record; the relationship is named after the field."""
    named = name.removesuffix("Id") if not name.endswith("__c") else name[:-1] + "r"
    made = Field(name, "reference", length=18, refers_to=targets, relationship=named)
    return replace(made, **more)  # type: ignore[arg-type]


def address(name: str) -> Field:
    """A compound of the parts declared with ``compound=name``."""
    return Field(name, "address", createable=False, updateable=False)


def address_parts(prefix: str, compound: str) -> tuple[Field, ...]:
    """Street, city, state, postal code and country of a compound address."""
    return (
        area(prefix + "Street", 255, compound=compound),
        text(prefix + "City", 40, compound=compound),
        text(prefix + "State", 80, compound=compound),
        text(prefix + "PostalCode", 20, compound=compound),
        text(prefix + "Country", 80, compound=compound),
    )


def location(name: str) -> tuple[Field, ...]:
    """A custom geolocation: the compound and its two numbers."""
    stem = name.removesuffix("__c")
    return (
        Field(name, "location", createable=False, updateable=False),
        number(stem + "__Latitude__s", 18, 15, compound=name),
        number(stem + "__Longitude__s", 18, 15, compound=name),
    )


def formula(name: str, kind: str, sql: str, shown: str, **more: object) -> Field:
    """A calculated field: ``sql`` computes it at each reading, ``shown`` is what describe says."""
    made = Field(name, kind, createable=False, updateable=False, formula=sql, formula_text=shown)
    if kind == "string":
        made = replace(made, length=1300)
    elif kind in NUMBERS:
        made = replace(made, precision=18)
    return replace(made, **more)  # type: ignore[arg-type]


def read_only(field: Field) -> Field:
    """The same field, closed to writers."""
    return replace(field, createable=False, updateable=False)
