"""The words of engines: what a worker is sent, what it tells meanwhile, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alternator_migrate.errors import MigrateError, UsageError
from alternator_migrate.model import Counts, Position, Segment, Standing


@dataclass(frozen=True, slots=True)
class Slice:
    """Some segments for a bounded time: what a worker is sent.

    `places` maps the index of each segment, of `total`, to where to go on in it. Reading ends
    after `seconds`. `share` is the part of the run's limits (rates, connections) that this slice
    may use, and `errand` what else its work has to know.
    """

    total: int
    places: Mapping[int, Position | None]
    seconds: float
    share: float = 1.0
    errand: object = None

    @property
    def segments(self) -> list[Segment]:
        """The slice's segments."""
        return [Segment(index, self.total) for index in self.places]

    @property
    def positions(self) -> Mapping[int, Position]:
        """Where to go on in the segments that were begun."""
        return {index: place for index, place in self.places.items() if place is not None}


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What slices under way have done so far. It is shown, and counts for nothing."""

    segments_done: int = 0
    items: Counts = field(default_factory=Counts)
    bytes_read: int = 0
    batches: int = 0
    backlog: int = 0
    retries: int = 0
    throttled: int = 0
    paced: str = ""

    def plus(self, other: "Glimpse") -> "Glimpse":
        """Both together."""
        reasons = dict.fromkeys((*self.paced.split(", "), *other.paced.split(", ")))
        return Glimpse(
            self.segments_done + other.segments_done,
            self.items.plus(other.items),
            self.bytes_read + other.bytes_read,
            self.batches + other.batches,
            self.backlog + other.backlog,
            self.retries + other.retries,
            self.throttled + other.throttled,
            ", ".join(filter(None, reasons)),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a slice.

    `standing` says how far its segments are settled, and counts only what this slice added;
    `kept` is what its work found on the way (rejected items, ...); `error` what ended it early.
    """

    standing: Standing
    kept: object = None
    retries: int = 0
    throttled: int = 0
    paced: str = ""
    error: MigrateError | None = None


def nothing_done(piece: Slice, error: MigrateError) -> Report:
    """The report of a slice that could not begin, in a run that has begun."""
    if isinstance(error, UsageError):
        error = MigrateError(f"a worker cannot begin: {error.args[0]}", error.hint)
    return Report(Standing(positions=piece.positions), error=error)
