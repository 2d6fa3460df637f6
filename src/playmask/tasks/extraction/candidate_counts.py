"""How many candidates of a window are looked at: on the device, or behind an engine."""

CANDIDATES = 256  # spans of a window; more than so many mentions in one are not found
SPANS, LINKS = 128, 256  # of GPLinker, for the spans and for each end of links
POINTED = {"spans": SPANS, "heads": LINKS, "tails": LINKS}
SUBJECTS, OBJECTS = 16, 64  # of CasRel
LIKELY = 0.4  # from which probability a token is the first or the last one, as in its baseline
