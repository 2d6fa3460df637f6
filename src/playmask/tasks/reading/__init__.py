"""Tasks that answer questions about passages."""
