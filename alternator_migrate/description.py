"""The words for tables: what a server says of one, and what a migration can create again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

KeyType: TypeAlias = Literal["HASH", "RANGE"]


@dataclass(frozen=True, slots=True)
class KeyElement:
    """One element of a key schema."""

    name: str
    type: KeyType


@dataclass(frozen=True, slots=True)
class Throughput:
    """Provisioned capacity, in units per second."""

    read: int
    write: int


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index; `projection` is a Projection as the API has it; `throughput` is None
    for a local index and on demand."""

    name: str
    keys: tuple[KeyElement, ...]
    local: bool
    projection: Mapping[str, object]
    throughput: Throughput | None = None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """All of a table's description that a migration can create again.

    `attributes` maps each key attribute to its type, S, N or B; `throughput` is None on demand.
    """

    name: str
    keys: tuple[KeyElement, ...]
    attributes: Mapping[str, str]
    indexes: tuple[Index, ...] = ()
    throughput: Throughput | None = None
    ttl_attribute: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the table's own key attributes, HASH first."""
        return tuple(element.name for element in self.keys)

    def with_indexes(self, indexes: Sequence[Index]) -> "TableSpec":
        """The same table with these indexes, and only the attributes that keys still use."""
        used = {element.name for element in self.keys}
        used |= {element.name for index in indexes for element in index.keys}
        attributes = {name: kind for name, kind in self.attributes.items() if name in used}
        return replace(self, indexes=tuple(indexes), attributes=attributes)


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as a server describes it now.

    `id` tells it from a table of the same name made before or after (its id, or when it was
    created). `items` and `size` (bytes) are the server's own, hours old or absent (0).
    `left_out` names what the table has that no migration copies (encryption settings, ...).
    `denied` has the operations that the server does not allow, with the right that is lacking.
    """

    spec: TableSpec
    id: str
    status: str
    items: int = 0
    size: int = 0
    left_out: tuple[str, ...] = ()
    arn: str = ""
    denied: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableStream:
    """A table's newest stream; `view` is its view type, NEW_IMAGE and so on."""

    arn: str
    view: str
    enabled: bool
