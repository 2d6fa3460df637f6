"""Tasks that compare sentences: vectors of them, and scores of pairs."""
