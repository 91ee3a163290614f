"""The Dagster shell: how flows look and run in Dagster. No rule of the product lives here."""
