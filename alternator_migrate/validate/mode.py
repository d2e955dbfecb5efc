"""Modes of comparison: by digests or by look-ups."""

from dataclasses import dataclass
from typing import Final, Literal

from alternator_migrate.config import Settings
from alternator_migrate.connectors import Pair
from alternator_migrate.core.model import DifferenceKind
from alternator_migrate.core.state import ValidationState
from alternator_migrate.dynamodb.table_schema import TableState

ComparisonMode = Literal["auto", "digest", "lookup"]
_FEW_ITEMS: Final = 10_000
MOST_SEGMENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ValidateOptions:
    """A validation as a person asks for it; `sample` is a share of the items, None for all."""

    mode: ComparisonMode = "auto"
    sample: float | None = None
    repair: bool = False
    delete_extra: bool = False
    show_values: bool = False
    transform_changed: bool = False


def choose_mode(
    settings: Settings, options: ValidateOptions, state: TableState
) -> tuple[Literal["digest", "lookup"], str]:
    """The mode in which a table in this state will be compared, and the reason."""
    if options.sample:
        return "lookup", f"a sample of {options.sample * 100:.4g}%"
    if options.mode != "auto":
        return options.mode, "as asked for"
    if settings.validation.floating_point_tolerance:
        return "lookup", "digests know no tolerance"
    if 0 < state.items < _FEW_ITEMS:
        return "lookup", f"fewer than {_FEW_ITEMS:,} items"
    return "digest", "each side is read once" if state.items else "the size is not known"


def repairs(settings: Settings, options: ValidateOptions) -> frozenset[DifferenceKind]:
    """The kinds of differences that are to be repaired."""
    kinds: set[DifferenceKind] = {"missing", "different"} if options.repair else set()
    if settings.validation.copy_missing_rows:
        kinds.add("missing")
    if options.delete_extra:
        kinds.add("extra")
    return frozenset(kinds)


def mode_text(
    settings: Settings, options: ValidateOptions, pair: Pair, begun: ValidationState | None = None
) -> str:
    """The mode of the comparison and the reason, for a person."""
    mode, why = choose_mode(settings, options, pair.inspection.source)
    mode = mode_of(begun) if begun else mode
    words = {"digest": "digests, then look-ups where they differ", "lookup": "look-ups by key"}
    return f"{words[mode]} ({'as begun' if begun else why})"


def mode_of(comparison: ValidationState) -> Literal["digest", "lookup"]:
    """The mode of a comparison that has begun."""
    return "digest" if comparison.stage == "digests" or comparison.digests else "lookup"
