"""Where work is done: here, in processes, on Dask."""

from alternator_migrate.engines.choose import EngineOptions, WorkFacts, choose, open_engine
from alternator_migrate.engines.local import Local

__all__ = ["EngineOptions", "Local", "WorkFacts", "choose", "open_engine"]
