"""HTTP: health and metrics, and whatever else answers requests. No rule of the product is here."""
