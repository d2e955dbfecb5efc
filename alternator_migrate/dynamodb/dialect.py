"""Limits of a kind of server, and the target table that fits them.

What a server refuses or widens is a value, `Dialect`; each consequence for a table is told as
one sentence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Tags = Mapping[str, str]
SCYLLADB_TAGS: Final = "system:"
_USER_SYSTEM_TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "system:write_isolation": (
        *("a", "always", "always_use_lwt", "f", "forbid", "forbid_rmw"),
        *("o", "only_rmw_uses_lwt", "u", "unsafe", "unsafe_rmw"),
    ),
    "system:initial_tablets": (),
}
_ALTERNATOR_TAG = re.compile(r"[A-Za-z0-9\s+\-=._:/]*\Z", re.ASCII)
_INTERNAL: Final = re.compile(r"\A\.scylla\.alternator\.|\$paxos\Z|_scylla_cdc_log\Z")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Limits of a kind of server.

    `table_name` is the longest name; `view_name` bounds table name + index name together (0:
    unbounded); `keys_per_type` the most HASH or RANGE elements of an index key; `tags` the
    most tags that fit; `own_tags` those of a reserved name that a user may set, with the values
    that they may have (none: any); `internal` finds the names of tables that it keeps to itself;
    `filters_by_value` says that a filter finds a number in any notation.
    """

    name: str
    table_name: int
    view_name: int
    projects_all: bool
    keys_per_type: int
    tags: int
    tag_text: re.Pattern[str] | None
    reserved_tags: tuple[str, ...]
    own_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reserved_keys: frozenset[str] = frozenset()
    internal: re.Pattern[str] | None = None
    filters_by_value: bool = True


DYNAMODB: Final = Dialect(
    name="DynamoDB",
    table_name=255,
    view_name=0,
    projects_all=False,
    keys_per_type=4,
    tags=50,
    tag_text=None,
    reserved_tags=("aws:",),
)
ALTERNATOR: Final = Dialect(
    name="Alternator",
    table_name=192,
    view_name=222,
    projects_all=True,
    keys_per_type=1,
    tags=46,
    tag_text=_ALTERNATOR_TAG,
    reserved_tags=(SCYLLADB_TAGS,),
    own_tags=_USER_SYSTEM_TAGS,
    reserved_keys=frozenset({":attrs"}),
    internal=_INTERNAL,
    filters_by_value=False,
)
