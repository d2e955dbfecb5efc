"""What a resumed run reads a second time: nothing that its savepoint has."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from alternator_migrate.core.state import CopyState
from tests.standin.dialect import CURRENT
from tests.standin.state import Table


class Reread:
    """Follows the Scans of a table from run to run, each by the number of the table's items that
    lie before its page: a run may go on at any item, so that its pages are cut elsewhere."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._read: dict[int, int] = {}

    def again(self, scans: Iterable[Mapping[str, Any]], state: CopyState) -> int:
        """How many pages of a run that went on from `state` were read before; one Scan without a
        segment only tries whether the table may be read. Raises `AssertionError` where `state` has
        a page that is read."""
        kept = {
            segment: self._before(json.loads(position))
            for segment, position in state.positions.items()
        }
        count, read = 0, dict(self._read)
        for scan in scans:
            if "Segment" not in scan:
                continue
            segment, start = scan["Segment"], scan.get("ExclusiveStartKey")
            place = self._before(start)
            if segment in state.done or place < kept.get(segment, 0):
                raise AssertionError(f"segment {segment} is read from {start} on: {state}")
            count += place <= self._read.get(segment, -1)
            read[segment] = max(read.get(segment, 0), place)
        self._read = read
        return count

    def _before(self, start: Any) -> int:
        """The number of items up to a start key."""
        if start is None:
            return 0
        place, _ = self._table.locate(start, CURRENT)
        return bisect_right(self._table.order, place)
