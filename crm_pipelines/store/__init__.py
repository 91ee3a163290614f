"""The only room that speaks SQL; statements live in ``sql/`` and are loaded by name."""
