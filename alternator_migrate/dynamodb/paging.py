"""Finds lists of pages that never end, because the server returns a place a second time."""


class LoopGuard:
    """Notices a place in a list that comes again, with two places in memory.

    One is the last; the other moves up to it after 1, 2, 4, 8, ... pages (Brent, 1980). A loop
    of any length is noticed before three times the pages are read that led into and round it;
    one of a single place at once.
    """

    def __init__(self, start: object = None) -> None:
        self._last = self._landmark = start
        self._pages, self._next_landmark = 0, 1

    def closes(self, place: object) -> bool:
        """Whether `place`, where the next page begins, was there before."""
        if place in (self._last, self._landmark):
            return True
        self._last = place
        self._pages += 1
        if self._pages == self._next_landmark:
            self._landmark, self._pages = place, 0
            self._next_landmark *= 2
        return False
