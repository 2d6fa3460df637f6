"""What tags tokens and scores spans of them: CRF, MEMM, pointers, and their losses."""
