"""An in-memory stand-in for ScyllaDB Alternator, with its habits, its errors and its failures."""

from tests.standin.faults import KINDS, Faults
from tests.standin.server import Node, StandIn
from tests.standin.store import Settings

__all__ = ["KINDS", "Faults", "Node", "Settings", "StandIn"]
