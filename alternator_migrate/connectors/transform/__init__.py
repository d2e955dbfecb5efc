"""What becomes of an item between source and target, in the one place where it does."""

from alternator_migrate.connectors.transform.changes import ChangeMaker, TransformedChanges
from alternator_migrate.connectors.transform.code import TransformCode, find_code
from alternator_migrate.connectors.transform.lookup import NO_WAY_BACK, TransformedLookup
from alternator_migrate.connectors.transform.rehearsal import Rehearsal, Tried, rehearse
from alternator_migrate.connectors.transform.shaping import (
    Shaping,
    check_attributes,
    shaping_of,
)
from alternator_migrate.connectors.transform.source import reshaper_of, shaped, transformed

__all__ = [
    "NO_WAY_BACK",
    "ChangeMaker",
    "Rehearsal",
    "Shaping",
    "TransformCode",
    "TransformedChanges",
    "TransformedLookup",
    "Tried",
    "check_attributes",
    "find_code",
    "rehearse",
    "reshaper_of",
    "shaped",
    "shaping_of",
    "transformed",
]
