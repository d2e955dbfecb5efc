"""What becomes of an item between source and target, in the one place where it does."""

from alternator_migrate.connectors.transform.shaping import (
    Shaping,
    check_attributes,
    shaped,
    shaping_of,
)

__all__ = ["Shaping", "check_attributes", "shaped", "shaping_of"]
