"""Tasks that find something in texts of any length: mentions, relations, events."""
