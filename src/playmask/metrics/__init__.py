"""Scores of extractions by the rules of their fields and competitions, as pure functions."""
