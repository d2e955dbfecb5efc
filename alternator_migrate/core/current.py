"""The table that a task works for, where a run has many: what is logged there is told with it."""

from contextvars import ContextVar
from typing import Final

TABLE: Final[ContextVar[str]] = ContextVar("table", default="")
"""The name of the source table; "" where the run has one table only."""
