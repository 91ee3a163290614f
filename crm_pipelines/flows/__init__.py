"""Ways of records: each flow puts the phases in a row for one kind of source and sink."""
