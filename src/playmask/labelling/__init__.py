"""What tags tokens and scores spans of them: CRF, MEMM, pointers, and their losses."""

from playmask.rooms import opened

__getattr__ = opened(__name__)
