"""The requests of a run to its two sides: how fast they may go, why they wait, what is seen of
them."""

from collections.abc import Callable, Iterable, Mapping

from alternator_migrate.core.bottleneck import Sampler
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Role
from alternator_migrate.core.pace import Pace, Waits, reasons, sides_of
from alternator_migrate.core.progress import Reason
from alternator_migrate.core.requests import SideFigures, SideRequests
from alternator_migrate.core.retry import Retry


class Traffic:
    """The requests to both sides, each within its pace and repeated by `retry`; `figures()` says
    what is seen of the sides from here. Writing has to wait for `slots`, too, if there are any."""

    def __init__(
        self,
        retry: Retry,
        paces: Mapping[Role, Pace],
        figures: Callable[[], Mapping[Role, SideFigures]],
        slots: Limiter | None = None,
    ) -> None:
        self.retry, self._paces, self._figures = retry, paces, figures
        limited: tuple[tuple[Role, Waits], ...] = (("target", slots),) if slots else ()
        self._waits = (*paces.items(), *limited)

    def reasons(self, elsewhere: Iterable[Reason] = ()) -> tuple[Reason, ...]:
        """Why requests wait, here and `elsewhere`."""
        return reasons(self._waits, self.retry, elsewhere)

    def sides(self, elsewhere: SideRequests) -> tuple[tuple[Role, SideFigures], ...]:
        """The figures of both sides, with the requests that workers sent."""
        return sides_of(self._figures(), elsewhere, self._paces.items())

    def sampler(self) -> Sampler:
        """What sees, moment by moment, which side is waited for."""
        reading, writing = self._paces["source"], self._paces["target"]
        return Sampler(lambda: (reading.wait_kind, writing.wait_kind))

    def caps(self) -> tuple[float | None, float | None]:
        """The caps of reading and of writing that are allowed now, in units a second."""
        return self._paces["source"].allowed, self._paces["target"].allowed
