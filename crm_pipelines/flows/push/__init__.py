"""From the local side to a CRM: commands are prepared, checked, delivered and written back."""
