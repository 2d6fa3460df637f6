"""Examples: what they are, the files that hold them, and how those are read."""
