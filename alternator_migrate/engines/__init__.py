"""Where work is done: here, in processes, on Dask."""

from alternator_migrate.engines.choose import (
    EngineOptions,
    OpenEngine,
    WorkFacts,
    choose,
    in_workers,
    open_engine,
)
from alternator_migrate.engines.in_turn import InTurn
from alternator_migrate.engines.local import Local

__all__ = [
    "EngineOptions",
    "InTurn",
    "Local",
    "OpenEngine",
    "WorkFacts",
    "choose",
    "in_workers",
    "open_engine",
]
