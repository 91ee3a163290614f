"""The inbox: deliveries of a CRM, read as events, checked, and applied to the mirror and to us."""
