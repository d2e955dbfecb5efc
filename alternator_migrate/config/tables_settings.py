"""The section `tables`: many tables in one run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from alternator_migrate.config.kinds import Wrong, integer, key, list_of, one_of
from alternator_migrate.config.patterns import (
    Pattern,
    pattern,
    rename_rules,
    tag_globs,
)

_OF_THE_RUN: Final = (
    *("type", "table", "region", "endpoint", "credentials", "alternator", "streamChanges"),
    *("skipInitialSnapshotTransfer", "datacenter", "rack", "activeRefreshIntervalMs"),
    *("idleRefreshIntervalMs", "compression", "optimizeHeaders", "maxConnections"),
    *("connectionMaxIdleTimeMs", "connectionTimeToLiveMs", "connectionAcquisitionTimeoutMs"),
    *("connectionTimeoutMs", "removeConsumedCapacity"),
)
"""Keys of a side that all tables of a run have in common."""
_OWN: Final = (
    *("source", "target", "renames", "skipSegments", "transform", "validation", "maxRejects"),
    *("spool",),
)
"""Sections and keys that a table may have of its own."""


def overrides(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """For names and patterns of tables, what is configured otherwise for them."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of tables' names to sections")
    wrong = [each for name, own in value.items() for each in _wrong_override(str(name), own)]
    if wrong:
        raise Wrong(wrong)
    return {str(name): own for name, own in value.items()}


def _wrong_override(name: str, own: Any) -> list[tuple[str, str]]:
    try:
        pattern(name)
    except ValueError as error:
        return [(f".{name}", str(error))]
    if not isinstance(own, dict):
        return [(f".{name}", "must be a section such as {source: {scanSegments: 64}}")]
    known = ", ".join(_OWN)
    wrong = [
        (f".{name}.{each}", f"is the same for all tables of a run; a table's own are {known}")
        for each in own
        if each not in _OWN
    ]
    for side in ("source", "target"):
        section = own.get(side)
        if section is not None and not isinstance(section, dict):
            wrong.append((f".{name}.{side}", "must be a section with keys of its own"))
        for each in section if isinstance(section, dict) else ():
            if each in _OF_THE_RUN:
                wrong.append((f".{name}.{side}.{each}", "is the same for all tables of a run"))
    return wrong


@dataclass(frozen=True, slots=True)
class TablesSettings:
    """The tables of a run, in place of the two keys `table`."""

    include: tuple[Pattern, ...] = key(
        list_of(pattern), "names, globs and /regexes/ of tables to move", default=()
    )
    include_tags: Mapping[str, str] = key(
        tag_globs, "move only tables that have these AWS tags; values may be globs", default={}
    )
    exclude: tuple[Pattern, ...] = key(
        list_of(pattern), "takes tables away from those included", default=()
    )
    rename: Mapping[str, str] = key(
        rename_rules, "names on the target; a pattern has one * on either side", default={}
    )
    concurrency: int = key(integer(1, 64), "tables copied or compared at once", default=4)
    on_error: Literal["continue", "stop"] = key(
        one_of("continue", "stop"),
        "what the others do when one table fails: continue or stop",
        default="continue",
    )
    overrides: Mapping[str, Mapping[str, Any]] = key(
        overrides, "for names and patterns of tables, what is otherwise for them", default={}
    )
