"""The account of the segments of both sides of a comparison."""

from collections.abc import Callable, Mapping, Sequence

from alternator_migrate.core.errors import AccountingBroken
from alternator_migrate.core.model import Role, Segment
from alternator_migrate.core.segments import SegmentBoard, SegmentFigures, WorkerSegments
from alternator_migrate.core.state import CopyState
from alternator_migrate.snapshot import Ledger


class SideAccounts:
    """A ledger for each side, which goes on from the state of the side, and the picture of its
    `segments`; `clock` is in seconds."""

    def __init__(
        self,
        segments: Sequence[Segment],
        states: Mapping[Role, CopyState],
        clock: Callable[[], float],
    ) -> None:
        self.total, self._own = segments[0].total, [segment.index for segment in segments]
        self._clock = clock
        self.ledgers: dict[Role, Ledger] = {}
        self._boards: dict[Role, SegmentBoard] = {}
        for role, state in states.items():
            self._open(role, state)

    def begin_anew(self) -> None:
        """Go through both sides once more, from the start."""
        for role in tuple(self.ledgers):
            self._open(role, CopyState())

    @property
    def states(self) -> dict[Role, CopyState]:
        """How far each side is settled."""
        return {role: ledger.state for role, ledger in self.ledgers.items()}

    @property
    def sampled(self) -> Mapping[Role, int]:
        """The items of each side that were read and not left out."""
        return {
            role: ledger.settled.read - ledger.settled.left_out
            for role, ledger in self.ledgers.items()
        }

    @property
    def read(self) -> int:
        """The items of both sides that were read."""
        return sum(each.settled.read for each in self.ledgers.values())

    @property
    def bytes_read(self) -> int:
        """The bytes of both sides that were read."""
        return sum(each.bytes_read for each in self.ledgers.values())

    @property
    def backlog(self) -> int:
        """Batches of both sides that were read and are not dealt with."""
        return sum(each.backlog for each in self.ledgers.values())

    @property
    def segments_total(self) -> int:
        """The segments of both sides."""
        return sum(each.segments_total for each in self.ledgers.values())

    @property
    def segments_done(self) -> int:
        """The segments of both sides that are done."""
        return sum(each.segments_done for each in self.ledgers.values())

    def figures(self, elsewhere: WorkerSegments) -> SegmentFigures:
        """The segments of both sides, which are numbered through for workers."""
        pictures = (
            board.figures(elsewhere.within(range(turn * self.total, (turn + 1) * self.total)))
            for turn, board in enumerate(self._boards.values())
        )
        return sum(pictures, SegmentFigures())

    def check(self) -> None:
        """Raise `AccountingBroken` unless every segment is done."""
        for role, ledger in self.ledgers.items():
            if ledger.segments_done != ledger.segments_total:
                raise AccountingBroken(
                    f"only {ledger.segments_done} of {ledger.segments_total} segments of the "
                    f"{role} were compared"
                )

    def _open(self, role: Role, state: CopyState) -> None:
        """Keep the account of one side's segments from now on, and their picture."""
        self._boards[role] = SegmentBoard(self.total, self._own, state.done, self._clock)
        self.ledgers[role] = Ledger(len(self._own), state, self._boards[role])
