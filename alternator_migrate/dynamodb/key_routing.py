"""Routes each key to one node, so that the writes of one key follow one clock.

Alternator's last write wins by the clock of the node that coordinates it. Changes of one key are
written one after another, so through one node they arrive in order. Where a key has to move to
another node, nothing is written for a while that is longer than two clocks may differ.
"""

import asyncio
import hashlib
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from alternator_migrate.core.model import Route
from alternator_migrate.dynamodb.nodes import Nodes

CLOCK_SECONDS: Final = 2.0
"""Longer than the clocks of two nodes of a working cluster may differ."""
# Some slots for each of dozens of nodes, few enough to weigh anew when a node comes or goes.
_SLOTS: Final = 256


class KeyRouter:
    """Chooses, among the nodes in use, the one that writes a partition; their clocks may differ by
    `pause` seconds.

    Whenever the nodes in use change, all writes under way are let finish, and the next ones wait
    out the pause: so does the first one, after what other writers did. With one node there is
    nothing to wait for.
    """

    def __init__(
        self,
        nodes: Nodes,
        pause: float = CLOCK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes, self._pause, self._clock = nodes, pause, clock
        self._known: frozenset[str] = frozenset()
        self._table: tuple[Route, ...] = ()
        self._epoch = 0
        self._moving = False
        self._inside = 0
        self._left_at = clock()
        self._empty = asyncio.Event()

    @property
    def one(self) -> bool:
        """Whether one node writes all partitions now."""
        self._look()
        return len(self._known) == 1

    def of(self, partition: bytes) -> Route:
        """The route of a partition (any bytes that stand for it) among the nodes in use now."""
        self._look()
        return self._table[zlib.crc32(partition) % _SLOTS]

    @asynccontextmanager
    async def writing(self, route: Route) -> AsyncIterator[str]:
        """Hold while one request is sent: the node to send it to, once that is in order."""
        while delay := self._delay():
            if self._inside:
                self._empty.clear()
                await self._empty.wait()
            else:
                await asyncio.sleep(delay)
        self._inside += 1
        try:
            yield route.node if route.node in self._known else min(self._known)
        finally:
            self._inside -= 1
            self._left_at = self._clock()
            if not self._inside:
                self._empty.set()

    async def settle(self, route: Route) -> None:
        """Return when what was written by `route` is older than any later write by all clocks."""
        if route.epoch != self._epoch:
            await asyncio.sleep(self._pause)

    def _look(self) -> None:
        """Give every slot its node anew where the nodes in use have changed."""
        rotation = frozenset(self._nodes.rotation)
        if rotation == self._known:
            return
        several = len({*self._nodes.contacts, *self._nodes.listed, *self._known}) > 1
        if not self._known:
            self._left_at = self._clock()
        self._moving = self._moving or several
        self._known = rotation
        self._epoch += 1
        self._table = tuple(
            Route(max(rotation, key=lambda node: _weight(slot, node)), self._epoch)
            for slot in range(_SLOTS)
        )

    def _delay(self) -> float:
        """Seconds to wait before the next write; counted anew when those inside have left."""
        self._look()
        if self._moving and not self._inside:
            left = self._left_at + self._pause - self._clock()
            self._moving = left > 0
            return max(left, 0.0)
        return self._pause if self._moving else 0.0


def _weight(slot: int, node: str) -> bytes:
    """Highest wins (rendezvous hashing): a node that leaves moves only its own slots."""
    return hashlib.blake2b(f"{slot} {node}".encode(), digest_size=8).digest()
