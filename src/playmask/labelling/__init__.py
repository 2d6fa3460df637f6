"""What tags tokens and scores stretches of them: CRF, MEMM, pointers, and their losses."""
