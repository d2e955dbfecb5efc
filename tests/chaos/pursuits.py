"""What one seed of following stands for, decided beforehand.

Events happen at counts of requests to the source, so that they fall into every phase.
"""

import random
from dataclasses import dataclass

from tests.chaos.schedule import NODES, WRITE_FAULTS, Ending

READ_FAULTS = ("throttle", "internal_500", "reset_before", "reset_after", "truncate")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the tool: how it is ended after so many further requests to the source."""

    ending: Ending
    after: int


@dataclass(frozen=True, slots=True)
class Death:
    """After so many seconds a node dies, and it comes back after some more."""

    node: int
    after: float
    back: float


@dataclass(frozen=True, slots=True)
class Pursuit:
    """All of a seed. `pause` is the mean time between two changes, seconds; `spool_bytes` what may
    be kept while the copy lasts; `slow` how long each batch takes at the target."""

    seed: int
    items: int
    changes: int
    pause: float
    segments: int
    batch: int
    interval: float
    spool_bytes: int
    slow: float
    read_faults: tuple[tuple[str, float], ...]
    write_faults: tuple[tuple[str, float], ...]
    skew: tuple[float, ...]
    deaths: tuple[Death, ...]
    attempts: tuple[Attempt, ...]


def pursuit(seed: int) -> Pursuit:
    """The schedule of a seed; always the same one."""
    chance = random.Random(seed + 10_000)
    endings: tuple[Ending, ...] = ("kill", "kill", "kill", "term", "int")
    return Pursuit(
        seed=seed,
        items=chance.randint(50, 400),
        changes=chance.randint(100, 600),
        pause=chance.choice((0.0, 0.005, 0.02)),
        segments=chance.choice((1, 3, 8)),
        batch=chance.choice((1, 5, 25)),
        interval=chance.choice((0.1, 0.3, 1.0, 60.0)),
        spool_bytes=chance.choice((0, 30_000, 200_000, 10_000_000, 10_000_000)),
        slow=chance.choice((0.0, 0.01, 0.05)),
        read_faults=_rates(chance, READ_FAULTS, 0.05),
        write_faults=_rates(chance, WRITE_FAULTS, 0.02),
        skew=tuple(chance.choice((0.0, 0.7, -0.7)) for _ in range(NODES)),
        deaths=tuple(
            Death(chance.randrange(NODES), chance.uniform(0, 8), chance.uniform(0.2, 2))
            for _ in range(chance.choice((0, 0, 1, 2)))
        ),
        attempts=tuple(
            Attempt(chance.choice(endings), chance.randint(1, 40))
            for _ in range(chance.randint(1, 4))
        ),
    )


def _rates(
    chance: random.Random, kinds: tuple[str, ...], most: float
) -> tuple[tuple[str, float], ...]:
    return tuple(
        (kind, round(chance.uniform(0, most), 3)) for kind in kinds if chance.random() < 0.4
    )
