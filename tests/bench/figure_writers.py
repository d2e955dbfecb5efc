"""How near adaptive concurrency comes to the best fixed number of writers.

The targets are simulated on a loop of virtual time (slots, service times, one queue), so that the
figure tells the rule and not this machine.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from alternator_migrate.core.limiter import Limiter
from tests.bench.rows import Extent, Figure, Row
from tests.support import virtual_time

TITLE = "Adaptive concurrency beside the best fixed number of writers, batches a virtual second"
FIXED = (1, 2, 4, 8, 16, 32, 64)
HIGHEST = 64
LEAST = 0.9
YIELD_SECONDS = 10
LONGEST = 0.04
"""`target.maxLatencyMs` of the rows of a live target, in seconds."""
LEAST_LIVE = 0.8
LIVE_SECONDS = 20.0
SETTLED_SECONDS = 5.0


@dataclass(slots=True)
class Simulated:
    """A server with so many `slots`, each busy for about `service` seconds a batch."""

    slots: int
    service: float
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    busy: int = 0

    async def serve(self) -> None:
        """One batch, after those that came before."""
        if self.busy >= self.slots:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            await turn
        else:
            self.busy += 1
        await asyncio.sleep(self.service * self.chance.uniform(0.7, 1.3))
        if self.waiting:
            self.waiting.popleft().set_result(None)
        else:
            self.busy -= 1


KINDS: dict[str, Callable[[], Sequence[Simulated]]] = {
    "fast: 8 slots of 1 ms": lambda: [Simulated(8, 0.001)],
    "slow: 16 slots of 100 ms": lambda: [Simulated(16, 0.1)],
    "one slot of 5 ms": lambda: [Simulated(1, 0.005)],
    "wide: 32 slots of 20 ms": lambda: [Simulated(32, 0.02)],
    "uneven: 8 slots each of 5, 20, 50 ms": lambda: [
        Simulated(8, service) for service in (0.005, 0.02, 0.05)
    ],
}


def figure(extent: Extent) -> Figure:
    """A row for each kind of target, and one for yielding to another client."""
    seconds = 20 if extent.quick else 60
    rows = []
    for what, servers in KINDS.items():
        fixed = [throughput(servers(), seconds, highest=n, lowest=n) for n in FIXED]
        best = max(fixed)
        ours = throughput(servers(), seconds, highest=HIGHEST)
        row = Row(what, ours, "/s", best, f">= {LEAST:g} of it", ours >= LEAST * best)
        rows.append(row)
    before, after = yielding()
    what = f"writers, {YIELD_SECONDS} s after another client came"
    rows.append(Row(what, after, "", before, "<= 1/2", after <= before / 2))
    return Figure(TITLE, [*rows, *_live()])


def throughput(
    servers: Sequence[Simulated], seconds: float, *, highest: int, lowest: int = 4
) -> float:
    """Batches a second of 64 writers behind a limiter between these bounds."""

    async def scene() -> float:
        limiter = Limiter(highest, lowest, virtual_time.now)
        done = await asyncio.gather(
            *(_write(servers, limiter, seconds, number) for number in range(HIGHEST))
        )
        return sum(done) / seconds

    return virtual_time.run(scene)


def yielding() -> tuple[float, float]:
    """The limit before, and some seconds after, another client loads all slots twice over."""

    async def scene() -> tuple[float, float]:
        server, limiter = Simulated(8, 0.01), Limiter(HIGHEST, clock=virtual_time.now)
        async with asyncio.TaskGroup() as group:
            for number in range(HIGHEST):
                group.create_task(_write([server], limiter, 20 + YIELD_SECONDS, number))
            await asyncio.sleep(20)
            before = limiter.limit
            for _ in range(2 * server.slots):
                group.create_task(_load(server, YIELD_SECONDS))
            await asyncio.sleep(YIELD_SECONDS - 0.1)
            return before, limiter.limit

    return virtual_time.run(scene)


def _live() -> Iterator[Row]:
    """A copy that protects its target, beside the best fixed number of writers that does."""
    found = [beside_a_client(highest=n, lowest=n) for n in FIXED]
    best = max(rate for rate, latency in found if latency <= 2 * LONGEST)
    ours, latency = beside_a_client(highest=HIGHEST, longest=LONGEST)
    what = f"target.maxLatencyMs {1000 * LONGEST:g} beside another client"
    yield Row(what, ours, "/s", best, f">= {LEAST_LIVE:g} of it", ours >= LEAST_LIVE * best)
    holds = latency <= 2 * LONGEST
    what = "  99th percentile of that client's answers"
    yield Row(what, 1000 * latency, "ms", None, f"<= {2000 * LONGEST:g} ms", holds)


def beside_a_client(
    *, highest: int, lowest: int = 4, longest: float | None = None
) -> tuple[float, float]:
    """Batches a second of a copy, and the 99th percentile of the seconds that another client's
    requests take, of which one comes every 20 ms to the same server."""

    async def scene() -> tuple[float, float]:
        server, answers = Simulated(8, 0.02), list[float]()
        limiter = Limiter(highest, lowest, virtual_time.now, longest=longest)

        async def request() -> None:
            began = virtual_time.now()
            await server.serve()
            if began > SETTLED_SECONDS:
                answers.append(virtual_time.now() - began)

        async with asyncio.TaskGroup() as group:
            copying = [
                group.create_task(_write([server], limiter, LIVE_SECONDS, number))
                for number in range(HIGHEST)
            ]
            while virtual_time.now() < LIVE_SECONDS:
                group.create_task(request())
                await asyncio.sleep(0.02)
        done = sum(each.result() for each in copying)
        return done / LIVE_SECONDS, sorted(answers)[int(0.99 * len(answers))]

    return virtual_time.run(scene)


async def _write(
    servers: Sequence[Simulated], limiter: Limiter, seconds: float, number: int
) -> int:
    done = 0
    while virtual_time.now() < seconds:
        async with limiter.slot():
            await servers[(number + done) % len(servers)].serve()
        done += 1
    return done


async def _load(server: Simulated, seconds: float) -> None:
    end = virtual_time.now() + seconds
    while virtual_time.now() < end:
        await server.serve()
