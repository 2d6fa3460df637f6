"""Tasks that read a text, or a pair of texts, in one row."""
