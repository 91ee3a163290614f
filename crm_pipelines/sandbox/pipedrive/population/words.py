"""Words that records are made of, ordinary ones and those that break careless software."""

from __future__ import annotations


def several(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


FIRST_NAMES = several(
    "Anna Bruno Chloé Dmitri Elif Fatima Georg Hana Ivan Joana Kwame Lucía Mårten "
    "Ngozi Olga Pedro Quinn Rosa Søren Tomás Uma Viktor Wei Ximena Yusuf Zoë"
)

LAST_NAMES = several(
    "Abramov Bianchi Castillo Dubois Eriksson Fernández Güneş Haas Ionescu Jansen "
    "Kowalska Lindqvist Moreau Nakamura Okafor Petrov Quintero Rossi Schneider Tanaka "
    "Ünal Vasquez Weber Xu Yildiz Zhang"
)

AWKWARD_NAMES = (
    "NA",
    "None",
    "null",
    "nan",
    "O'Brien",
    "N/A",
    "True",
    "0123",
    "-",
    "van der Bergh-Smith",
    "Łukasz 🎉",
    'Robert"); DROP TABLE persons;--',
    "李小龍",
    "Ng",
    "1e5",
    "\tTabbed",
)
"""Surnames that look like something else."""

COMPANY_WORDS = several(
    "Northwind Bluefin Kestrel Larkspur Meridian Oakline Pinnacle Quarry Redwood "
    "Silverleaf Thornbury Umbra Vertex Willow Xenon Yarrow Zephyr Amber Basalt Cobalt"
)

COMPANY_FORMS = ("GmbH", "Ltd", "S.A.", "Inc.", "AB", "Oy", "& Sons", "Clinic", "Hospital", "LLC")

STREETS = ("Main Street", "Rue de l'Église", "Königstraße", "Calle Mayor", "Viru väljak")

CITIES = (
    ("Tallinn", "Estonia", "10111"),
    ("Lyon", "France", "69001"),
    ("Köln", "Germany", "50667"),
    ("Boston", "United States", "02108"),
    ("São Paulo", "Brazil", "01000-000"),
)

ZONES = ((1, "Europe/Tallinn"), (2, "Europe/Paris"), (3, "America/New_York"), (4, "UTC"))

AWKWARD_TEXTS = (
    "00420",
    "0123456789012345678901234567890123456789",
    "9999999999999999999999999999999999999999",
    "line one\nline two\r\nline three",
    'she said "yes", then\tleft',
    "back\\slash and 'single'",
    "=SUM(A1:A9)",
    "NULL",
    "",
    " leading and trailing ",
    "1,234.50",
    "☃ snow \U0001d518nicode",
    "<b>bold</b> & more",
    "2024-02-30",
)
"""Texts for text fields."""

SUBJECTS = ("Call back", "Send offer", "Demo", "Lunch", "Follow up", "Contract review")

DEAL_WORDS = ("renewal", "licences", "pilot", "rollout", "support", "upgrade")

CURRENCIES = (
    ("EUR", "Euro", 2, "€"),
    ("USD", "US Dollar", 2, "$"),
    ("GBP", "Pound Sterling", 2, "£"),
    ("JPY", "Yen", 0, "¥"),
    ("KWD", "Kuwaiti Dinar", 3, "KD"),
    ("BRL", "Brazilian Real", 2, "R$"),
)
