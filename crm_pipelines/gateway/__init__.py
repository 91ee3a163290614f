"""HTTP: health, metrics, and later REST, webhooks and import pages. No rule of the product lives here."""
