"""What one seed stands for: a table, a configuration, and what goes wrong, all decided beforehand.

Events happen at counts of requests, not at times of a clock, so that a schedule replays.
"""

import random
from dataclasses import dataclass
from typing import Literal

from alternator_migrate.core.gate import DRAIN_SECONDS

Ending = Literal["kill", "term", "int", "full disk", "none"]

NODES = 3
SCAN_FAULTS = (
    "throttle",
    "internal_500",
    "service_unavailable_503",
    "reset_before",
    "reset_after",
    "truncate",
    "bad_crc",
)
WRITE_FAULTS = (
    "partial_500",
    "error_500",
    "overload",
    "overload_close",
    "reset_before_write",
    "reset_after_write",
)


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """After so many writes at the cluster, a node dies or comes back."""

    at: int
    node: int
    alive: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """For how many seconds a run is paused; unless it is `resumed`, it is ended in its pause."""

    seconds: float
    resumed: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the tool: how it is ended after so many further writes, by how many seconds its
    wall clock is off, and how long each of its fsyncs takes, seconds. A `pause` comes after so many
    writes; one that is resumed is followed by as many."""

    ending: Ending
    after: int
    clock: float
    fsync: float
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """All of a seed. `expired` of the items have a TTL in the past; rates are probabilities."""

    seed: int
    items: int
    expired: int
    composite: bool
    segments: int
    page_bytes: int
    batch: int
    readers: int
    writers: int
    interval: float
    scan_faults: tuple[tuple[str, float], ...]
    write_faults: tuple[tuple[str, float], ...]
    nodes: tuple[NodeEvent, ...]
    attempts: tuple[Attempt, ...]


def schedule(seed: int) -> Schedule:
    """The schedule of a seed; always the same one."""
    chance, held = random.Random(seed), random.Random(-seed - 1)
    items = chance.randint(200, 1200)
    batch = chance.choice((1, 5, 10, 25))
    writes = items // batch
    return Schedule(
        seed=seed,
        items=items,
        expired=chance.choice((0, 0, items // 20)),
        composite=chance.random() < 0.5,
        segments=chance.choice((1, 2, 3, 7, 16, 64)),
        page_bytes=chance.choice((1_000, 4_000, 16_000)),
        batch=batch,
        readers=chance.choice((1, 2, 8)),
        writers=chance.choice((1, 4, 16)),
        interval=chance.choice((0.1, 0.3, 1.0)),
        scan_faults=_rates(chance, SCAN_FAULTS, 0.04),
        write_faults=_rates(chance, WRITE_FAULTS, 0.03),
        nodes=tuple(_deaths(chance, writes)),
        attempts=tuple(_attempt(chance, held, writes) for _ in range(chance.randint(1, 4))),
    )


def _rates(
    chance: random.Random, kinds: tuple[str, ...], most: float
) -> tuple[tuple[str, float], ...]:
    return tuple(
        (kind, round(chance.uniform(0, most), 3)) for kind in kinds if chance.random() < 0.5
    )


def _deaths(chance: random.Random, writes: int) -> list[NodeEvent]:
    events = []
    for _ in range(chance.randint(0, 3)):
        node, at = chance.randrange(NODES), chance.randint(1, max(writes, 2))
        events.append(NodeEvent(at, node, alive=False))
        events.append(NodeEvent(at + chance.randint(1, max(writes // 4, 2)), node, alive=True))
    return sorted(events, key=lambda event: event.at)


def _attempt(chance: random.Random, held: random.Random, writes: int) -> Attempt:
    endings: tuple[Ending, ...] = ("kill", "kill", "kill", "term", "int", "full disk")
    return Attempt(
        ending=chance.choice(endings),
        after=chance.randint(0, max(writes // 2, 1)),
        clock=chance.choice((0.0, 0.0, -7200.0, 3600.0)),
        fsync=chance.choice((0.0, 0.0, 0.05)),
        pause=_pause(held) if held.random() < 0.3 else None,
    )


def _pause(held: random.Random) -> Pause:
    """While it begins, or when all that was read is written, too."""
    return Pause(held.choice((0.1, 1.0, DRAIN_SECONDS + 0.5)), resumed=held.random() < 0.5)
