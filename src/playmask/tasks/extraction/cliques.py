"""Sets of things that are all linked with each other."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice


def cliques(links: Mapping[int, Collection[int]], most: int) -> Iterator[list[int]]:
    """The sets, at most so many, of which all members are linked, and to which none can be added.

    links: of each member those that it is linked with
    Source: Bron and Kerbosch 1973, with Tomita's pivots
    """
    return islice(_grown([], {*links}, set(), links), most)


def _grown(
    chosen: list[int], open_: set[int], done: set[int], links: Mapping[int, Collection[int]]
) -> Iterator[list[int]]:
    """The sets that begin with those chosen: `open_` may be added, `done` were added before."""
    if not open_ and not done:
        yield sorted(chosen)
        return
    pivot = max(open_ | done, key=lambda i: (len(open_ & {*links[i]}), -i))
    for i in sorted(open_ - {*links[pivot]}):
        beside = {*links[i]}
        yield from _grown([*chosen, i], open_ & beside, done & beside, links)
        open_ = open_ - {i}
        done = done | {i}
