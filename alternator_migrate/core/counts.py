"""Counts of items, changes and differences, which add up."""

from dataclasses import dataclass, replace
from typing import Self


class Sum:
    """A dataclass with slots whose instances add up, field by field."""

    __slots__: tuple[str, ...] = ()

    def __add__(self, other: Self) -> Self:
        names = self.__slots__
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True)
class ChangeCounts(Sum):
    """Changes of one table, since following began.

    Of those `read`, the `superseded` ones were followed by a newer change of their key before
    they were written; `expired` of the `applied` ones are deletions by TTL; a transform `dropped`
    some that leave nothing to be written or deleted.
    """

    read: int = 0
    applied: int = 0
    superseded: int = 0
    rejected: int = 0
    expired: int = 0
    dropped: int = 0

    def settled(self, rejects: int) -> "ChangeCounts":
        """The same, when of the rejected ones `rejects` are left and others have come instead."""
        gone = self.rejected - rejects
        return replace(self, superseded=self.superseded + gone, rejected=rejects)

    @property
    def accounted(self) -> bool:
        """Whether read = applied + superseded + dropped + rejected."""
        return self.read == self.applied + self.superseded + self.dropped + self.rejected

    def figures(self) -> dict[str, int]:
        """The counts by their names; those that only a transform brings, where it did."""
        counts = {name: getattr(self, name) for name in self.__slots__}
        if not self.dropped:
            del counts["dropped"]
        return counts


@dataclass(frozen=True, slots=True)
class Counts(Sum):
    """Items of one table, since the start of the migration: those of the source.

    A transform `dropped` some; where it made several of one, `extra` are the items that the target
    has beyond one for each that is `written`.
    """

    read: int = 0
    written: int = 0
    skipped_expired: int = 0
    rejected: int = 0
    dropped: int = 0
    extra: int = 0

    def figures(self) -> dict[str, int]:
        """The counts by their names; those that only a transform brings, where it did."""
        counts = {name: getattr(self, name) for name in self.__slots__}
        if not (self.dropped or self.extra):
            del counts["dropped"], counts["extra"]
        return counts

    @property
    def handled(self) -> int:
        """Items that are done with: written + skipped_expired + dropped + rejected."""
        return self.written + self.skipped_expired + self.dropped + self.rejected

    @property
    def skipped_text(self) -> str:
        """The items that were not to be written, for a person: the expired ones, and where there
        are such, those that the transform dropped."""
        dropped = f" + dropped {self.dropped:,}" if self.dropped else ""
        return f"{self.skipped_expired:,}{dropped}"

    @property
    def left_out(self) -> int:
        """Items that were not to be written: skipped_expired + dropped."""
        return self.skipped_expired + self.dropped

    @property
    def accounted(self) -> bool:
        """Whether read = written + skipped_expired + dropped + rejected."""
        return self.read == self.handled

    def settled(self, rejects: int) -> "Counts":
        """The same, when of the rejected ones `rejects` are left and the others were written."""
        gone = self.rejected - rejects
        return replace(self, written=self.written + gone, rejected=rejects)


@dataclass(frozen=True, slots=True)
class ValidationCounts(Sum):
    """The counts of a validation: `compared` items of the source, differences by kind, and how many
    of these are repaired."""

    compared: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    repaired: int = 0

    @property
    def found(self) -> int:
        """Differences of all kinds, repaired or not."""
        return self.missing + self.different + self.extra

    @property
    def left(self) -> int:
        """Differences that are there still."""
        return self.found - self.repaired
