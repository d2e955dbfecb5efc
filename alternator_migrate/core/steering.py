"""Steering: what a person asks of a run while it lasts, for whatever does the work."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Final

from alternator_migrate.core.gate import Gate
from alternator_migrate.core.model import Concurrency


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits of a whole run: units a second that are read and written, segments read and batches
    written at once. None: no limit of this kind."""

    read: float | None = None
    write: float | None = None
    readers: int | None = None
    writers: int | None = None

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return any(getattr(self, each.name) is not None for each in fields(self))

    @property
    def at_once(self) -> int | None:
        """The most slices that each have a segment to read and a batch to write."""
        return lower(self.readers, self.writers)

    @property
    def half(self) -> "Caps":
        """A half of each limit, at least one reader and writer."""
        read, write = (None if each is None else each / 2 for each in (self.read, self.write))
        counts = [None if n is None else max(n // 2, 1) for n in (self.readers, self.writers)]
        return Caps(read, write, *counts)


NO_CAPS: Final = Caps()


def lower(one: int | None, other: int | None) -> int | None:
    """The lower of two limits, of which None is none."""
    known = [each for each in (one, other) if each is not None]
    return min(known, default=None)


def within(concurrency: Concurrency, caps: Caps, share: float = 1.0) -> Concurrency:
    """A concurrency that keeps to a share of what is asked for, at least one of each."""
    readers = _at_most(concurrency.readers, caps.readers, share)
    return replace(
        concurrency, readers=readers, writers=_at_most(concurrency.writers, caps.writers, share)
    )


def _at_most(number: int, limit: int | None, share: float) -> int:
    return number if limit is None else min(number, max(int(limit * share), 1))


@dataclass(slots=True)
class Steering:
    """What holds a run back, and the limits that were asked for below those of its configuration,
    which are `allowed` once they are known. `told` notes what is said once of all its work."""

    gate: Gate = field(default_factory=Gate)
    asked: Caps = field(default_factory=Caps)
    without: Collection[str] = ()
    """The fields of `Caps` that say nothing of the work under way."""
    told: set[str] = field(default_factory=set)
    _allowed: Callable[[], Caps] | None = None
    _apply: Callable[[Caps], None] = lambda _: None
    _hearing: list[asyncio.Event] = field(default_factory=list)

    @property
    def allowed(self) -> Caps | None:
        """The limits of the configuration and the tables by now; None before work has begun."""
        return self._allowed() if self._allowed else None

    def begin(
        self,
        allowed: Callable[[], Caps],
        apply: Callable[[Caps], None],
        without: Collection[str] = (),
    ) -> None:
        """A piece of work begins, whose limits are `allowed()`: `apply` is called with what is
        asked for besides, now and after each change, in place of that of the work before. It has
        no limits of the kinds `without`."""
        self._allowed, self._apply, self.without = allowed, apply, without
        apply(self.asked)

    def ask(self, caps: Caps) -> None:
        """Let `caps` be what is asked for from now on."""
        self.asked = caps
        self._apply(caps)
        for event in self._hearing:
            event.set()

    @contextmanager
    def news(self) -> Iterator[asyncio.Event]:
        """An event that is set, while the block lasts, whenever the gate has moved or other limits
        are asked for."""
        event = asyncio.Event()
        self._hearing.append(event)
        try:
            with self.gate.telling(event.set):
                yield event
        finally:
            self._hearing.remove(event)
