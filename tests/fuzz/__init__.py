"""Every reader on files that are damaged, lie, or are huge; see run.py."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / room) for room in ("families", "tokenizers")]  # whose helpers are used
