"""The Transformer: masks, parts, attention, blocks; it needs nothing of playmask but its errors."""
